"""Plain values from the pickles that PyTorch writes, without PyTorch and without running them.

A pickle may call anything that can be imported. Here nothing is imported: what is not made of
plain values becomes an ``Opaque``, which keeps its arguments and its state, and does nothing.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

#: bytes of a pickle that are read at most: what says how far a training run is is small
_LARGEST = 256 * 2**20


class UnreadableError(Exception):
    """The file is not a whole pickle, or one that is too large to be looked at."""


class Opaque:
    """What a pickle would have made of something that is not plain; ``arguments`` are those of
    its making, and its state are its attributes."""

    arguments: tuple[Any, ...]
    items: list[tuple[Any, Any]]

    def __new__(cls, *arguments: Any, **named: Any) -> Opaque:
        made = super().__new__(cls)
        made.arguments, made.items = arguments, []
        made.__dict__.update(named)
        return made

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update({k: v for k, v in part.items() if isinstance(k, str)})

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def append(self, value: Any) -> None:
        self.items.append((None, value))

    def extend(self, values: Any) -> None:
        self.items.extend((None, value) for value in values)

    def __hash__(self) -> int:
        return id(self)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        return type(name, (Opaque,), {"__module__": module})

    def persistent_load(self, pid: Any) -> Any:
        return Opaque(pid)  # a tensor's storage


def read_pickle(content: bytes) -> Any:
    """The value that ``content`` pickles.

    Raises:
        UnreadableError: it is not a whole pickle.
    """
    try:
        return _Reader(io.BytesIO(content)).load()
    except RecursionError as error:
        raise UnreadableError("nested too deeply") from error
    except Exception as error:  # a broken pickle fails in any way
        raise UnreadableError(f"not a whole pickle: {error}") from error


def read_torch(path: Path) -> Any:
    """The value that ``torch.save`` wrote to ``path``, each tensor an ``Opaque``.

    Raises:
        UnreadableError: it is not a whole file of PyTorch's present format (a zip file). OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((n for n in archive.namelist() if n.endswith("/data.pkl")), None)
            if name is None or archive.getinfo(name).file_size > _LARGEST:
                raise UnreadableError("no pickle of a size to be looked at")
            return read_pickle(archive.read(name))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnreadableError(str(error)) from error

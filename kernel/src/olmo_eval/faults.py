"""Whose code did something: where an exception comes from, and where a thing was registered."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from attrs import frozen

from olmo_eval.errors import OlmoEvalError

#: the top-level module of the kernel
KERNEL = "olmo_eval"
#: how the module of a plugin that is a plain file is called, before the file's name
FILE_MODULE = "olmo_eval_plugin_"
HINT = "--debug shows the traceback"


@frozen
class Location:
    """A line of code: its module, and its file and line as text."""

    module: str
    text: str

    @property
    def root(self) -> str:
        return self.module.partition(".")[0]


@frozen(eq=False)
class Place:
    """Where something was registered: a line of a module, in one execution of that module.

    ``execution`` is the module's ``__spec__``, which Python makes anew whenever it imports or
    reloads the module. ``interactive``: a prompt or a notebook, which has no file. ``shown`` is
    what people call the module.
    """

    module: str
    line: int
    execution: Any = None
    interactive: bool = False
    shown: str = ""

    @classmethod
    def of(cls, frame: FrameType) -> Place:
        names = frame.f_globals
        module = module_of(frame)
        shown = module
        if module.startswith(FILE_MODULE):
            shown = Path(frame.f_code.co_filename).name
        return cls(module, frame.f_lineno, names.get("__spec__"), "__file__" not in names, shown)

    @classmethod
    def of_caller(cls, *through: str) -> Place:
        """The innermost line outside of the packages ``through``, by default the kernel: the one
        that holds the decorator."""
        passed = through or (KERNEL,)
        frame: FrameType | None = sys._getframe(1)
        here = frame
        while frame is not None and _is_in(module_of(frame), passed):
            frame = frame.f_back
        found = frame or here
        assert found is not None
        return cls.of(found)

    def __str__(self) -> str:
        return f"{self.shown}:{self.line}"

    def replaces(self, other: Place | None) -> bool:
        """Whether this is the same module as ``other``, executed anew."""
        if other is None or other.module != self.module:
            return False
        return self.interactive or self.execution is not other.execution


def _is_in(module: str, packages: Collection[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def reason(error: BaseException) -> str:
    """An exception on one line: its message if it is meant for people, else its type as well."""
    if isinstance(error, OlmoEvalError):
        return error.message
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)})"
    try:
        said = str(error)
    except Exception as broken:
        said = f"(its message failed: {type(broken).__name__})"
    return " ".join(f"{type(error).__name__}: {said}".split()).removesuffix(":")


def locations(error: BaseException) -> Iterator[Location]:
    """The lines that the exception passed through, outermost first."""
    trace = error.__traceback__
    while trace is not None:
        yield Location(module_of(trace.tb_frame), _text(trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next


def innermost(error: BaseException, roots: Collection[str]) -> Location | None:
    """The innermost line in a module below one of ``roots``; None where there is none.

    A file that Python could not even read as code is such a line of itself.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return Location(next(iter(roots), ""), f"{_short(error.filename)}:{error.lineno}")
    found = [where for where in locations(error) if where.root in roots]
    return found[-1] if found else None


def located(error: BaseException, roots: Collection[str]) -> str:
    """``reason``, and the line below one of ``roots`` that it comes from."""
    where = None if isinstance(error, OlmoEvalError) else innermost(error, roots)
    return f"{reason(error)} ({where.text})" if where else reason(error)


def module_of(frame: FrameType) -> str:
    """The name of the module that a frame's code is in."""
    return str(frame.f_globals.get("__name__", ""))


def _text(frame: FrameType, line: int) -> str:
    return f"{_short(frame.f_code.co_filename)}:{line}"


def _short(file: str) -> str:
    """A file as a person in the current folder would name it."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file

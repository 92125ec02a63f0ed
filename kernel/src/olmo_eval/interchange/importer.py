"""Logs of another program, read as runs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from olmo_eval import plugins
from olmo_eval.errors import PluginError, UsageError
from olmo_eval.interchange.imported import ImportedRun


class Importer:
    """Base of what reads the logs of another program.

    What a log does not say is left open (``ImportedMetric.higher_is_better``) or said
    (``Losses.assume``), and never guessed silently.
    """

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether a file or folder is a log of the program; looks at little of it."""
        raise NotImplementedError(f"{cls.__name__} does not say what it reads")

    def read(self, path: Path) -> Iterable[ImportedRun]:
        """The runs in a file or folder.

        Raises:
            DataError: it cannot be read; names the file and the place in it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to read")


def importer_of(path: Path, name: str | None = None) -> tuple[str, Importer]:
    """The importer called ``name``, else the one that recognizes ``path``, with its name.

    Raises:
        UnknownNameError: there is no such importer. UsageError: there is no such file, or none or
            several recognize it.
    """
    registry = plugins.manager().registry("importers")
    if not path.exists():
        raise UsageError(f"{path} does not exist")
    if name is not None:
        kind: type[Importer] = registry.get(name)
        return name, kind()
    kinds: dict[str, type[Importer]] = {}
    for known in registry.names():
        with suppress(PluginError):  # one that cannot be imported recognizes nothing
            kinds[known] = registry.get(known)
    found = [known for known, kind in kinds.items() if kind.recognizes(path)]
    if len(found) == 1:
        return found[0], kinds[found[0]]()
    if found:
        raise UsageError(f"{path} may be of {' or '.join(found)}", hint="say which with --format")
    listed = ", ".join(kinds) or "none: pip install olmo-eval-formats"
    raise UsageError(
        f"{path} is no log that an importer recognizes", hint=f"there are importers for: {listed}"
    )

"""A task at a terminal, and what it is checked by."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from olmo_eval.common.types import Instance


@frozen
class Script:
    """A script with the files beside it, put into an environment to be run.

    ``files`` by their paths below ``folder``; ``name`` is the one that ``bash`` runs, in the
    working folder, for at most ``timeout`` seconds with ``variables`` set.
    """

    folder: str
    name: str
    files: Mapping[str, bytes] = field(factory=dict)
    variables: Mapping[str, str] = field(factory=dict)
    timeout: float = 600.0

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"


@frozen
class TerminalInstance(Instance):
    """An instruction, with what no model may see and no record holds.

    - ``tests``: what decides whether the agent did it, put in after it has stopped;
    - ``prints``: None where the tests write a reward; ``"pytest"`` where they print a report;
    - ``solution``: what does it; None where the task has none;
    - ``unsupported``: why the task cannot be done here; "" where it can.
    """

    tests: Script = field(factory=lambda: Script("/tests", "test.sh"))
    prints: str | None = None
    solution: Script | None = None
    unsupported: str = ""

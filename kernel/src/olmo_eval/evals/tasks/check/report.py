"""What a check of a task says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from attrs import frozen


class Severity(StrEnum):
    """How bad a finding is.

    - ``error``: scores of this task cannot be trusted;
    - ``warning``: something to look at, which a benchmark may also mean;
    - ``note``: what could not be checked, and why, or what is too rare to matter; no finding.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@frozen
class Finding:
    """One thing that one check found. ``hint`` is the way out, ``instance_id`` an example."""

    check: str
    severity: Severity
    message: str
    instance_id: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        example = f" (instance {self.instance_id})" if self.instance_id is not None else ""
        return f"{self.severity} {self.check}: {self.message}{example}"


@frozen
class StopCut:
    """How many of the gold solutions, ``asked``, hold a stop sequence before their end: ``cut``."""

    cut: int
    asked: int

    @property
    def share(self) -> float:
        return self.cut / self.asked


@frozen
class CheckReport:
    """Everything found about one task: ``looked_at`` of its ``total`` instances were looked at.

    ``stop_cut`` is what the task's own stop sequences do to its gold solutions; None where it has
    none of either.
    """

    task: str
    looked_at: int
    total: int
    findings: tuple[Finding, ...] = ()
    stop_cut: StopCut | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.of(Severity.ERROR)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Errors and warnings, errors first."""
        return (*self.of(Severity.ERROR), *self.of(Severity.WARNING))

    @property
    def notes(self) -> tuple[Finding, ...]:
        return self.of(Severity.NOTE)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is severity)


def error(
    check: str, message: str, *, instance_id: str | None = None, hint: str | None = None
) -> Finding:
    return Finding(check, Severity.ERROR, message, instance_id, hint)


def warning(
    check: str, message: str, *, instance_id: str | None = None, hint: str | None = None
) -> Finding:
    return Finding(check, Severity.WARNING, message, instance_id, hint)


def note(check: str, message: str) -> Finding:
    return Finding(check, Severity.NOTE, message)


def by_share(count: int, asked: int, limit: float = 0.01) -> Callable[..., Finding]:
    """``error`` from a share of ``limit`` on; a few rows of published data are a ``warning``."""
    return error if count >= limit * asked else warning


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first few names, for a message."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def shown(text: object, width: int = 60) -> str:
    """A text for a message: quoted, on one line, shortened in the middle."""
    quoted = repr(text)
    if len(quoted) <= width:
        return quoted
    half = (width - 5) // 2
    return f"{quoted[:half]} ... {quoted[-half:]}"

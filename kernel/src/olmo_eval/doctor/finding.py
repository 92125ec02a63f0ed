"""What a check is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from attrs import frozen


class Level(StrEnum):
    """How a finding matters.

    ``absent`` is something optional that is not here, and no fault; ``warning`` is something that
    is here and does not work, or soon will not; ``problem`` would stop a plain run.
    """

    OK = "ok"
    ABSENT = "absent"
    WARNING = "warning"
    PROBLEM = "problem"


@frozen
class Finding:
    """One line of a checkup: what was looked at, what was found, and what to do about it.

    ``subject`` is what it is about where a check looks at several things. A finding never holds the
    value of a secret.
    """

    level: Level
    found: str
    way_out: str = ""
    subject: str = ""


@frozen
class Checkup:
    """What a check is to look at.

    ``results`` is the folder or URL of results; ``imports`` asks that packages are imported, each
    in a process of its own, where it is otherwise enough that they are installed.
    """

    results: str = "results"
    imports: bool = False


class Check(Protocol):
    """A function that looks at one matter and says what it found.

    It must be quick, import nothing heavy and change nothing; what it raises is a finding, too.
    """

    def __call__(self, checkup: Checkup, /) -> Iterable[Finding]: ...

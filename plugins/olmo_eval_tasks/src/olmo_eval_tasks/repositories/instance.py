"""An issue of a repository, and what decides whether it is solved."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from olmo_eval.common.types import Instance


@frozen
class Change:
    """A change of a repository: a diff for ``git apply``, or whole files by their paths."""

    diff: str = ""
    files: Mapping[str, bytes] = field(factory=dict)

    @property
    def empty(self) -> bool:
        return not (self.diff.strip() or self.files)


@frozen
class Tests:
    """How the tests are run, and which count.

    ``command`` is a line for ``bash`` in the repository's folder, or a script with SWE-bench's
    markers around what the tests print; ``report`` names who reads that. ``fail_to_pass`` must pass
    now, ``pass_to_pass`` must pass still. ``timeout`` is in seconds.
    """

    command: str
    report: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...] = ()
    timeout: float = 1800.0


@frozen
class RepositoryInstance(Instance):
    """An issue, with what no model may see and no record holds.

    - ``tests``: what decides; ``test_change``: what they need in the repository, put in when the
      agent has stopped;
    - ``solution``: the change that solves it, where it is known;
    - ``with_git``: whether the repository is git's, or only the files of ``environment``.
    """

    tests: Tests = field(factory=lambda: Tests("", "pytest", ()))
    test_change: Change = field(factory=Change)
    solution: Change = field(factory=Change)
    with_git: bool = True

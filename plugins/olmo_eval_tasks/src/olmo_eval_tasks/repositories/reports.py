"""What test runners print, read as a status a test."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from olmo_eval.errors import MissingDependencyError, UsageError

#: a report's text -> the status of each test, in pytest's words
Reader = Callable[[str], dict[str, str]]

PASSES = frozenset({"PASSED", "XFAIL"})
MAINTAINED = PASSES | {"SKIPPED"}
_PYTEST = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+)", re.MULTILINE)
_UNITTEST = re.compile(r"^(\w+) \(([\w.]+)\)(?:\n.*)? \.\.\. (ok|FAIL|ERROR|skipped)", re.MULTILINE)
_STATUS = {"ok": "PASSED", "FAIL": "FAILED", "ERROR": "ERROR", "skipped": "SKIPPED"}


def pytest_report(text: str) -> dict[str, str]:
    """The summary that ``pytest -rA`` prints."""
    return {name: status for status, name in _PYTEST.findall(text)}


def unittest_report(text: str) -> dict[str, str]:
    """What ``python -m unittest -v`` prints: each test by its dotted name."""
    found = {}
    for test, owner, word in _UNITTEST.findall(text):
        name = owner if owner.endswith(f".{test}") else f"{owner}.{test}"
        found[name] = _STATUS[word]
    return found


_OWN: Mapping[str, Reader] = {
    "pytest": pytest_report,
    "parse_log_pytest": pytest_report,
    "unittest": unittest_report,
}


def reader(name: str) -> Reader:
    """Who reads reports of this name: ours, or those of the package ``swebench``.

    Raises:
        MissingDependencyError: it is that package's, which is not installed.
        UsageError: nobody knows the name.
    """
    if name in _OWN:
        return _OWN[name]
    try:
        from swebench.harness.log_parsers import PARSER_REGISTRY
    except ImportError as error:
        raise MissingDependencyError(
            f"test reports of {name!r} are read by the package swebench",
            hint="pip install 'olmo-eval-tasks[swebench]'",
        ) from error
    if name not in PARSER_REGISTRY:
        raise UsageError(f"nobody reads test reports of {name!r}")
    parse: Any = PARSER_REGISTRY[name]
    return lambda text: dict(parse(text, None))


def missing(statuses: Mapping[str, str], names: Sequence[str], good: frozenset[str]) -> list[str]:
    """Those of the tests ``names`` that did not end well."""
    return [name for name in names if _status(name, statuses) not in good]


def _status(name: str, statuses: Mapping[str, str]) -> str | None:
    """A test's status. Some published names are cut inside their parameters; such a one stands for
    the tests that begin so, where those agree."""
    if name in statuses or name.count("[") <= name.count("]"):
        return statuses.get(name)
    alike = {status for known, status in statuses.items() if known.startswith(name)}
    if len({status in PASSES for status in alike}) == 1:
        return sorted(alike)[0]
    return None

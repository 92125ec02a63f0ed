"""Comparisons as JUnit XML, which CI systems show."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as xml

from olmo_eval.common.text import visible
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison, TaskComparison

#: verdicts that fail where nothing else is asked for
FAILING = ("worse",)


def clear_junit(path: Path) -> None:
    """Remove what an earlier comparison left: a refused one must not look like it.

    Raises:
        UsageError: it cannot be removed, or nothing can be written there.
    """
    try:
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--junit {path}: {error.strerror or error}") from error


def write_junit(
    path: Path, comparisons: Iterable[Comparison], fail_on: Collection[str] = ()
) -> None:
    """Write a test suite a comparison and a test case a task or suite; a case fails where its
    verdict is one of ``fail_on`` (``worse`` where nothing is said).

    Raises:
        UsageError: the file cannot be written.
    """
    failing = fail_on or FAILING
    suites = [_suite(comparison, failing) for comparison in comparisons]
    root = xml.Element("testsuites", name="olmo-eval compare")
    for name in ("tests", "failures"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.extend(suites)
    xml.indent(root)
    try:
        xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"--junit {path}: {error.strerror or error}") from error


def _suite(comparison: Comparison, failing: Collection[str]) -> xml.Element:
    a, b = comparison.a, comparison.b
    suite = xml.Element("testsuite", name=visible(f"{b.model} against {a.model}"))
    properties = xml.SubElement(suite, "properties")
    facts = {"baseline": a.run_id, "candidate": b.run_id, "verdict": comparison.kind}
    for name, value in facts.items():
        xml.SubElement(properties, "property", name=name, value=value)
    failed = [_case(suite, row, failing) for row in comparison.rows]
    suite.set("tests", str(len(failed)))
    suite.set("failures", str(sum(failed)))
    if comparison.notes:
        xml.SubElement(suite, "system-out").text = visible("; ".join(comparison.notes))
    return suite


def _case(suite: xml.Element, row: TaskComparison, failing: Collection[str]) -> bool:
    """Add a test case; whether it failed."""
    case = xml.SubElement(suite, "testcase", classname=visible(row.name), name=visible(row.metric))
    told = f"{row.score_a:.4f} -> {row.score_b:.4f}: {row.verdict.sentence()}"
    failed = row.verdict.kind in failing
    if failed:
        failure = xml.SubElement(case, "failure", type=row.verdict.kind)
        failure.set("message", row.verdict.sentence())
        failure.text = told
    else:
        xml.SubElement(case, "system-out").text = told
    return failed

"""Check of how many instances there are."""

from __future__ import annotations

from collections.abc import Iterator

from olmo_eval.evals.tasks.check.report import Finding, error
from olmo_eval.evals.tasks.check.subject import Subject
from olmo_eval.evals.tasks.common import Task


def check_instances(subject: Subject) -> Iterator[Finding]:
    """``instances``: there are some, and as many as the task says its published data has."""
    if subject.total == 0:
        yield error("instances", "there are none", hint="look at the data source and process_doc")
    expected = _expected(subject.task)
    if expected is not None and expected != subject.total:
        yield error(
            "instances",
            f"{subject.total:,} instances, but the published data has {expected:,}",
            hint="rows are lost or added: look at process_doc, the split and the data's copy",
        )


def _expected(task: Task) -> int | None:
    """The documented number, where the data is the task's own."""
    said, config = task.expected_instances, task.config
    if said is None or config.data_source is None:
        return None
    own = type(task).default_config(config.name)
    if own.data_source is None or config.data_source != own.data_source:
        return None
    split = config.get_data_source().split
    if isinstance(said, int):
        return said if split == own.get_data_source().split else None
    return said.get(split)

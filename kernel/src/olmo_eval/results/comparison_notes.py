"""What is said beside a comparison: what its numbers leave out, how far to believe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from olmo_eval.common.figures import counted
from olmo_eval.results.anchored_rows import anchored_notes
from olmo_eval.results.deciding import decided_notes
from olmo_eval.results.pairing import primary_metric
from olmo_eval.results.run import Run
from olmo_eval.results.statistics.adequacy import small_sample
from olmo_eval.results.tracking.noise import noise_note

if TYPE_CHECKING:
    from olmo_eval.results.compare import TaskComparison


def remarks(
    a: Run, b: Run, paired: Mapping[str, str], compared: Sequence[TaskComparison]
) -> list[str]:
    """A note for each thing that a reader of the table must know; ``paired`` are the tasks as A
    and as B call them."""
    names_b = paired.values()
    return [
        *decided_notes(a, paired),
        *decided_notes(b, names_b),
        *anchored_notes(a, paired),
        *anchored_notes(b, names_b),
        *_not_means(a, b, paired),
        *_notes(compared),
        *_noise(a, b, compared),
    ]


def _not_means(a: Run, b: Run, names: Mapping[str, str]) -> list[str]:
    """A note for each value of an external eval that is not the mean of its instances' scores."""
    return [
        f"{name}: run {run.run_id} reports a value of {metric['metric']} that is not the mean of "
        "its instances; the instances are what is compared"
        for name, other in names.items()
        for run, called in ((a, name), (b, other))
        for metric in run.task_record(called)["metrics"]
        if metric["key"] == primary_metric(a, name)["key"]
        and metric.get("mean_of_instances") is False
    ]


def _notes(compared: Sequence[TaskComparison]) -> list[str]:
    notes = []
    for row in compared:
        if row.only_a or row.only_b:
            notes.append(
                f"{row.name}: compared on {counted(row.verdict.n, 'shared question')}; "
                f"{row.only_a:,} are scored only in A and {row.only_b:,} only in B"
            )
        if row.missing_a or row.missing_b:
            notes.append(
                f"{row.name}: left out for want of a score: {counted(row.missing_a, 'question')} "
                f"in A, {row.missing_b:,} in B"
            )
        for difference in row.differences:
            notes.append(f"{row.name}: {difference.sentence()} (allowed)")
        few = small_sample(row.verdict.n, row.verdict.n_clusters)
        if few is not None:
            notes.append(f"{row.name}: {few}")
    return notes


def _noise(a: Run, b: Run, compared: Sequence[TaskComparison]) -> list[str]:
    """How many of the differing questions noise explains, where it was measured."""
    notes = (
        noise_note(a, b, row.name, row.verdict.wins + row.verdict.losses, row.verdict.n)
        for row in compared
    )
    return [note for note in notes if note is not None]

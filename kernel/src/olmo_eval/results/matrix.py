"""Several runs, every pair compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, evolve, frozen

from olmo_eval.results.compare import Comparison, TaskComparison, compare
from olmo_eval.results.comparison_text import matrix_lines
from olmo_eval.results.statistics import adjust
from olmo_eval.results.store import Run, Store, default_results
from olmo_eval.results.summary import Score


@frozen
class Matrix:
    """Several runs, every pair compared; all verdicts on tasks adjusted as one family (Holm).

    ``scores`` are the primary scores of each run by itself, by task and suite. Printed it is the
    tables that ``olmo-eval compare`` prints.
    """

    runs: tuple[Run, ...]
    comparisons: Mapping[tuple[int, int], Comparison]
    scores: tuple[Mapping[str, Score], ...]

    def __str__(self) -> str:
        return "\n".join(matrix_lines(self))

    def to_dict(self) -> dict[str, Any]:
        pairs = [
            {"a": i, "b": j, **comparison.to_dict()}
            for (i, j), comparison in self.comparisons.items()
        ]
        runs = [
            {
                "run_id": run.run_id,
                "model": run.model,
                "step": run.facts.step,
                "scores": {name: asdict(score) for name, score in scores.items()},
            }
            for run, scores in zip(self.runs, self.scores, strict=True)
        ]
        return {"runs": runs, "pairs": pairs}

    def row(self, name: str, i: int, j: int) -> TaskComparison | None:
        """The comparison of runs ``i`` < ``j`` on a task or suite; None where they lack it."""
        found = (r for r in self.comparisons[i, j].rows if r.name == name)
        return next(found, None)

    def names(self) -> list[str]:
        """Every task and suite that some pair was compared on, in order."""
        rows = (row.name for comparison in self.comparisons.values() for row in comparison.rows)
        return list(dict.fromkeys(rows))


def compare_many(
    runs: Sequence[str | Run], *, results: str | None = None, **settings: Any
) -> Matrix:
    """Compare every pair of ``runs``; ``settings`` are those of ``compare``.

    Raises:
        UsageError: as ``compare``, naming the pair.
    """
    store = Store(default_results() if results is None else results)
    found = tuple(run if isinstance(run, Run) else store.find(run) for run in runs)
    made = {
        (i, j): compare(found[i], found[j], results=results, **settings)
        for i in range(len(found))
        for j in range(i + 1, len(found))
    }
    scores = tuple({s.name: s for s in run.scores() if s.primary} for run in found)
    return Matrix(found, _adjusted_together(made), scores)


def _adjusted_together(
    made: Mapping[tuple[int, int], Comparison],
) -> dict[tuple[int, int], Comparison]:
    tasks = iter(adjust([row.verdict for c in made.values() for row in c.tasks]))
    suites = [row.verdict for c in made.values() for row in c.suites]
    suite_verdicts = iter(adjust(suites) if suites else [])
    return {
        pair: evolve(
            c,
            tasks=tuple(evolve(row, verdict=next(tasks)) for row in c.tasks),
            suites=tuple(evolve(row, verdict=next(suite_verdicts)) for row in c.suites),
        )
        for pair, c in made.items()
    }

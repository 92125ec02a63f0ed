"""``zebra_grid``: how much of a logic puzzle's grid is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.common.metrics.base import as_scorer, scores_of
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput, Response

#: from a house to its attributes, each with its value
Grid = Mapping[str, Mapping[str, str]]


def read_grid(found: Any) -> Grid | None:
    """The grid in a JSON object: ``{"solution": {"House 1": {"Name": "Ann"}}}``, or the houses
    alone; None where it is something else. Names and values are stripped and in lower case.
    """
    houses = found.get("solution", found) if isinstance(found, dict) else None
    if not isinstance(houses, dict) or not houses:
        return None
    if not all(isinstance(cells, dict) for cells in houses.values()):
        return None
    return {
        _plain(house): {_plain(name): _plain(value) for name, value in cells.items()}
        for house, cells in houses.items()
    }


def _plain(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return " ".join(str(value).split()).casefold()


@frozen
class ZebraGridScorer(Scorer):
    """Share of the cells of the gold grid that the answer fills rightly; 0 without a grid.

    Cells that the answer has besides those of the gold grid do not count.
    """

    name: str = "zebra_grid"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        gold = read_grid(instance.gold_answer)
        if not gold:
            raise ValueError("the instance has no grid for its gold answer")
        answer = read_grid(output.extracted_answer) or {}
        right = sum(
            answer.get(house, {}).get(name) == value
            for house, cells in gold.items()
            for name, value in cells.items()
        )
        return right / number_of_cells(gold)


def number_of_cells(grid: Grid) -> int:
    return sum(len(cells) for cells in grid.values())


@frozen
class _ZebraMetric(Metric):
    scorer: Scorer = field(factory=ZebraGridScorer, converter=as_scorer)


@frozen
class PuzzleAccuracy(_ZebraMetric):
    """Share of puzzles all of whose cells are right."""

    name: str = field(default="puzzle_accuracy", kw_only=True)

    def value(self, response: Response) -> float | None:
        scores = scores_of(response, self.scorer)
        return sum(score == 1 for score in scores) / len(scores)


@frozen
class CellAccuracy(_ZebraMetric):
    """Share of the cells of all puzzles that are right: a large puzzle weighs more."""

    name: str = field(default="cell_accuracy", kw_only=True)
    weighted: ClassVar[bool] = True

    def value(self, response: Response) -> float | None:
        scores = scores_of(response, self.scorer)
        return sum(scores) / len(scores)

    def weight(self, response: Response) -> float:
        return float(number_of_cells(read_grid(response.instance.gold_answer) or {}))


@frozen
class ParsedRate(_ZebraMetric):
    """Share of answers in which a grid is found."""

    name: str = field(default="parsed", kw_only=True)

    def value(self, response: Response) -> float | None:
        grids = [read_grid(output.extracted_answer) for output in response.outputs]
        return sum(grid is not None for grid in grids) / len(grids)

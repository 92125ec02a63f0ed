"""How the scores of a suite's members become one."""

from __future__ import annotations

from enum import StrEnum


class AggregationStrategy(StrEnum):
    """How the scores of a suite's members become one.

    - ``AVERAGE``: mean over all tasks, nested ones included;
    - ``AVERAGE_OF_AVERAGES``: mean over the direct members, a nested suite counting as one with
      the score its own strategy gives it;
    - ``WEIGHTED_AVERAGE``: mean over all tasks, each weighted by its number of instances;
    - ``DISPLAY_ONLY``: members are shown together, no score;
    - ``NONE``: members only, not shown as a suite.

    A suite that averages wants members whose primary metrics have one unit and one direction.
    """

    AVERAGE = "average"
    AVERAGE_OF_AVERAGES = "average_of_averages"
    WEIGHTED_AVERAGE = "weighted_average"
    DISPLAY_ONLY = "display_only"
    NONE = "none"

    @property
    def averages(self) -> bool:
        """Whether the suite has a score of its own."""
        return self not in (type(self).DISPLAY_ONLY, type(self).NONE)

    @property
    def words(self) -> str:
        """What the suite's score is, in words for a table."""
        return _WORDS[self.value]


_WORDS = {
    "average": "mean over tasks",
    "average_of_averages": "mean over members",
    "weighted_average": "mean over questions",
    "display_only": "no mean",
    "none": "no mean",
}

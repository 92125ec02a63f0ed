"""Where exactly two runs differ: subsets of the questions, each tested, all together judged."""

from olmo_eval.results.slices.endings import Ending, endings
from olmo_eval.results.slices.found import SliceReport, TaskSlices, slice_report
from olmo_eval.results.slices.members import Slice, slices_of
from olmo_eval.results.slices.tested import SliceResult, judge_slices

__all__ = [
    "Ending",
    "Slice",
    "SliceReport",
    "SliceResult",
    "TaskSlices",
    "endings",
    "slice_report",
    "slices_of",
    "judge_slices",
]

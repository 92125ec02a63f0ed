"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from olmo_eval.hookspecs import hookimpl
from olmo_eval_trackers import trackers

if TYPE_CHECKING:
    from olmo_eval.results.summary import Score

OLMO_EVAL_API = 1


@hookimpl
def run_started() -> None:
    trackers.check(trackers.chosen())


@hookimpl
def run_finished(run: Mapping[str, Any], scores: Sequence[Score], location: str) -> None:
    trackers.track(trackers.chosen(), run, scores, location)

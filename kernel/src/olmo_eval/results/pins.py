"""Runs that are to stay: each has a marker below ``RESULTS/pins``, which pruning heeds."""

from __future__ import annotations

from olmo_eval.results.folder import now
from olmo_eval.results.markers import Markers


def pinned(results: str) -> frozenset[str]:
    """The ids of the runs that are pinned in a store.

    Raises:
        DataError: the store cannot be listed.
    """
    return Markers(results, "pins").names()


def pin(results: str, run_id: str) -> None:
    """Pin a run. Raises DataError: the store cannot be written."""
    Markers(results, "pins").write(run_id, now())


def unpin(results: str, run_id: str) -> None:
    """Take a run's pin away, if it has one. Raises DataError: the store cannot be written."""
    Markers(results, "pins").remove(run_id)

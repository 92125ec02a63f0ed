"""Which runs may go: chosen by age, group, model or status, but for the best, the newest and those
that are pinned; and removing them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError
from olmo_eval.results.anchored_rows import only_measured
from olmo_eval.results.baseline import baselines
from olmo_eval.results.folder import unwritable
from olmo_eval.results.pins import pinned
from olmo_eval.results.store import Run, Store


@frozen
class Pruning:
    """Runs that were asked for: those that ``go``, and those that are ``kept``, each with why."""

    go: tuple[Run, ...]
    kept: Mapping[Run, str]


def choose(
    store: Store,
    wanted: Mapping[str, str],
    *,
    before: str | None = None,
    keep_best: int = 0,
    keep_latest: int = 0,
) -> Pruning:
    """The runs that match ``wanted`` and began before a moment, but for those that stay.

    A run that is being made stays; so does one that is pinned or a baseline, one of the
    ``keep_latest`` newest of its group, and one of the ``keep_best`` best of its group by the
    primary score of any task.
    """
    matching = store.select(wanted)
    pins = pinned(store.location)
    compared = set(baselines(store.location).values())
    best = _best(store, matching, keep_best) if keep_best else set()
    latest = _latest(matching, keep_latest)
    go, kept = [], {}
    for run in matching:
        if before is not None and run.facts.started >= before:
            continue
        if run.status == "running":
            kept[run] = "is being made"
        elif run.run_id in pins:
            kept[run] = "is pinned"
        elif run.run_id in compared:
            kept[run] = "is a baseline"
        elif run in best:
            kept[run] = (
                f"is among the best {keep_best} of its group"
                if keep_best > 1
                else ("is the best of its group")
            )
        elif run in latest:
            kept[run] = "is among the newest of its group"
        else:
            go.append(run)
    return Pruning(tuple(go), kept)


def _latest(runs: Sequence[Run], n: int) -> set[Run]:
    groups: dict[str, list[Run]] = {}
    for run in runs:  # oldest first
        groups.setdefault(run.facts.group, []).append(run)
    return {run for members in groups.values() for run in members[-n:]} if n else set()


def _best(store: Store, runs: Sequence[Run], n: int) -> set[Run]:
    """The ``n`` best runs of each group, by each task's primary score."""
    ranked: dict[tuple[str, str, str], list[tuple[float, Run]]] = {}
    for run, scores in zip(runs, store.primary_scores(runs), strict=True):
        better = _directions(run) if scores else {}
        for score in only_measured(scores):
            if score.value is not None:
                signed = score.value if better.get(score.name, True) else -score.value
                key = (run.facts.group, score.name, score.metric)
                ranked.setdefault(key, []).append((signed, run))
    found: set[Run] = set()
    for several in ranked.values():
        several.sort(key=lambda pair: pair[0], reverse=True)
        worst = several[min(n, len(several)) - 1][0]
        found.update(run for value, run in several if value >= worst)  # ties stay together
    return found


def _directions(run: Run) -> dict[str, bool]:
    return {score.name: score.higher_is_better for score in run.scores() if score.primary}


def remove(store: Store, runs: Collection[Run]) -> None:
    """Remove runs for good; each vanishes in one step.

    Raises:
        OlmoEvalError: the store cannot be written; those before are gone.
    """
    for run in runs:
        if "://" in run.location:
            _remove_remote(run)
        else:
            _remove_local(Path(run.location))
    if "://" in store.location:  # the index of this machine notices at once
        store.listing(refresh=True)


def _remove_local(folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.removed")
    try:
        os.rename(folder, aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise unwritable(error, folder) from error


def _remove_remote(run: Run) -> None:
    filesystem, place = open_filesystem(run.location)
    try:
        filesystem.delete_file(f"{place}/run.json")  # without it there is no run
        filesystem.delete_dir(place)
    except OSError as error:
        raise DataError(f"cannot remove run {run.run_id}: {error}", hint=way_out(error)) from error

"""Tracks as a figure of matplotlib, for papers and slides."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from olmo_eval.errors import UsageError
from olmo_eval.results.tracking.plots.scales import ALARM, COLOURS
from olmo_eval.results.tracking.tracks import Track, Tracks


def figure(tracks: Tracks) -> Any:
    """A ``matplotlib.figure.Figure``: a panel a task, a line a group, bands of 95% intervals."""
    names = tracks.names()
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    made: Any = importlib.import_module("matplotlib.figure").Figure
    drawn = made(figsize=(6 * columns, 3.6 * rows), layout="constrained")
    panels = drawn.subplots(rows, columns, squeeze=False).flat
    for panel, name in zip(panels, names, strict=False):
        for one in tracks.of(name):
            _draw(panel, one, COLOURS[tracks.groups.index(one.group) % len(COLOURS)])
        panel.set_title(f"{name} ({tracks.of(name)[0].metric})", fontsize=10)
        panel.set_xlabel(tracks.axis)
        panel.grid(alpha=0.3)
    for panel in list(panels)[len(names) :]:
        panel.set_visible(False)
    next(iter(drawn.axes)).legend(fontsize=8)
    return drawn


def write_figure(tracks: Tracks, path: Path) -> None:
    """Draw into a file whose ending matplotlib knows."""
    try:
        figure(tracks).savefig(path, dpi=150)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _draw(panel: Any, one: Track, colour: str) -> None:
    nan = float("nan")
    at = [p.at for p in one.points]
    low = [nan if p.score.ci_low is None else p.score.ci_low for p in one.points]
    high = [nan if p.score.ci_high is None else p.score.ci_high for p in one.points]
    panel.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
    values = [p.score.value for p in one.points]
    panel.plot(at, values, color=colour, marker="o", markersize=3, linewidth=1.5, label=one.group)
    alarms = one.alarms
    if alarms:
        panel.plot(
            [p.at for p in alarms],
            [p.score.value for p in alarms],
            linestyle="none",
            marker="o",
            markersize=10,
            markerfacecolor="none",
            color=ALARM,
        )

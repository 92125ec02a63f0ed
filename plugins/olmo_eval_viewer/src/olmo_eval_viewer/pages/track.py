"""Scores over the checkpoints of one or several groups."""

from __future__ import annotations

from typing import Any

from olmo_eval.errors import UsageError
from olmo_eval.results import Track, TrackPoint, Tracks
from olmo_eval.results.tracking.lineage import Axis
from olmo_eval_viewer.charts import Dot, score_chart
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.page import Here, Page, Params, href
from olmo_eval_viewer.pages.why import href_of
from olmo_eval_viewer.texts import count, number, signed

#: questions of an alarm that are shown
_MOVED = 12
#: tasks and suites that are drawn on one page
_DRAWN = 60
AXES: tuple[Axis, ...] = ("step", "tokens")


def page(desk: Desk, params: Params, here: Here) -> Page:
    known = groups(desk)
    wanted = [g for g in params.get("group", "").split(",") if g] or known[-1:]
    by = axis(params)
    if not wanted:
        data: dict[str, Any] = {
            "groups": known,
            "wanted": [],
            "by": by,
            "tracks": [],
            "notes": [],
            "task": "",
        }
        return Page("track.html", "Track", data)
    task = params.get("task", "")
    found = desk.tracks(tuple(wanted), by)
    names = [name for name in found.names() if not task or name == task][:_DRAWN]
    data = {
        "groups": known,
        "wanted": wanted,
        "by": by,
        "task": task,
        "tracks": [_card(found, name) for name in names],
        "notes": list(found.notes),
        "left_out": max(0, len(found.names()) - _DRAWN) if not task else 0,
    }
    charts = {name: _chart(found, name) for name in names}
    return Page("track.html", f"Track · {', '.join(wanted)}", data, {"charts": charts})


def groups(desk: Desk) -> list[str]:
    """The groups of the store, that of the newest run last."""
    return list(
        reversed(dict.fromkeys(r.facts.group for r in reversed(desk.store.runs()) if r.facts.group))
    )


def axis(params: Params) -> Axis:
    """Raises UsageError for an axis that there is not."""
    asked = params.get("by") or "step"
    for one in AXES:
        if one == asked:
            return one
    raise UsageError(f"by: expected one of {', '.join(AXES)}, got {asked[:40]!r}")


def _card(found: Tracks, name: str) -> dict[str, Any]:
    of = found.of(name)
    between = found.between.get(name)
    return {
        "name": name,
        "kind": of[0].kind,
        "metric": of[0].metric,
        "higher_is_better": of[0].higher_is_better,
        "between": None if between is None else between.to_dict(),
        "groups": [_group(one) for one in of],
    }


def _group(one: Track) -> dict[str, Any]:
    newest = one.points[-1]
    return {
        "group": one.group,
        "trend": None if one.trend is None else one.trend.to_dict(),
        "signal_to_noise": None if one.signal is None else one.signal.to_dict(),
        "flip_rate": None if one.noise_floor is None else one.noise_floor.flip_rate,
        "newest": newest.score.value,
        "why": href_of(newest.run_id, one.name),
        "points": [_point(one, i) for i in range(len(one.points))],
        "alarms": [_alarm(one, point) for point in one.alarms],
    }


def _point(one: Track, i: int) -> dict[str, Any]:
    point = one.points[i]
    change = point.change
    return {
        "at": point.at,
        "run_id": point.run_id,
        "value": point.score.value,
        "ci_low": point.score.ci_low,
        "ci_high": point.score.ci_high,
        "change": None if change is None else {**change.to_dict(), "headline": change.headline()},
        "alarmed": point.alarmed,
        "why": href_of(point.run_id, one.name),
        "href": _pair(one, i),
    }


def _pair(one: Track, i: int) -> str | None:
    """The comparison of a checkpoint with the one before it."""
    if not i:
        return None
    task = one.name if one.kind != "suite" else None
    return href(
        "/compare", {"a": one.points[i - 1].run_id, "b": one.points[i].run_id, "task": task}
    )


def _alarm(one: Track, point: TrackPoint) -> dict[str, Any]:
    i = one.points.index(point)
    return {
        "at": point.at,
        "moved": len(point.moved),
        "questions": [
            {**m.to_dict(), "href": _moved(one, i, m.instance_id)} for m in point.moved[:_MOVED]
        ],
        "href": _pair(one, i),
    }


def _moved(one: Track, i: int, instance_id: str) -> str | None:
    """A question of an alarm, in the pair of checkpoints between which it moved."""
    if not i or one.kind == "suite":
        return None
    pair = {"a": one.points[i - 1].run_id, "b": one.points[i].run_id}
    return href("/question", {**pair, "task": one.name, "id": instance_id})


def _chart(found: Tracks, name: str) -> Any:
    series = [(one.group, [_dot(one, i) for i in range(len(one.points))]) for one in found.of(name)]
    return score_chart(series, f"{name} over {found.axis}s")


def _dot(one: Track, i: int) -> Dot:
    point = one.points[i]
    score = point.score
    title = f"{one.group}, {count(point.at)}: {number(score.value)}"
    if point.change is not None:
        title += f" ({signed(point.change.difference)}, {point.change.headline()})"
    low, high = _ends(score.ci_low, score.ci_high)
    link = _pair(one, i) or href("/", {"group": one.group})
    return Dot(point.at, score.value or 0.0, low, high, point.alarmed, link, title)


def _ends(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None, None) if low is None or high is None else (low, high)

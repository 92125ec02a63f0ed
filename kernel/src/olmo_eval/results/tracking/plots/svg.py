"""Tracks as SVG: a panel a task, a line a group, the 95% interval as a band, alarms marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from olmo_eval.results.tracking.plots.scales import ALARM, COLOURS, Scale, padded, short, ticks
from olmo_eval.results.tracking.tracks import Track, TrackPoint, Tracks

_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 34, 40
_COLUMNS = 2
_FONT = "font-family='system-ui, sans-serif'"


def svg(tracks: Tracks) -> str:
    """The drawing; every point says its numbers where the mouse rests on it."""
    names = tracks.names()
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    head = 28
    width, height = columns * _WIDTH, rows * _HEIGHT + head
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' {_FONT} font-size='11'>",
        f"<rect width='{width}' height='{height}' fill='white'/>",
        *_legend(tracks),
    ]
    places = [p.at for t in tracks.tracks for p in t.points]
    for i, name in enumerate(names):
        x, y = (i % columns) * _WIDTH, (i // columns) * _HEIGHT + head
        parts.append(f"<g transform='translate({x} {y})'>")
        parts += _panel(tracks, tracks.of(name), places)
        parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _legend(tracks: Tracks) -> Iterator[str]:
    x = 16.0
    for i, group in enumerate(tracks.groups):
        yield f"<rect x='{x:.0f}' y='10' width='14' height='4' fill='{_colour(i)}'/>"
        yield f"<text x='{x + 20:.0f}' y='16'>{escape(group)}</text>"
        x += 40 + 7.0 * len(group)
    yield f"<text x='{x:.0f}' y='16' fill='#555'>band: 95% interval</text>"
    if any(t.alarms for t in tracks.tracks):
        yield f"<circle cx='{x + 130:.0f}' cy='12' r='5' fill='none' stroke='{ALARM}'/>"
        yield f"<text x='{x + 140:.0f}' y='16' fill='{ALARM}'>alarm</text>"


def _panel(tracks: Tracks, shown: Sequence[Track], places: Sequence[int]) -> Iterator[str]:
    x = Scale(*padded(places, 0.03), _LEFT, _WIDTH - _RIGHT)
    y = Scale(*padded(_extent(shown)), _HEIGHT - _BOTTOM, _TOP)
    title = f"{shown[0].name} ({shown[0].metric})"
    if len(title) > 56:
        title = f"{title[:53]}..."
    yield f"<text x='{_LEFT}' y='20' font-weight='600' font-size='12'>{escape(title)}</text>"
    yield from _axes(x, y, tracks.axis)
    for one in shown:
        colour = _colour(tracks.groups.index(one.group))
        yield from _band(one.points, x, y, colour)
        yield from _line(tracks, one, x, y, colour)


def _extent(shown: Sequence[Track]) -> list[float]:
    values = [
        value
        for one in shown
        for p in one.points
        for value in (p.score.value, p.score.ci_low, p.score.ci_high)
        if value is not None
    ]
    return values


def _axes(x: Scale, y: Scale, axis: str) -> Iterator[str]:
    left, right, bottom = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for tick in ticks(y.low, y.high):
        at = f"{y(tick):.1f}"
        yield f"<line x1='{left}' x2='{right}' y1='{at}' y2='{at}' stroke='#e4e4e4'/>"
        yield (
            f"<text x='{left - 6}' y='{at}' dy='0.35em' text-anchor='end' fill='#555'>"
            f"{short(tick)}</text>"
        )
    for tick in ticks(x.low, x.high):
        at = f"{x(tick):.1f}"
        yield f"<line x1='{at}' x2='{at}' y1='{bottom}' y2='{bottom + 4}' stroke='#555'/>"
        yield (
            f"<text x='{at}' y='{bottom + 16}' text-anchor='middle' fill='#555'>"
            f"{short(tick)}</text>"
        )
    yield f"<line x1='{left}' x2='{right}' y1='{bottom}' y2='{bottom}' stroke='#555'/>"
    middle = (left + right) / 2
    yield f"<text x='{middle:.0f}' y='{bottom + 32}' text-anchor='middle' fill='#555'>{axis}</text>"


def _band(points: Sequence[TrackPoint], x: Scale, y: Scale, colour: str) -> Iterator[str]:
    known = [
        (p.at, p.score.ci_low, p.score.ci_high)
        for p in points
        if p.score.ci_low is not None and p.score.ci_high is not None
    ]
    if len(known) == 1:
        at, low, high = known[0]
        yield (
            f"<line x1='{x(at):.1f}' x2='{x(at):.1f}' y1='{y(low):.1f}' y2='{y(high):.1f}' "
            f"stroke='{colour}' stroke-opacity='0.4' stroke-width='3'/>"
        )
    elif known:
        upper = [f"{x(at):.1f},{y(high):.1f}" for at, _, high in known]
        lower = [f"{x(at):.1f},{y(low):.1f}" for at, low, _ in reversed(known)]
        corners = " ".join([*upper, *lower])
        yield f"<polygon points='{corners}' fill='{colour}' fill-opacity='0.15'/>"


def _line(tracks: Tracks, one: Track, x: Scale, y: Scale, colour: str) -> Iterator[str]:
    scored = [(p, p.score.value) for p in one.points if p.score.value is not None]
    corners = " ".join(f"{x(p.at):.1f},{y(value):.1f}" for p, value in scored)
    yield f"<polyline points='{corners}' fill='none' stroke='{colour}' stroke-width='1.6'/>"
    for p, value in scored:
        at = f"cx='{x(p.at):.1f}' cy='{y(value):.1f}'"
        if p.alarmed:
            yield f"<circle {at} r='6' fill='none' stroke='{ALARM}' stroke-width='1.6'/>"
        told = escape(_told(tracks, one, p))
        yield f"<circle {at} r='2.6' fill='{colour}'><title>{told}</title></circle>"


def _told(tracks: Tracks, one: Track, point: TrackPoint) -> str:
    score = point.score
    text = f"{one.group}, {tracks.axis} {point.at:,}: {score.value:.4f}"
    if score.ci_low is not None and score.ci_high is not None:
        text += f" [{score.ci_low:.4f}, {score.ci_high:.4f}]"
    if point.alarmed and point.alarm is not None:
        text += f", alarm: expected {point.alarm.ci_low:.4f} to {point.alarm.ci_high:.4f}"
    return text


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]

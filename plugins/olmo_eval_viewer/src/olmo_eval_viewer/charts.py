"""Charts as SVG, drawn by the server: presentation attributes only, so that no style is inline.

Colours are classes of the style sheet, so that charts follow the theme.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from markupsafe import Markup, escape


@frozen
class Bar:
    """One bar of a histogram: what it counts, in words, and where it leads."""

    count: int
    title: str
    href: str
    chosen: bool = False


def histogram(
    bars: Sequence[Bar], label: str, width: int = 120, height: int = 26, *, counted: bool = False
) -> Markup:
    """A small distribution whose bars are links; with ``counted`` each says its count."""
    if not bars:
        return Markup("")
    most = max(bar.count for bar in bars) or 1
    wide = width / len(bars)
    top = 16 if counted else 2
    drawn = Markup("").join(
        _bar(bar, i * wide, wide, most, height, top) for i, bar in enumerate(bars)
    )
    return Markup(
        '<svg class="histogram" viewBox="0 0 {} {}" width="{}" height="{}" role="group" '
        'aria-label="{}">{}</svg>'
    ).format(width, height, width, height, label, drawn)


def _bar(bar: Bar, x: float, wide: float, most: int, height: int, top: int) -> Markup:
    tall = 0 if not bar.count else max(1.5, bar.count / most * (height - top))
    title, chosen, label = escape(bar.title), " chosen" if bar.chosen else "", ""
    if top > 2:
        label = (
            f'<text class="label" x="{x + wide / 2:.2f}" y="{height - tall - 4:.2f}" '
            f'text-anchor="middle">{bar.count:,}</text>'
        )
    width = max(1.0, wide - (3 if top > 2 else 1))
    # not by Markup.format, which takes ten times as long, and a page has fifty bars
    return Markup(
        f'<a href="{escape(bar.href)}" aria-label="{title}" tabindex="-1"><title>{title}</title>'
        f'<rect class="hit" x="{x:.2f}" y="0" width="{wide:.2f}" height="{height}"/>'
        f'<rect class="bar{chosen}" x="{x:.2f}" y="{height - tall:.2f}" '
        f'width="{width:.2f}" height="{tall:.2f}"/>{label}</a>'
    )


def interval_bar(
    difference: float, low: float | None, high: float | None, reach: float, kind: str
) -> Markup:
    """A difference with its interval on an axis from -reach to reach, zero in the middle."""
    width, height, middle = 160, 18, 80
    scale = (middle - 4) / reach if reach else 0

    def at(value: float) -> float:
        return middle + max(-reach, min(reach, value)) * scale

    line = Markup("")
    if low is not None and high is not None:
        line = Markup('<line class="whisker" x1="{:.1f}" x2="{:.1f}" y1="9" y2="9"/>').format(
            at(low), at(high)
        )
    return Markup(
        '<svg class="interval {}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="difference {:+.4f}"><line class="zero" x1="{}" x2="{}" y1="1" y2="17"/>{}'
        '<circle class="dot" cx="{:.1f}" cy="9" r="4"/></svg>'
    ).format(kind, width, height, width, height, difference, middle, middle, line, at(difference))


@frozen
class Dot:
    """A checkpoint on a chart of scores: where, how high, with which interval and alarm."""

    at: int
    value: float
    low: float | None
    high: float | None
    alarmed: bool
    href: str
    title: str


def score_chart(
    series: Sequence[tuple[str, Sequence[Dot]]], label: str, width: int = 720, height: int = 240
) -> Markup:
    """Scores over checkpoints: a line a group, its intervals as a band, no smoothing."""
    dots = [dot for _, line in series for dot in line]
    if not dots:
        return Markup("")
    left, right, top, bottom = 64, 44, 10, 30
    lows = [dot.value if dot.low is None else dot.low for dot in dots]
    highs = [dot.value if dot.high is None else dot.high for dot in dots]
    y0, y1 = min(lows), max(highs)
    pad = (y1 - y0) * 0.06 or 0.05
    y0, y1 = y0 - pad, y1 + pad
    x0, x1 = min(dot.at for dot in dots), max(dot.at for dot in dots)

    def x(at: float) -> float:
        return left + (width - left - right) * ((at - x0) / (x1 - x0) if x1 > x0 else 0.5)

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - (value - y0) / (y1 - y0))

    parts = [_grid(y0, y1, y, left, width - right)]
    parts += [_axis(sorted({dot.at for dot in dots}), x, height - bottom, height)]
    for i, (_, line) in enumerate(series):
        parts.append(_line(line, f"s{i % 6}", x, y))
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>'
    ).format(width, height, label, Markup("").join(parts))


def _grid(y0: float, y1: float, y: object, left: float, right: float) -> Markup:
    assert callable(y)
    drawn = []
    for value in _ticks(y0, y1):
        drawn.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:g}</text>'
            ).format(left, right, y(value), y(value), left - 6, y(value) + 4, value)
        )
    return Markup("").join(drawn)


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers between two ends."""
    rough = (high - low) / wanted
    power = 10.0 ** len(str(int(1 / rough))) if rough < 1 else 1.0
    steps = [s * m / power for m in (1, 10, 100, 1000) for s in (1, 2, 5)]
    step = next((s for s in steps if s >= rough), rough)
    first = -(-low // step) * step
    return [round(first + i * step, 10) for i in range(int((high - first) / step) + 1)]


def _axis(places: Sequence[int], x: object, base: float, height: float) -> Markup:
    assert callable(x)
    drawn, last = [], -1e9
    for place in places:
        where = x(place)
        if where - last < 64:
            continue
        last = where
        drawn.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{:,}</text>').format(
                where, height - 8, place
            )
        )
    line = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        x(places[0]), x(places[-1]), base, base
    )
    return line + Markup("").join(drawn)


def _line(line: Sequence[Dot], name: str, x: object, y: object) -> Markup:
    assert callable(x) and callable(y)
    known = [dot for dot in line if dot.low is not None and dot.high is not None]
    upper = [f"{x(d.at):.1f},{y(d.high):.1f}" for d in known]
    lower = [f"{x(d.at):.1f},{y(d.low):.1f}" for d in reversed(known)]
    band = Markup('<polygon class="band {}" points="{}"/>').format(name, " ".join(upper + lower))
    points = " ".join(f"{x(d.at):.1f},{y(d.value):.1f}" for d in line)
    path = Markup('<polyline class="line {}" points="{}"/>').format(name, points)
    dots = Markup("").join(
        Markup(
            '<a href="{}" aria-label="{}"><title>{}</title><circle class="dot {}{}" '
            'cx="{:.1f}" cy="{:.1f}" r="{}"/></a>'
        ).format(
            d.href, d.title, d.title, name, " alarm" if d.alarmed else "", x(d.at), y(d.value),
            7 if d.alarmed else 5,
        )
        for d in line
    )  # fmt: skip
    return band + path + dots

"""Tracks as one HTML page that needs nothing else: the drawing, and what it shows in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from olmo_eval.common.figures import counted
from olmo_eval.results.tracking.plots.svg import svg
from olmo_eval.results.tracking.tracks import Track, Tracks

_STYLE = """
body { font-family: system-ui, sans-serif; margin: 24px; color: #222; background: #fff; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 8px 0 20px; font-size: 13px; }
th, td { padding: 3px 12px 3px 0; text-align: right; font-variant-numeric: tabular-nums; }
th { border-bottom: 1px solid #999; font-weight: 600; }
td:first-child, th:first-child { text-align: left; }
.alarm { color: #c00000; }
li { font-size: 13px; }
summary { cursor: pointer; }
"""


def page(tracks: Tracks) -> str:
    """The page as text."""
    title = escape(", ".join(tracks.groups))
    parts = [
        "<!doctype html>",
        f"<html lang='en'><head><meta charset='utf-8'><title>{title} over {tracks.axis}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        svg(tracks),
        *_alarms(tracks),
    ]
    for one in tracks.tracks:
        parts += _numbers(tracks, one)
    parts += [f"<p>note: {escape(note)}</p>" for note in tracks.notes]
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _alarms(tracks: Tracks) -> Iterator[str]:
    for one in tracks.tracks:
        for point in one.alarms:
            known = point.alarm
            if known is None:
                continue
            yield (
                f"<p class='alarm'>{escape(one.group)}: {escape(one.name)} at {tracks.axis} "
                f"{point.at:,} is {known.score:.4f}; expected {known.ci_low:.4f} to "
                f"{known.ci_high:.4f}</p>"
            )
            moved = counted(len(point.moved), "question")
            yield f"<details><summary>{moved} scored worse</summary><ul>"
            for m in point.moved:
                noise = ", which repeats of the model also do" if m.noise else ""
                yield f"<li>{escape(m.instance_id)}: {m.before:g} to {m.after:g}{noise}</li>"
            yield "</ul></details>"


def _numbers(tracks: Tracks, one: Track) -> Iterator[str]:
    yield f"<h2>{escape(one.name)} ({escape(one.metric)}), {escape(one.group)}</h2>"
    yield f"<table><tr><th>{tracks.axis}</th><th>score</th><th>95% interval</th>"
    yield "<th>change</th><th>run</th></tr>"
    for p in one.points:
        score, change = p.score, p.change
        known = score.ci_low is not None and score.ci_high is not None
        interval = f"[{score.ci_low:.4f}, {score.ci_high:.4f}]" if known else "-"
        moved = "" if change is None else f"{change.difference:+.4f} ({change.kind})"
        kind = " class='alarm'" if p.alarmed else ""
        yield (
            f"<tr{kind}><td>{p.at:,}</td><td>{score.value:.4f}</td><td>{interval}</td>"
            f"<td>{moved}</td><td>{escape(p.run_id)}</td></tr>"
        )
    yield "</table>"

"""A comparison as one HTML page that needs nothing else, with the answers that it counts.

The page carries its data as JSON, in parts, and a digest of each part, of what is shown, and of all
digests together: what was changed afterwards is found and named.
"""

from __future__ import annotations

import base64
import hashlib
from itertools import islice
from typing import Any

import orjson
from markupsafe import Markup

from olmo_eval.results import Comparison, TaskComparison
from olmo_eval.results.pairing import Pairs, pairs, primary_metric
from olmo_eval.results.standings import standings
from olmo_eval_viewer.cards import pair_cards, tally, task_card
from olmo_eval_viewer.charts import interval_bar
from olmo_eval_viewer.pages.compare import differences
from olmo_eval_viewer.present import environment, static

VERSION = 1
#: questions of a task that are shown with both answers
SHOWN = 200
#: characters of a text that are kept
_TEXT = 2_000
#: what stands around the data in the page; nothing in JSON that is escaped can look like it
OPEN, CLOSE = '<script type="application/json" id="data">', "</script>"
Part = dict[str, Any]


def sealed_page(found: Comparison) -> str:
    """The page."""
    parts: dict[str, Part] = {"head": _head(found)}
    for row in found.tasks:
        parts[f"task {row.name}"] = _task(found, row)
    style = static("viewer.css").decode()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    shown = (
        environment()
        .get_template("sealed.html")
        .render(
            **parts["head"],
            tasks=[part for name, part in parts.items() if name != "head"],
            bars=_bars(found),
            style=Markup(style),
            policy=policy,
            data=Markup(OPEN + CLOSE),
            shown_most=SHOWN,
        )
    )
    shown = shown.encode("utf-8", "replace").decode()
    return shown.replace(OPEN, OPEN + sealed(parts, shown), 1)


def sealed(parts: dict[str, Part], shown: str) -> str:
    """The data of a page as JSON that can stand in HTML, with its tree of digests."""
    digests = {name: digest_of(part) for name, part in parts.items()}
    digests["page"] = hashlib.sha256(shown.encode()).hexdigest()
    whole = {"version": VERSION, "root": digest_of(digests), "digests": digests, "parts": parts}
    text = orjson.dumps(whole).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _head(found: Comparison) -> Part:
    a, b = pair_cards(found.a, found.b)
    told = {
        "a": a,
        "b": b,
        "verdict": found.kind,
        "tally": tally(row.verdict.kind for row in found.tasks),
        "suites": [task_card(row) for row in found.suites],
        "notes": list(found.notes),
        "differences": differences(found.a, found.b),
    }
    plain: Part = orjson.loads(orjson.dumps(told))
    return plain


def _task(found: Comparison, row: TaskComparison) -> Part:
    """A task: its row, every pair of values that was counted, and the questions that differ."""
    metric = primary_metric(found.a, row.name)
    paired = pairs(found.a, found.b, row.name, str(metric["key"]), row.name_b)
    counts = standings(found.a, found.b, row.name, row.name_b).counts()
    told = {
        "card": task_card(row),
        "counts": {name: n for name, n in counts.items() if n or name != "tied"},
        "metric": {key: metric[key] for key in ("key", "higher_is_better", "weighted")},
        "pairs": _pairs(paired),
        "flips": [
            {k: v[:_TEXT] if isinstance(v, str) else v for k, v in flip.to_dict().items()}
            for flip in islice(found.flips(row.name), SHOWN)
        ],
    }
    plain: Part = orjson.loads(orjson.dumps(told))
    return plain


def _pairs(paired: Pairs) -> Part:
    told: Part = {
        "ids": paired.ids.to_pylist(),
        "a": paired.a.tolist(),
        "b": paired.b.tolist(),
        "clusters": paired.clusters,
    }
    for name, weights in (("weights_a", paired.weights_a), ("weights_b", paired.weights_b)):
        told[name] = None if (weights == 1).all() else weights.tolist()
    return told


def _bars(found: Comparison) -> dict[str, Markup]:
    ends = [
        abs(end)
        for row in found.rows
        for end in (row.verdict.difference, row.verdict.ci_low, row.verdict.ci_high)
        if end is not None
    ]
    reach = max(ends, default=1.0) or 1.0
    return {
        row.name: interval_bar(
            row.verdict.difference, row.verdict.ci_low, row.verdict.ci_high, reach, row.verdict.kind
        )
        for row in found.rows
    }

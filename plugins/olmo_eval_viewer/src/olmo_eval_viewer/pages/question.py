"""One question: what was asked, and both answers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results import Run
from olmo_eval.results.naming import paired_names
from olmo_eval.results.readable import likeliest
from olmo_eval.results.tracking.histories import Histories
from olmo_eval.results.transcripts import Transcript, transcripts
from olmo_eval_viewer.cards import pair_cards
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.filters import Filters
from olmo_eval_viewer.page import Here, Page, Params, href
from olmo_eval_viewer.pages.compare import back
from olmo_eval_viewer.questions import Neighbours, Row
from olmo_eval_viewer.timeline import aligned, steps
from olmo_eval_viewer.worddiff import Diff, word_diff

#: samples of an instance that are shown
_SAMPLES = 32
#: characters of a text on this page; the rest is behind a link
_TEXT = 20_000


def page(desk: Desk, params: Params, here: Here) -> Page:
    a, b, task, task_b, instance_id = _asked(desk, params)
    pair = desk.pair(a, b, task, task_b)
    row = pair.row(instance_id)
    if row is None:
        raise UnknownNameError(f"neither run has the question {instance_id[:200]!r} in {task}")
    filters = Filters.of(params)
    sides = [_samples(run, name, instance_id) for run, name in ((a, task), (b, task_b))]
    sample = _sample(params, max(map(len, sides)))
    shown = [side[min(sample, len(side) - 1)] if side else None for side in sides]
    whole = params.get("whole") == "1"
    card_a, card_b = pair_cards(a, b)
    differing = _diff(shown, fold=not whole)
    first = next(one for one in shown if one is not None)
    data = {
        "a": card_a,
        "b": card_b,
        "task": task,
        "id": instance_id,
        "standing": row["standing"],
        "noise": bool(row["noise"]),
        "steady_a": row["steady_a"],
        "steady_b": row["steady_b"],
        "metric": {k: pair.standings.metric[k] for k in ("metric", "higher_is_better")},
        "question": first.question[:_TEXT],
        "gold": first.gold,
        "metadata": {str(k): str(v)[:_TEXT] for k, v in first.metadata.items()},
        "prompt": _prompt(shown),
        "sides": [
            _side(one, value, n)
            for one, value, n in zip(
                shown, (row["value_a"], row["value_b"]), map(len, sides), strict=True
            )
        ],
        "choices": _choices(shown),
        "diff": _diff_card(differing),
        "trajectory": aligned(*shown)
        if any(one is not None and one.episode for one in shown)
        else None,
        "samples": max(map(len, sides)),
        "sample": sample,
        "sample_scores": [[_mean(one.scores) for one in side] for side in sides],
        "whole": whole,
        "show_diff": params.get("diff") != "0",
        "history": _history(desk, a, b, task, task_b, instance_id),
        "place": _place(pair.neighbours(instance_id, filters), here),
        "back": back(here),
    }
    return Page("question.html", f"{instance_id} · {task}", data)


def whole_text(desk: Desk, params: Params) -> str:
    """One text of a question whole: ``of`` is the prompt, or the answer of a ``sample``.

    Raises:
        OlmoEvalError: the address names no such text.
    """
    run = desk.run(params.get("run", ""))
    found = _samples(run, params.get("task", ""), params.get("id", ""))
    if not found:
        raise UnknownNameError("the run has no such question")
    one = found[min(_sample(params, len(found)), len(found) - 1)]
    if params.get("of") == "prompt":
        return "\n\n".join(f"[{m['role']}]\n{_content(m)}" for m in one.messages)
    return one.text or answer_text(one)


def _asked(desk: Desk, params: Params) -> tuple[Run, Run, str, str, str]:
    missing = [name for name in ("a", "b", "task", "id") if not params.get(name)]
    if missing:
        raise UsageError(f"the address lacks {', '.join(missing)}")
    a, b, task = desk.run(params["a"]), desk.run(params["b"]), params["task"]
    other = paired_names(a.task_names, b.task_names).get(task)
    if other is None:
        raise UnknownNameError(f"the runs do not share a task {task[:200]!r}")
    return a, b, task, other, params["id"]


def _samples(run: Run, task: str, instance_id: str) -> list[Transcript]:
    return list(transcripts(run, task, [instance_id]))[:_SAMPLES]


def _sample(params: Params, n: int) -> int:
    text = params.get("sample", "0")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    if not 0 <= number < max(1, n):
        raise UsageError(f"sample: expected a number from 0 to {n - 1}, got {text[:40]!r}")
    return number


def answer_text(one: Transcript) -> str:
    """What a side answered: its text, or the continuation it found likeliest."""
    if not one.continuations:
        return one.text
    row: Row = {
        "outputs": [{"sum_logprob": c.sum_logprob} for c in one.continuations],
        "request": {"continuations": [c.text for c in one.continuations]},
    }
    best = likeliest(row)
    return best[0] if best else ""


def _prompt(shown: Sequence[Transcript | None]) -> dict[str, Any]:
    """What was sent; of both where it is not the same."""
    sent = [None if one is None else _messages(one) for one in shown]
    same = None in sent or sent[0] == sent[1]
    known = [one for one in sent if one is not None]
    return {"same": same, "sent": known[:1] if same else known, "tools": _tools(shown)}


def _messages(one: Transcript) -> list[dict[str, str]]:
    kind = one.request_type
    return [
        {
            "role": str(m.get("role", ""))
            if kind == "chat" or m.get("role") == "system"
            else "prompt",
            "text": _content(m)[:_TEXT],
            "length": str(len(_content(m))),
        }
        for m in one.messages
    ]


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = [
            p.get("text", f"({p.get('type')})") if isinstance(p, dict) else str(p) for p in content
        ]
        return "\n".join(map(str, parts))
    return "" if content is None else str(content)


def _tools(shown: Sequence[Transcript | None]) -> list[str]:
    found = [t for one in shown if one is not None for t in one.tools]
    return list(dict.fromkeys(str((t.get("function") or t).get("name")) for t in found))


def _side(one: Transcript | None, value: float | None, samples: int) -> dict[str, Any] | None:
    if one is None:
        return None
    text = answer_text(one)
    return {
        "run_id": one.run_id,
        "value": value,
        "outcome": one.outcome,
        "error": one.error,
        "answer": one.answer,
        "text": text[:_TEXT],
        "length": len(text),
        "finish_reason": one.finish_reason,
        "scores": dict(one.scores),
        "values": dict(one.values),
        "tokens": one.usage.completion_tokens if one.usage else None,
        "prompt_tokens": one.usage.prompt_tokens if one.usage else None,
        "cost_usd": one.usage.cost_usd if one.usage else None,
        "seconds": one.seconds,
        "samples": samples,
        "reasoning": next((s["text"] for s in steps(one) if s["kind"] == "reasoning"), None),
        "evidence": _evidence(one.evidence),
    }


def _evidence(kept: Mapping[str, Any]) -> list[dict[str, str]]:
    """What scorers kept: a judge's reply, the result of running code."""
    found = []
    for name, value in kept.items():
        if name == "judge_calls":
            for call in value:
                found.append({"name": "judge", "text": str(call.get("reply") or call)[:_TEXT]})
        else:
            found.append({"name": str(name), "text": _flat(value)[:_TEXT]})
    return found


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{k}: {_flat(v)}" for k, v in value.items())
    return str(value)


def _choices(shown: Sequence[Transcript | None]) -> list[dict[str, Any]]:
    """The scored continuations with both log-probabilities."""
    sides = [() if one is None else one.continuations for one in shown]
    n = max(map(len, sides))
    gold = next((one.gold for one in shown if one is not None), None)
    best = [None if one is None else answer_text(one).strip() for one in shown]
    found = []
    for i in range(n):
        pair = [side[i] if i < len(side) else None for side in sides]
        text = next(c.text for c in pair if c is not None)
        found.append(
            {
                "text": text[:_TEXT],
                "gold": gold is not None and text.strip() == gold.strip(),
                "logprob_a": pair[0].sum_logprob if pair[0] else None,
                "logprob_b": pair[1].sum_logprob if pair[1] else None,
                "tokens": next(c.num_tokens for c in pair if c is not None),
                "chosen_a": best[0] == text.strip(),
                "chosen_b": best[1] == text.strip(),
            }
        )
    return found


def _diff(shown: Sequence[Transcript | None], *, fold: bool) -> Diff | None:
    if shown[0] is None or shown[1] is None:
        return None
    left, right = (answer_text(one)[:_TEXT] for one in shown if one is not None)
    return word_diff(left, right, fold=fold)


def _diff_card(found: Diff | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sides = {
        name: [{"kind": p.kind, "text": p.text} for p in parts]
        for name, parts in (("a", found.a), ("b", found.b))
    }
    return {"equal": found.equal, "unit": found.unit, **sides}


def _mean(scores: Mapping[str, float]) -> float | None:
    values = list(scores.values())
    return values[0] if values else None


def _history(
    desk: Desk, a: Run, b: Run, task: str, task_b: str, instance_id: str
) -> list[dict[str, Any]]:
    """The question over the checkpoints of both runs' groups, a strip a group; each checkpoint
    leads to its comparison with the one before."""
    strips = []
    for run, name in dict(((r.facts.group, (r, n)) for r, n in ((a, task), (b, task_b)))).values():
        found = desk.histories(run, name)
        if found is not None and len(found.places) > 1:
            strips.append(_strip(found, name, instance_id, (a, b)))
    return strips


def _strip(found: Histories, task: str, instance_id: str, pair: tuple[Run, Run]) -> dict[str, Any]:
    scores = found.of(instance_id)
    cells = []
    for i, (place, run, score) in enumerate(zip(found.places, found.runs, scores, strict=True)):
        link = None
        if i:
            before = found.runs[i - 1].run_id
            link = href(
                "/question", {"a": before, "b": run.run_id, "task": task, "id": instance_id}
            )
        sides = "".join(side for side, one in zip("AB", pair, strict=True) if one == run)
        cells.append({"at": place, "value": score, "side": sides, "href": link})
    return {"group": found.group, "cells": cells}


def _place(found: Neighbours, here: Here) -> dict[str, Any]:
    def to(name: str | None) -> str | None:
        return None if name is None else here.to(id=name, sample=None, whole=None)

    return {
        "number": found.number,
        "total": found.total,
        "before": to(found.before),
        "after": to(found.after),
        "flip_before": to(found.flip_before),
        "flip_after": to(found.flip_after),
    }

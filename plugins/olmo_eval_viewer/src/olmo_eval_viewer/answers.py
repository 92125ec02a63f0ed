"""What one sample of a question shows: what was sent, what came back, and what scorers kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from olmo_eval.common.types import TokenLogprob
from olmo_eval.errors import UsageError
from olmo_eval.results import Run
from olmo_eval.results.readable import likeliest
from olmo_eval.results.transcripts import Transcript, transcripts
from olmo_eval_viewer.page import Params
from olmo_eval_viewer.questions import Row
from olmo_eval_viewer.texts import seconds as in_seconds
from olmo_eval_viewer.timeline import steps

#: samples of an instance that are shown
SAMPLES = 32
#: characters of a text on a page; the rest is behind a link
TEXT = 20_000
#: tokens whose log-probabilities are shown
_TOKENS = 2_000
#: least natural-log probability of the shades of a token, likeliest first
_SHADES = (-0.105, -0.693, -2.303, -4.605)


def samples_of(run: Run, task: str, instance_id: str) -> list[Transcript]:
    return list(transcripts(run, task, [instance_id]))[:SAMPLES]


def samples_at(run: Run, task: str, place: int | None) -> list[Transcript]:
    """The samples of the question at a place of the run's table; none where it lacks it."""
    return [] if place is None else list(transcripts(run, task, numbers=[place]))[:SAMPLES]


def sample_number(params: Params, n: int) -> int:
    """Which sample an address asks for, from 0. Raises UsageError where there is no such."""
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


def prompt_card(shown: Sequence[Transcript | None]) -> dict[str, Any]:
    """What was sent; of both where it is not the same."""
    sent = [None if one is None else _messages(one) for one in shown]
    same = None in sent or all(one == sent[0] for one in sent)
    known = [one for one in sent if one is not None]
    return {"same": same, "sent": known[:1] if same else known, "tools": _tools(shown)}


def content_of(message: Mapping[str, Any]) -> str:
    """The text of a message in OpenAI's shape."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [
            p.get("text", f"({p.get('type')})") if isinstance(p, dict) else str(p) for p in content
        ]
        return "\n".join(map(str, parts))
    return "" if content is None else str(content)


def side_card(one: Transcript | None, value: float | None, samples: int) -> dict[str, Any] | None:
    """One run's answer: text, extraction, outcome, numbers, evidence."""
    if one is None:
        return None
    text = answer_text(one)
    usage = one.usage
    return {
        "run_id": one.run_id,
        "value": value,
        "outcome": one.outcome,
        "error": one.error,
        "answer": one.answer,
        "text": text[:TEXT],
        "length": len(text),
        "finish_reason": one.finish_reason,
        "scores": dict(one.scores),
        "values": dict(one.values),
        "tokens": usage.completion_tokens if usage else None,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "cost_usd": usage.cost_usd if usage else None,
        "seconds": one.seconds,
        "samples": samples,
        "reasoning": next((s["text"] for s in steps(one) if s["kind"] == "reasoning"), None),
        "evidence": _evidence(one.evidence),
        "logprobs": token_card(one.logprobs),
    }


def choice_cards(shown: Sequence[Transcript | None]) -> list[dict[str, Any]]:
    """The scored continuations, each with its log-probability on every side."""
    sides = [() if one is None else one.continuations for one in shown]
    gold = next((one.gold for one in shown if one is not None), None)
    best = [None if one is None else answer_text(one).strip() for one in shown]
    found = []
    for i in range(max(map(len, sides))):
        row = [side[i] if i < len(side) else None for side in sides]
        known = next(c for c in row if c is not None)
        text = known.text
        card = {
            "text": text[:TEXT],
            "gold": gold is not None and text.strip() == gold.strip(),
            "tokens": known.num_tokens,
        }
        for name, c, likeliest_one in zip("ab", row, best, strict=False):
            card[f"logprob_{name}"] = None if c is None else c.sum_logprob
            card[f"chosen_{name}"] = likeliest_one == text.strip()
            card[f"tokens_{name}"] = None if c is None else token_card(c.logprobs)
        found.append(card)
    return found


def token_card(logprobs: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    """Tokens with their log-probabilities and a shade from 0 (likely) to 4; None where they were
    not asked for."""
    if not logprobs:
        return None
    shown: list[dict[str, Any]] = [
        {
            "token": one["token"][:TEXT],
            "logprob": one["logprob"],
            "shade": sum(one["logprob"] < least for least in _SHADES),
        }
        for one in logprobs[:_TOKENS]
    ]
    return {
        "n": len(logprobs),
        "sum": sum(one["logprob"] for one in logprobs),
        "least": sorted(shown, key=lambda one: one["logprob"])[:5],
        "tokens": shown,
    }


def _messages(one: Transcript) -> list[dict[str, str]]:
    kind = one.request_type
    return [
        {
            "role": str(m.get("role", ""))
            if kind == "chat" or m.get("role") == "system"
            else "prompt",
            "text": content_of(m)[:TEXT],
            "length": str(len(content_of(m))),
        }
        for m in one.messages
    ]


def _tools(shown: Sequence[Transcript | None]) -> list[str]:
    found = [t for one in shown if one is not None for t in one.tools]
    return list(dict.fromkeys(str((t.get("function") or t).get("name")) for t in found))


def _evidence(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What scorers kept, each with a line of facts and its texts: a judge's question and reply,
    how a program ended and what it printed."""
    found = []
    for name, value in kept.items():
        if name == "judge_calls":
            found += [_judge_call(call) for call in value]
        elif isinstance(value, Mapping):
            found.append(_mapping(str(name), value))
        else:
            found.append(_told(str(name), [], {"": str(value)}))
    return found


def _judge_call(call: Mapping[str, Any]) -> dict[str, Any]:
    asked = "\n\n".join(f"[{m.get('role')}]\n{content_of(m)}" for m in call.get("messages", ()))
    seconds = call.get("seconds")
    facts = [str(call[name]) for name in ("model", "scorer") if call.get(name)]
    facts += [in_seconds(seconds)] if isinstance(seconds, int | float) else []
    texts = {"reply": call.get("reply"), "thought": call.get("thinking"), "asked": asked}
    if call.get("error"):
        texts = {"error": call["error"], **texts}
    return _told("judge", facts, texts)


def _mapping(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Short values as facts, those with lines as texts."""
    known = {str(k): v for k, v in value.items() if v is not False and v not in (None, "")}
    plain = {k: v if isinstance(v, str) else _flat(v) for k, v in known.items()}
    long = {k: v for k, v in plain.items() if "\n" in v or len(v) > 60}
    short = sorted((k for k in plain if k not in long), key=lambda k: k != "status")
    words = [
        k.replace("_", " ") if plain[k] == "True" else f"{k.replace('_', ' ')} {plain[k]}"
        for k in short
    ]
    return _told(name, words, long)


def _told(name: str, facts: list[str], texts: Mapping[str, Any]) -> dict[str, Any]:
    parts = [{"label": label, "text": str(text)[:TEXT]} for label, text in texts.items() if text]
    return {"name": name, "facts": facts, "texts": parts}


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{k}: {_flat(v)}" for k, v in value.items())
    return str(value)

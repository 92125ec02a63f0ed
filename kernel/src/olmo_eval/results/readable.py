"""What a model answered, as text for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def answer(row: Mapping[str, Any]) -> str:
    """What the model answered: the first sample's text, or the continuation it found likeliest."""
    outputs = row["outputs"] or []
    if not outputs:
        return ""
    if outputs[0]["text"] is not None:
        return str(outputs[0]["text"])
    best = likeliest(row)
    if best is None:
        return ""
    text, strength = best
    return f"{text} ({strength:.3f})" if text else f"({strength:.3f})"


def likeliest(row: Mapping[str, Any]) -> tuple[str, float] | None:
    """The scored continuation that the model finds likeliest, and its log-probability; None where
    none was scored."""
    outputs = row["outputs"] or []
    strengths = [output.get("sum_logprob") for output in outputs]
    if all(strength is None for strength in strengths):
        return None
    continuations = (row.get("request") or {}).get("continuations") or []
    known = [-math.inf if strength is None else strength for strength in strengths]
    if not continuations:
        return "", known[0]
    best = max(range(_choices(continuations)), key=known.__getitem__)
    return continuations[best].strip(), known[best]


def _choices(continuations: Sequence[str]) -> int:
    """How many of the scored continuations are choices after the question: all, or the first half
    where the second is the same choices without their question.
    """
    half = len(continuations) // 2
    again = half > 1 and continuations[:half] == continuations[half:]
    return half if again else len(continuations)


def extracted_text(answer: str) -> str:
    """An extracted answer, kept as JSON, as text."""
    if answer[:1] != '"':
        return answer
    return answer[1:-1] if "\\" not in answer else str(json.loads(answer))

"""What scorers kept beside an output, as text for a terminal: how programs ended, what checks saw,
what judges were asked and what they replied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from olmo_eval.cli.transcript_page import Page, content_text
from olmo_eval.common.figures import counted
from olmo_eval.judges.calls import CALLS

#: what is told before the rest
_VERDICT = frozenset({"status", "score", "label", "why"})


def print_evidence(page: Page, evidence: Mapping[str, Any]) -> None:
    """Print it: first each request to a judge, then the rest by its keys.

    Of the rest, what is empty, and what repeats a judge's reply, is left out.
    """
    calls = evidence.get(CALLS) or ()
    for call in calls:
        _print_call(page, call)
    said = {call.get("reply") for call in calls}
    others = {key: value for key, value in evidence.items() if key != CALLS}
    lines = list(_lines(others, said))
    if lines:
        page.head("evidence", "blue")
        page.body("\n".join(lines))


def _print_call(page: Page, call: Mapping[str, Any]) -> None:
    usage = call.get("usage") or {}
    about = [
        f"{call['model']} ({call['provider']}), for {call.get('scorer') or 'a task'}",
        f"{call['seconds']:,.2f} s" if "seconds" in call else "",
        f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens" if usage else "",
    ]
    page.head("judge", "magenta", "   ".join(filter(None, about)))
    for message in call["messages"]:
        page.body(f"{message.get('role')}:", "dim")
        page.body(content_text(message.get("content")), indent=4)
    if "thinking" in call:
        page.body("thought:", "dim")
        page.body(call["thinking"], "dim", indent=4)
    if "reply" in call:
        page.body("replied:", "dim")
        page.body(call["reply"], "green", indent=4)
    else:
        page.body(f"no reply: {call.get('error', '')}", "red")


def _lines(value: Any, said: set[Any]) -> Iterator[str]:
    """Keys with their values, what is inside of one indented below it."""
    pairs = _verdict_first(value) if isinstance(value, Mapping) else ((None, v) for v in value)
    for key, one in pairs:
        name = "-" if key is None else f"{key}:"
        if _empty(one) or (isinstance(one, str) and one in said):
            continue
        if isinstance(one, str) and "\n" in one.strip():
            yield name
            yield from (f"  {line}" for line in one.strip("\n").split("\n"))
        elif isinstance(one, Mapping) or (_is_list(one) and any(map(_has_parts, one))):
            inner = list(_lines(one, said))
            if inner:
                yield name
                yield from (f"  {line}" for line in inner)
        else:
            yield f"{name} {_told(one)}"


def _verdict_first(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(value.items(), key=lambda pair: pair[0] not in _VERDICT)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | Mapping | Sequence) and not value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _has_parts(value: Any) -> bool:
    return isinstance(value, Mapping) or _is_list(value) or "\n" in str(value)


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_list(value):
        return f"{', '.join(map(_told, value))} ({counted(len(value), 'entry', 'entries')})"
    return f"{value:g}" if isinstance(value, float) else str(value).strip()

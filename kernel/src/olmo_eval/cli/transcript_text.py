"""A transcript as text for a terminal: coloured there, plain where it is piped."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from olmo_eval.cli.transcript_evidence import print_evidence
from olmo_eval.cli.transcript_page import ROLE_STYLES, Page

if TYPE_CHECKING:
    from olmo_eval.common.types import Usage
    from olmo_eval.results.transcripts import Transcript


def print_transcript(one: Transcript, *, full: bool = False) -> None:
    """Print it: what was asked, every event, what scorers kept, then how it ended and what it was
    worth.

    Whoever wrote a text, nothing in it moves the cursor, hides or reorders other text.
    """
    from rich.console import Console

    page = Page(Console(highlight=False, soft_wrap=True), full)
    samples = f"   sample {one.sample} of {one.samples}" if one.samples > 1 else ""
    page.line(f"{one.task}   {one.instance_id}{samples}", "bold")
    page.line(f"{one.model}   run {one.run_id}", "dim")
    for message in one.messages:
        page.message(message, "prompt" if one.request_type != "chat" else "")
    if one.tools:
        page.line()
        page.line(f"tools offered: {', '.join(map(_tool_name, one.tools))}", "dim")
    if one.continuations:
        _print_continuations(page, one)
    _print_events(page, one)
    print_evidence(page, one.evidence)
    _print_end(page, one)


def _tool_name(tool: Any) -> str:
    return str((tool.get("function") or tool).get("name"))


def _print_continuations(page: Page, one: Transcript) -> None:
    page.head("scored continuations", "green")
    known = [c.sum_logprob for c in one.continuations if c.sum_logprob is not None]
    best = max(known, default=None)
    contexts = {c.context for c in one.continuations}
    for number, c in enumerate(one.continuations):
        logprob = "-" if c.sum_logprob is None else f"{c.sum_logprob:.4f}"
        tokens = "" if c.num_tokens is None else f"  {c.num_tokens} tokens"
        mark = "*" if best is not None and c.sum_logprob == best else " "
        after = f"   after {json.dumps(c.context, ensure_ascii=False)}" if len(contexts) > 1 else ""
        text = json.dumps(c.text, ensure_ascii=False)
        page.body(f"{mark} {number}  {logprob:>10}{tokens}  {text}{after}")


def _print_events(page: Page, one: Transcript) -> None:
    names: dict[str, str] = {}
    calling: set[str] = set()
    turn = 0
    for event in one.events:
        match event.type:
            case "message":
                turn += event.role == "assistant"
                title = f"{event.role}, turn {turn}" if event.role == "assistant" else event.role
                style = ROLE_STYLES.get(event.role, "blue")
                page.head(title, style, _took(event.seconds, event.usage))
                page.body(event.text)
            case "reasoning":
                page.head("reasoning", "dim")
                page.body(event.text, "dim")
            case "tool_call":
                names[event.call.id] = event.call.name
                calling.add(event.call.id)
                page.call(event.call.name, event.call.arguments)
            case "tool_result":
                calling.discard(event.result.call_id)
                name = names.get(event.result.call_id, event.result.call_id)
                failed = "failed" if event.result.error else ""
                page.head(f"tool {name}", "yellow", _joined(failed, _took(event.seconds)))
                page.body(event.result.content, "red" if event.result.error else "")
            case "command":
                _print_command(page, event, of_tool=bool(calling))
            case _:
                _print_other(page, event)


def _print_command(page: Page, event: Any, *, of_tool: bool) -> None:
    """What ran in a sandbox. How a tool runs what it was called for is the tool's own business:
    the call and its result say it already, so that only --full shows the whole of it."""
    ended = "out of time" if event.timed_out else f"exit {event.exit_code}"
    cut = "output cut" if event.truncated else ""
    page.head("command", "blue", _joined(ended, _took(event.seconds), cut))
    if page.full or not of_tool:
        page.body(f"$ {shlex.join(event.argv)}", "bold")
        page.body(event.output)


def _print_other(page: Page, event: Any) -> None:
    match event.type:
        case "limit":
            page.head(f"limit: {event.reason}", "red")
        case "error":
            page.head("error", "red", _took(event.seconds))
            page.body(event.message, "red")
        case "note":
            page.head("note", "dim")
            page.body(event.text, "dim")


def _took(seconds: float | None, usage: Usage | None = None) -> str:
    time = "" if seconds is None else f"{seconds:,.2f} s"
    return _joined(time, _tokens(usage))


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"{usage.prompt_tokens:,}{cached} + {usage.completion_tokens:,} tokens"


def _joined(*parts: str) -> str:
    return "   ".join(part for part in parts if part)


def _print_end(page: Page, one: Transcript) -> None:
    page.line()
    counted = Counter({"turn": one.turns, "tool call": one.tool_calls, "command": one.commands})
    totals = [f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counted.items() if n]
    cost = one.usage.cost_usd if one.usage else None
    totals.append(_took(one.seconds, one.usage))
    totals.append("" if cost is None else f"${cost:.4f}")
    totals.append("answer taken from an earlier run" if one.reused else "")
    rows = [("totals", _joined(*totals)), ("ended by", one.finish_reason or "")]
    if one.stop_reason != "answer":
        rows[-1] = ("ended by", f"the limit {one.stop_reason}")
    rows += [("answer", one.answer or ""), ("gold", one.gold or ""), ("outcome", one.outcome)]
    rows.append(("error", one.error or ""))
    rows.append(("scorers", _numbers(one.scores)))
    rows.append(("score", _numbers(one.values) or "none"))
    for title, text in rows:
        if text:
            style = {"outcome": "bold", "score": "bold", "error": "red"}.get(title, "")
            page.row(title, text, style)


def _numbers(values: Any) -> str:
    return "   ".join(f"{name} {value:g}" for name, value in values.items() if value is not None)

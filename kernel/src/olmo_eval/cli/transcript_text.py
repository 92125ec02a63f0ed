"""A transcript as text for a terminal: coloured there, plain where it is piped."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from olmo_eval.common.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from olmo_eval.common.types import Usage
    from olmo_eval.results.transcripts import Transcript

#: characters and lines that are shown of one text, unless all are wanted
_CHARACTERS, _LINES = 2_000, 40
_STYLES = {"system": "magenta", "user": "cyan", "assistant": "green", "tool": "yellow"}


def print_transcript(one: Transcript, *, full: bool = False) -> None:
    """Print it: what was asked, every event, then how it ended and what it was worth.

    Whoever wrote a text, nothing in it moves the cursor, hides or reorders other text.
    """
    from rich.console import Console

    page = _Page(Console(highlight=False, soft_wrap=True), full)
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
    _print_end(page, one)


class _Page:
    """What is printed, part by part."""

    def __init__(self, console: Console, full: bool) -> None:
        self.console, self.full = console, full

    def line(self, text: str = "", style: str = "") -> None:
        """One line of ours; texts of others are part of it only where they stay on it."""
        self._print(" ".join(visible(text).split("\n")), style)

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text

        self.console.print(Text(text, style))

    def head(self, title: str, style: str, about: str = "") -> None:
        """The line above a part: what it is, in its colour, and what it took."""
        from rich.text import Text

        self.line()
        shown = " ".join(visible(title).split())
        head = (f"[{shown}]", f"bold {style}"), (about and f"  {about}", "dim")
        self.console.print(Text.assemble(*head))

    def body(self, text: str, style: str = "") -> None:
        """A text, indented: what it says cannot pass for a line of ours."""
        if text:
            shown = visible(text if self.full else shortened(text))
            self._print("\n".join(f"  {line}" for line in shown.split("\n")), style)

    def row(self, title: str, text: str, style: str = "") -> None:
        """A line of the summary; further lines of the text are indented below the first."""
        shown = visible(text if self.full else shortened(text))
        self._print(f"{title:<9} " + shown.replace("\n", f"\n{'':<10}"), style)

    def message(self, message: Any, title: str = "") -> None:
        role = str(message.get("role", ""))
        self.head(title or role, _STYLES.get(role, "blue"))
        self.body(content_text(message.get("content")))
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            self.call(str(function.get("name")), str(function.get("arguments")))

    def call(self, name: str, arguments: str) -> None:
        self.line(f"-> {name} {_arguments(arguments)}", "yellow")


def content_text(content: Any) -> str:
    """The text of a message's content, which may be a list of parts."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    return "\n".join(
        str(part["text"]) if isinstance(part, dict) and "text" in part else f"({_kind(part)})"
        for part in parts
    )


def _kind(part: Any) -> str:
    return str(part.get("type", "part")) if isinstance(part, dict) else type(part).__name__


def shortened(text: str) -> str:
    """The beginning and the end of a long text, and how much is left out between them."""
    if len(text) <= _CHARACTERS and text.count("\n") < _LINES:
        return text
    half = _LINES // 2
    first, last = (part[: _CHARACTERS // 2] for part in (text, text[::-1]))
    first, last = ("\n".join(part.split("\n")[:half]) for part in (first, last))
    left_out = len(text) - len(first) - len(last)
    return f"{first}\n... {left_out:,} characters left out: --full shows them ...\n{last[::-1]}"


def _arguments(text: str) -> str:
    """Arguments as the model wrote them, on one line."""
    return " ".join(text.split()) or "{}"


def _tool_name(tool: Any) -> str:
    return str((tool.get("function") or tool).get("name"))


def _print_continuations(page: _Page, one: Transcript) -> None:
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


def _print_events(page: _Page, one: Transcript) -> None:
    names: dict[str, str] = {}
    turn = 0
    for event in one.events:
        match event.type:
            case "message":
                turn += event.role == "assistant"
                title = f"{event.role}, turn {turn}" if event.role == "assistant" else event.role
                style = _STYLES.get(event.role, "blue")
                page.head(title, style, _took(event.seconds, event.usage))
                page.body(event.text)
            case "reasoning":
                page.head("reasoning", "dim")
                page.body(event.text, "dim")
            case "tool_call":
                names[event.call.id] = event.call.name
                page.call(event.call.name, event.call.arguments)
            case "tool_result":
                name = names.get(event.result.call_id, event.result.call_id)
                failed = "failed" if event.result.error else ""
                page.head(f"tool {name}", "yellow", _joined(failed, _took(event.seconds)))
                page.body(event.result.content, "red" if event.result.error else "")
            case _:
                _print_other(page, event)


def _print_other(page: _Page, event: Any) -> None:
    match event.type:
        case "command":
            ended = "out of time" if event.timed_out else f"exit {event.exit_code}"
            cut = "output cut" if event.truncated else ""
            page.head("command", "blue", _joined(ended, _took(event.seconds), cut))
            page.body("$ " + " ".join(event.argv), "bold")
            page.body(event.output)
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


def _print_end(page: _Page, one: Transcript) -> None:
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

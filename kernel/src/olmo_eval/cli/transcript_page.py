"""The page that a transcript is printed on: heads, indented texts, rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olmo_eval.common.text import visible

if TYPE_CHECKING:
    from rich.console import Console

#: characters and lines that are shown of one text, unless all are wanted
_CHARACTERS, _LINES = 2_000, 40
ROLE_STYLES = {"system": "magenta", "user": "cyan", "assistant": "green", "tool": "yellow"}


class Page:
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
        what = " ".join(visible(about).split("\n"))
        head = (f"[{shown}]", f"bold {style}"), (what and f"  {what}", "dim")
        self.console.print(Text.assemble(*head))

    def body(self, text: str, style: str = "", indent: int = 2) -> None:
        """A text, indented: what it says cannot pass for a line of ours."""
        if text:
            shown = visible(text if self.full else shortened(text))
            before = " " * indent
            self._print("\n".join(f"{before}{line}" for line in shown.split("\n")), style)

    def row(self, title: str, text: str, style: str = "") -> None:
        """A line of the summary; further lines of the text are indented below the first."""
        shown = visible(text if self.full else shortened(text))
        self._print(f"{title:<9} " + shown.replace("\n", f"\n{'':<10}"), style)

    def message(self, message: Any, title: str = "") -> None:
        role = str(message.get("role", ""))
        self.head(title or role, ROLE_STYLES.get(role, "blue"))
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

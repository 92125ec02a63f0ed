"""Write docs/reference: what each room of the kernel exports, one page a room.

make docs
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

FOLDER = Path(__file__).resolve().parent.parent / "docs/reference"
ROOMS = (
    "",
    "agents",
    "harness",
    "inference",
    "judges",
    "providers",
    "results",
    "sandbox",
    "testing",
)


def pages() -> dict[Path, str]:
    """Every page as it should be."""
    return {FOLDER / _file(room): page(room) for room in ROOMS}


def page(room: str) -> str:
    """The page of one room: its purpose, then every name that it exports."""
    module = import_module(_title(room))
    others = " · ".join(
        f"`{_title(other)}`" if other == room else f"[`{_title(other)}`]({_file(other)})"
        for other in ROOMS
    )
    names = sorted(module.__all__, key=lambda name: (name.strip("_").lower(), name))
    return "\n".join(
        [
            "<!-- Written by `make docs`. -->",
            f"# {_title(room)}\n",
            f"{others}\n",
            f"{_said(module.__doc__)}\n",
            *(_section(name, getattr(module, name)) for name in names),
        ]
    )


def _title(room: str) -> str:
    return f"olmo_eval.{room}".rstrip(".")


def _file(room: str) -> str:
    return f"{_title(room).rpartition('.')[2]}.md"


def _section(name: str, value: Any) -> str:
    parts = [f"## {name}\n", f"```python\n{_heading(name, value)}\n```\n"]
    if not isinstance(value, str | int):
        parts.append(f"{_said(value.__doc__ or '')}\n")
    if isinstance(value, type):
        members = list(_members(value))
        parts += [*members, ""] if members else []
    return "\n".join(parts)


def _heading(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f"{name}: str"
    if not callable(value):
        return (
            f"{name}: Mapping" if isinstance(value, Mapping) else f"{name}: {type(value).__name__}"
        )
    if not isinstance(value, type):
        starred = "async def" if inspect.iscoroutinefunction(value) else "def"
        return f"{starred} {_fit(name, _parameters(value))}{_returns(value)}"
    if issubclass(value, Enum) or getattr(value, "_is_protocol", False):
        base = "Protocol" if getattr(value, "_is_protocol", False) else "Enum"
        return f"class {name}({base})"
    return f"class {_fit(name, _parameters(value))}"


def _members(cls: type[Any]) -> Iterator[str]:
    """A line for each public method, property and enumeration member that the class defines."""
    if issubclass(cls, Enum):
        yield from (f"- `{member.name}`" for member in cls)
        return
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(member, property):
            said, shown = member.__doc__, f"{name}{_returns(member.fget).replace(' ->', ':')}"
        elif inspect.isfunction(function):
            starred = "async " if inspect.iscoroutinefunction(function) else ""
            of_class = not isinstance(member, staticmethod)
            given = ", ".join(_parameters(function)[1:] if of_class else _parameters(function))
            said, shown = function.__doc__, f"{starred}{name}({given}){_returns(function)}"
        else:
            continue
        text = _said(said).partition("\n\n")[0].replace("\n", "\n  ")
        yield f"- `{shown}`: {text}" if text else f"- `{shown}`"


def _parameters(function: Any) -> list[str]:
    shown: list[str] = []
    keyword_only = False
    for parameter in inspect.signature(function).parameters.values():
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            shown.append("*")
        keyword_only |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        kind = _written(function, parameter.name) or _annotation(parameter.annotation)
        text = f"{star}{parameter.name}" + (f": {kind}" if kind else "")
        if parameter.default is not parameter.empty:
            text += (
                f" = {_default(parameter.default)}" if kind else f"={_default(parameter.default)}"
            )
        shown.append(text)
    return shown


def _written(function: Any, name: str) -> str:
    """The type of an attrs class's field as its source has it: cattrs resolves those that attrs
    keeps."""
    if attrs.has(function):
        for cls in function.__mro__:
            if name in (found := inspect.get_annotations(cls)):
                return _annotation(found[name])
    return ""


def _annotation(kind: Any) -> str:
    if kind is inspect.Parameter.empty or kind is None:
        return ""
    return kind.strip("'\"") if isinstance(kind, str) else inspect.formatannotation(kind)


def _returns(function: Any) -> str:
    kind = inspect.signature(function).return_annotation
    return " -> None" if kind is None else f" -> {shown}" if (shown := _annotation(kind)) else ""


def _default(value: Any) -> str:
    """A default as one would write it; ``...`` for one that is made anew each time."""
    if value is attrs.NOTHING:
        return "..."
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    plain = value is None or isinstance(value, bool | int | float | str | bytes | tuple)
    return repr(value).replace("'", '"') if plain else "..."


def _fit(name: str, parameters: list[str]) -> str:
    line = f"{name}({', '.join(parameters)})"
    if len(line) <= 88:
        return line
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + ")"


def _said(docstring: str | None) -> str:
    """The first paragraph of a docstring, and its list of fields, as Markdown."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    kept = [p for i, p in enumerate(paragraphs) if i == 0 or p.startswith("- ")]
    return re.sub(r"``(.+?)``", r"`\1`", "\n\n".join(kept).rstrip(":")).replace("::\n", ":\n")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")

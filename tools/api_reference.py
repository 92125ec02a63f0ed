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
    "doctor",
    "harness",
    "inference",
    "interchange",
    "judges",
    "providers",
    "results",
    "sandbox",
    "testing",
)


#: the page for authors of tasks: what it is about, and where that is defined
AUTHORS = {
    "A task": (
        "olmo_eval.evals.tasks.common:Task",
        "olmo_eval.evals.tasks.common:TaskConfig",
        "olmo_eval.common.types:SamplingParams",
        "olmo_eval.evals.tasks.common:Card",
        "olmo_eval.data:DataSource",
        "olmo_eval.evals.tasks.common:MultipleChoiceTask",
        "olmo_eval.evals.tasks.common:register",
        "olmo_eval.evals.tasks.common:register_variant",
        "olmo_eval.evals.tasks.common:register_subtasks",
        "olmo_eval.evals.tasks.common:logprob_accuracies",
    ),
    "Instances and accepted answers": (
        "olmo_eval.common.types:Instance",
        "olmo_eval.common.types:EnvironmentSpec",
        "olmo_eval.common.scorers.text:gold_answers",
    ),
    "Formatters": tuple(
        f"olmo_eval.common.formatters:{name}"
        for name in (
            *("GenerationFormatter", "CompletionFormatter", "ClozeFormatter", "LetteredFormatter"),
            *("MultipleChoiceFormatter", "MultipleChoiceLogprobFormatter", "PPLFormatter"),
            *("RollingFormatter",),
            *("ChatFormatter", "MCQAChatFormatter"),
        )
    ),
    "Scorers and metrics of your own": (
        "olmo_eval.common.scorers:Scorer",
        "olmo_eval.common.scorers:AsyncScorer",
        "olmo_eval.common.metrics:Metric",
        "olmo_eval.evals.tasks.common.named:named_metric",
        "olmo_eval.common.metrics.base:unit_of",
    ),
    "Suites": (
        "olmo_eval.evals.suites:Suite",
        "olmo_eval.evals.suites:AggregationStrategy",
    ),
    "Benchmarks with their own runner": tuple(
        f"olmo_eval.evals.external:{name}"
        for name in (
            *("ExternalEval", "ExternalContext", "Argument", "ExternalMetric"),
            *("ExternalInstance", "ExternalEvalResult"),
        )
    ),
    "Sandboxes": (
        "olmo_eval.sandbox:SandboxConfig",
        "olmo_eval.sandbox:Sandbox",
        "olmo_eval.sandbox:ExecResult",
    ),
}


def pages() -> dict[Path, str]:
    """Every page as it should be."""
    rooms = {FOLDER / _file(room): page(room) for room in ROOMS}
    return {**rooms, FOLDER / "authors.md": authors()}


def authors() -> str:
    """The page for authors: all that a task file may set, define and use."""
    parts = [
        "<!-- Written by `make docs`. -->",
        "# For authors\n",
        "What a task file may set, define and use; "
        "[writing a plugin](../plugins.md) shows it in use.\n",
    ]
    for title, places in AUTHORS.items():
        parts.append(f"# {title}\n")
        for place in places:
            module, _, name = place.partition(":")
            value = getattr(import_module(module), name)
            heading, _, rest = _section(name, value, whole=True).partition("\n\n")
            parts.append(f"{heading}\n\nIn `{module}`.\n\n{rest}")
            parts += [*_attributes(value), ""] if isinstance(value, type) else []
    return "\n".join(parts)


def _attributes(cls: type[Any]) -> Iterator[str]:
    """A line for each class attribute that a comment ``#:`` describes, those of bases too."""
    seen: set[str] = set()
    for owner in cls.__mro__:
        if not owner.__module__.startswith("olmo_eval"):
            continue
        comment: list[str] = []
        for line in inspect.getsource(owner).splitlines():
            text = line.strip()
            found = re.match(r"(\w+): (?:ClassVar\[)?.*= (.+)$", text)
            if text.startswith("#:"):
                comment.append(text.removeprefix("#:").strip())
            elif comment and found and found[1] not in seen:
                seen.add(found[1])
                said = re.sub(r"``(.+?)``", r"`\1`", " ".join(comment))
                yield f"- `{found[1]} = {found[2]}`: {said}"
            if not text.startswith("#:"):
                comment = []


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


def _section(name: str, value: Any, *, whole: bool = False) -> str:
    """One name: what it is, its docstring (only its beginning and its lists unless it is wanted
    ``whole``), its members."""
    parts = [f"## {name}\n", f"```python\n{_heading(name, value)}\n```\n"]
    if not isinstance(value, str | int):
        parts.append(f"{(_whole if whole else _said)(value.__doc__ or '')}\n")
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


def _whole(docstring: str) -> str:
    """A whole docstring as Markdown: its code is indented as Markdown wants it."""
    return re.sub(r"``(.+?)``", r"`\1`", inspect.cleandoc(docstring)).replace("::\n", ":\n")


def _said(docstring: str | None) -> str:
    """The first paragraph of a docstring, and its list of fields, as Markdown."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    kept = [p for i, p in enumerate(paragraphs) if i == 0 or p.startswith("- ")]
    return re.sub(r"``(.+?)``", r"`\1`", "\n\n".join(kept).rstrip(":")).replace("::\n", ":\n")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")

"""What a function says of itself to a model: its arguments, their defaults, its docstring."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Any

import attrs

from olmo_eval.agents.schema import json_schema, object_schema
from olmo_eval.common.convert import converter
from olmo_eval.errors import UsageError

#: the sections of a docstring that are not for the model, or told with its arguments
_LEFT_OUT = re.compile(r"(Args|Arguments|Parameters|Raises):")
_ARGUMENTS = re.compile(r"(Args|Arguments|Parameters):")
#: defaults that JSON has
_PLAIN = (bool, int, float, str, Enum, list, tuple, dict, set, frozenset)
_ARGUMENT = re.compile(r"\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)")


def parameters_of(
    function: Callable[..., Any], *, stateful: bool = False, strict: bool = False
) -> dict[str, Any]:
    """The JSON Schema of the arguments that a function takes from the model: all but the sandbox,
    the episode and, where it is ``stateful``, the first.

    Defaults are told unless the schema is ``strict``, where services refuse them.

    Raises:
        UsageError: an argument whose type no schema expresses.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(
            f"tool {function.__name__}: a hint names {error.name!r}, which its module lacks",
            hint="define it in the module, above the function",
        ) from error
    described = arguments_described(inspect.getdoc(function) or "")
    properties, required = {}, []
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters[1:] if stateful else parameters:
        name = parameter.name
        if name == "sandbox" or _is_episode(name, hints.get(name)):
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UsageError(
                f"tool {function.__name__}: {parameter} has no schema",
                hint="take every argument by its name",
            )
        try:
            schema = json_schema(hints.get(name, str))
        except UsageError as error:
            place = f"tool {function.__name__}, argument {name}"
            raise UsageError(f"{place}: {error.message}", hint=error.hint) from error
        if name in described:
            schema.setdefault("description", described[name])
        if parameter.default is parameter.empty:
            required.append(name)
        elif not strict:
            schema |= _default(parameter.default)
        properties[name] = schema
    return object_schema(properties, required)


def _default(value: Any) -> dict[str, Any]:
    """What a schema says of a default: nothing where JSON has no such value."""
    if not (value is None or isinstance(value, _PLAIN) or attrs.has(type(value))):
        return {}
    plain = converter().unstructure(value)
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError):
        return {}
    return {"default": plain}


def description_of(function: Callable[..., Any]) -> str:
    """The docstring, without the sections on arguments and errors."""
    kept = []
    for head, lines in _sections(inspect.getdoc(function) or ""):
        if not _LEFT_OUT.fullmatch(head):
            kept += [head, *lines] if head else lines
    return "\n".join(kept).strip()


def arguments_described(docstring: str) -> dict[str, str]:
    """What the section ``Args:`` of a docstring in Google's style says of each argument."""
    found: dict[str, str] = {}
    for head, lines in _sections(docstring):
        if not _ARGUMENTS.fullmatch(head):
            continue
        name, indent = "", min((_indent(line) for line in lines if line.strip()), default=0)
        for line in lines:
            match = _ARGUMENT.fullmatch(line.strip()) if _indent(line) == indent else None
            if match:
                name, found[match[1]] = match[1], match[2]
            elif name and line.strip():
                found[name] = f"{found[name]} {line.strip()}".strip()
    return {name: text for name, text in found.items() if text}


def _sections(docstring: str) -> Iterator[tuple[str, list[str]]]:
    """(head, lines) of the text and of each of its sections; the first head is empty."""
    head, lines = "", list[str]()
    for line in docstring.splitlines():
        if re.fullmatch(r"[A-Z]\w*:", line):
            yield head, lines
            head, lines = line, []
        elif head and line.strip() and not _indent(line):
            yield head, lines
            head, lines = "", [line]
        else:
            lines.append(line)
    yield head, lines


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_episode(name: str, hint: Any) -> bool:
    if name != "episode" or not isinstance(hint, type):
        return False
    from olmo_eval.agents.episode import Episode  # which knows tools itself

    return hint is Episode


@lru_cache(maxsize=1024)
def takes_episode(function: Callable[..., Any]) -> bool:
    """Whether a function is to be given the episode in which it is called."""
    try:
        return _is_episode("episode", typing.get_type_hints(function).get("episode"))
    except (NameError, TypeError):  # beside a schema written by hand hints are but comments
        return False

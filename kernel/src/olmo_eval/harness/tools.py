"""Tools: a schema for the model and a function to run, made from one function."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Any, overload

from attrs import field, frozen

from olmo_eval import plugins
from olmo_eval.common.types import ToolSchema
from olmo_eval.errors import UsageError

_JSON_TYPES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}


@frozen
class Tool:
    """A tool a model can call.

    ``requires`` names the sandbox capability that the function needs: it then takes the sandbox
    session as its keyword argument ``sandbox``, which the model does not see.
    """

    schema: ToolSchema
    function: Callable[..., Awaitable[Any] | Any]
    requires: str | None = None
    name: str = field(init=False)

    @name.default
    def _name(self) -> str:
        return self.schema.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


@overload
def tool(function: Callable[..., Any]) -> Tool: ...


@overload
def tool(
    function: None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    requires: str | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    requires: str | None = None,
) -> Any:
    """Make a tool of a function; its type hints and docstring become the schema.

    ``Annotated[str, "what it is"]`` describes an argument, ``Literal["a", "b"]`` lists its
    values. Works bare (``@tool``) and with arguments (``@tool(description=...)``).
    """

    def make(target: Callable[..., Any]) -> Tool:
        text = description or inspect.getdoc(target) or ""
        schema = ToolSchema(name or target.__name__, text, _parameters(target))
        return Tool(schema, target, requires)

    return make if function is None else make(function)


def registered_tool(**settings: Any) -> Callable[[Callable[..., Any]], Tool]:
    """``@tool`` that also registers the tool under its name."""

    def make(target: Callable[..., Any]) -> Tool:
        made: Tool = tool(**settings)(target)
        plugins.add("tools", made.name, made)
        return made

    return make


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    properties, required = {}, []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "sandbox":
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(f"tool {function.__name__}: *args and **kwargs have no schema")
        properties[parameter.name] = json_schema(hints.get(parameter.name, str))
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def json_schema(hint: Any) -> dict[str, Any]:
    """JSON Schema of a type hint: scalars, lists, dicts, Literal, Optional, Annotated."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        described = json_schema(arguments[0])
        notes = [a for a in arguments[1:] if isinstance(a, str)]
        return {**described, "description": notes[0]} if notes else described
    if origin is typing.Literal:
        return {"type": _JSON_TYPES[type(arguments[0])], "enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        members = [json_schema(a) for a in arguments if a is not type(None)]
        return members[0] if len(members) == 1 else {"anyOf": members}
    if origin is list:
        return {"type": "array", "items": json_schema(arguments[0])}
    if hint in _JSON_TYPES:
        return {"type": _JSON_TYPES[hint]}
    return {"type": _JSON_TYPES.get(origin, "string")}

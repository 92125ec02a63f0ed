"""Tools: a schema for the model and a function to run, made from one function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, overload

from attrs import field, frozen

from olmo_eval import plugins
from olmo_eval.agents.schema import json_schema, object_schema
from olmo_eval.common.types import ToolSchema
from olmo_eval.errors import UsageError


@frozen
class Tool:
    """A tool a model can call.

    ``requires`` names the sandbox capability that the function needs: it then takes the episode's
    sandbox as its keyword argument ``sandbox``. A function that takes ``episode: Episode`` is given
    the episode itself. The model sees neither.
    """

    schema: ToolSchema
    function: Callable[..., Awaitable[Any] | Any]
    requires: str | None = None
    name: str = field(init=False)

    @name.default
    def _name(self) -> str:
        return self.schema.name

    @property
    def takes_episode(self) -> bool:
        """Whether the function is given the episode in which it is called."""
        return _takes_episode(self.function)

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
    values; ``agents.schema`` says which hints there are. Works bare (``@tool``) and with
    arguments (``@tool(description=...)``).

    Raises:
        UsageError: an argument whose type no schema expresses.
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


def _is_episode(name: str, hint: Any) -> bool:
    if name != "episode" or not isinstance(hint, type):
        return False
    from olmo_eval.agents.episode import Episode  # which knows tools itself

    return hint is Episode


@lru_cache(maxsize=1024)
def _takes_episode(function: Callable[..., Any]) -> bool:
    try:
        return _is_episode("episode", typing.get_type_hints(function).get("episode"))
    except (NameError, TypeError):  # beside a schema written by hand hints are but comments
        return False


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    properties, required = {}, []
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        if name == "sandbox" or _is_episode(name, hints.get(name)):
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UsageError(
                f"tool {function.__name__}: {parameter} has no schema",
                hint="take every argument by its name",
            )
        try:
            properties[name] = json_schema(hints.get(name, str))
        except UsageError as error:
            place = f"tool {function.__name__}, argument {name}"
            raise UsageError(f"{place}: {error.message}", hint=error.hint) from error
        if parameter.default is parameter.empty:
            required.append(name)
    return object_schema(properties, required)

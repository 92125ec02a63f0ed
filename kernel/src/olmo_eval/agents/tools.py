"""Tools: a schema for the model and a function to run, made from one function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, overload

from attrs import frozen

from olmo_eval import plugins
from olmo_eval.agents.schema import json_schema, object_schema
from olmo_eval.common.sequences import items
from olmo_eval.common.types import ToolSchema
from olmo_eval.errors import UsageError


@frozen(init=False)
class Tool:
    """A tool a model can call: a schema and the function that runs, or its parts,
    ``Tool(name, description, execute, parameters)``.

    ``requires`` names the sandbox capability that the function needs: it then takes the episode's
    sandbox as its keyword argument ``sandbox``. A function that takes ``episode: Episode`` is given
    the episode itself. The model sees neither.
    """

    schema: ToolSchema
    function: Callable[..., Awaitable[Any] | Any]
    requires: str | None = None
    session: bool = False

    def __init__(
        self,
        schema: ToolSchema | str | None = None,
        function: Any = None,
        requires: Any = None,
        parameters: Mapping[str, Any] | None = None,
        strict: bool = False,
        sandbox: Any = None,
        session: bool = False,
        *,
        name: str | None = None,
        description: str | None = None,
        execute: Callable[..., Any] | None = None,
    ) -> None:
        if not isinstance(schema, ToolSchema):  # Tool(name, description, execute, ...)
            name = name if schema is None else schema
            if callable(function):
                execute = function
            elif function is not None:
                description = function
            if callable(requires):
                execute, requires = requires, None
            if execute is None:
                raise TypeError(f"tool {name!r} has no function to execute")
            told = parameters or _parameters(execute)
            schema = ToolSchema(str(name), description or "", told, strict)
            function = execute
        init = self.__attrs_init__
        init(schema, function, requires or _capability(sandbox), session)

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def description(self) -> str:
        return self.schema.description

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.schema.parameters

    @property
    def strict(self) -> bool:
        return self.schema.strict

    @property
    def execute(self) -> Callable[..., Any]:
        """The function."""
        return self.function

    @property
    def sandbox(self) -> frozenset[str]:
        """What the tool needs in a sandbox."""
        return frozenset({self.requires} if self.requires else ())

    @classmethod
    def from_function(cls, function: Callable[..., Any], **settings: Any) -> Tool:
        """``@tool``, as a call."""
        made: Tool = tool(**settings)(function)
        return made

    def to_dict(self) -> dict[str, Any]:
        """The schema in OpenAI's shape."""
        return self.schema.to_openai()

    @property
    def takes_episode(self) -> bool:
        """Whether the function is given the episode in which it is called."""
        return _takes_episode(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def _capability(sandbox: Any) -> str | None:
    """What ``sandbox`` asks for: one capability, the first of several, or a shell for True."""
    if not sandbox:
        return None
    if sandbox is True:
        return "bash"
    named = items(sandbox)
    return str(getattr(named[0], "value", named[0]))


@overload
def tool(function: Callable[..., Any]) -> Tool: ...


@overload
def tool(
    function: None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    requires: str | None = None,
    strict: bool = False,
    sandbox: Any = None,
    session: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Any = None,
    *,
    name: str | None = None,
    description: str | None = None,
    requires: str | None = None,
    strict: bool = False,
    sandbox: Any = None,
    session: bool = False,
) -> Any:
    """Make a tool of a function; its type hints and docstring become the schema.

    ``Annotated[str, "what it is"]`` describes an argument, ``Literal["a", "b"]`` lists its
    values; ``agents.schema`` says which hints there are. Works bare (``@tool``) and with
    arguments (``@tool(description=...)``). ``requires``, also called ``sandbox``, says what the
    function needs in a sandbox; ``session`` is there for packs that ask for one environment a
    question, which every tool has here.

    Raises:
        UsageError: an argument whose type no schema expresses.
    """

    def make(target: Callable[..., Any]) -> Tool:
        text = description or inspect.getdoc(target) or ""
        schema = ToolSchema(name or target.__name__, text, _parameters(target), strict)
        return Tool(schema, target, requires or _capability(sandbox), session=session)

    if isinstance(function, str):  # @tool("name")
        name, function = function, None
    return make if function is None else make(function)


def registered_tool(
    function: Any = None,
    *,
    name: str | None = None,
    description: str | None = None,
    requires: str | None = None,
    strict: bool = False,
    sandbox: Any = None,
    session: bool = False,
) -> Any:
    """``@tool`` that also registers the tool under its name."""
    called = function if isinstance(function, str) else name

    def make(target: Callable[..., Any]) -> Tool:
        made: Tool = tool(
            name=called,
            description=description,
            requires=requires,
            strict=strict,
            sandbox=sandbox,
            session=session,
        )(target)
        plugins.add("tools", made.name, made)
        return made

    return make(function) if callable(function) else make


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

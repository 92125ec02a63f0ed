"""Tools: a schema for the model and a function to run, made from one function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, overload

from attrs import field, frozen
from attrs.validators import optional

from olmo_eval import plugins
from olmo_eval.agents.signature import description_of, parameters_of, takes_episode
from olmo_eval.common import bounds
from olmo_eval.common.sequences import items, texts
from olmo_eval.common.types import ToolSchema
from olmo_eval.errors import OlmoEvalError

#: characters of a result that the model is shown, where its tool says nothing else
OUTPUT_LIMIT = 20_000


class ToolError(OlmoEvalError):
    """A call cannot be answered as it was asked; the message is for the model to read, just so."""


class ToolUnavailableError(OlmoEvalError):
    """What a tool works with is gone, a service or a server, which is no fault of the model: the
    outcome is infra_failed."""


@frozen(init=False)
class Tool:
    """A tool a model can call: a schema and the function that runs, or its parts,
    ``Tool(name, description, execute, parameters)``.

    - ``requires``: the sandbox capability that the function needs: it then takes the episode's
      sandbox as its keyword argument ``sandbox``;
    - ``timeout``: seconds that a call may take; None is no limit of the tool's own. Commands that
      it runs in the sandbox end by then, too;
    - ``output_limit``: characters of a result; of a longer one the middle is left out, visibly;
    - ``secrets``: environment variables without which a run is refused;
    - ``state``: makes what the tool remembers in one episode, at its first call there; tools with
      the same ``state`` share it. The function takes it as its first argument. When the episode
      ends, its method ``close`` is called, if it has one, plain or ``async``.

    A function that takes ``episode: Episode`` is given the episode itself. The model sees none of
    this.
    """

    schema: ToolSchema
    function: Callable[..., Awaitable[Any] | Any]
    requires: str | None = None
    session: bool = False
    timeout: float | None = field(default=None, validator=optional(bounds.number(above=0)))
    output_limit: int = field(default=OUTPUT_LIMIT, validator=bounds.count(100))
    secrets: tuple[str, ...] = field(default=(), converter=texts)
    state: Callable[[], Any] | None = None

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
        timeout: float | None = None,
        output_limit: int = OUTPUT_LIMIT,
        secrets: Any = (),
        state: Callable[[], Any] | None = None,
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
            told = parameters or parameters_of(execute, stateful=state is not None)
            schema = ToolSchema(str(name), description or "", told, strict)
            function = execute
        init = self.__attrs_init__
        needed = requires or _capability(sandbox)
        init(schema, function, needed, session, timeout, output_limit, secrets, state)

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
        return takes_episode(self.function)

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
    timeout: float | None = None,
    output_limit: int = OUTPUT_LIMIT,
    secrets: Any = (),
    state: Callable[[], Any] | None = None,
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
    timeout: float | None = None,
    output_limit: int = OUTPUT_LIMIT,
    secrets: Any = (),
    state: Callable[[], Any] | None = None,
) -> Any:
    """Make a tool of a function; its type hints and docstring become the schema.

    An argument is described by the section ``Args:`` of the docstring, or by
    ``Annotated[str, "what it is"]``; ``Literal["a", "b"]`` lists its values; ``agents.schema`` says
    which hints there are. Works bare (``@tool``) and with arguments (``@tool(timeout=30)``):
    ``requires``, also called ``sandbox``, and the others are explained at ``Tool``; ``session`` is
    there for packs that ask for one environment a question, which every tool has here.

    Raises:
        UsageError: an argument whose type no schema expresses.
    """

    def make(target: Callable[..., Any]) -> Tool:
        text = description or description_of(target)
        told = parameters_of(target, stateful=state is not None, strict=strict)
        return Tool(
            ToolSchema(name or target.__name__, text, told, strict),
            target,
            requires or _capability(sandbox),
            session=session,
            timeout=timeout,
            output_limit=output_limit,
            secrets=secrets,
            state=state,
        )

    if isinstance(function, str):  # @tool("name")
        name, function = function, None
    return make if function is None else make(function)


@wraps(tool, assigned=())  # which has its parameters
def registered_tool(*args: Any, **settings: Any) -> Any:
    """``@tool`` that also registers the tool under its name."""
    made = tool(*args, **settings)
    return _added(made) if isinstance(made, Tool) else lambda target: _added(made(target))


def _added(made: Tool) -> Tool:
    plugins.add("tools", made.name, made)
    return made

"""Tools as a model sees them: OpenAI's function-calling shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class ToolSchema:
    """What the model is told about a tool; ``parameters`` is a JSON Schema object.

    ``strict`` asks services that can for arguments which keep to the schema exactly.
    """

    name: str
    description: str
    parameters: Mapping[str, Any] = field(factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False

    @classmethod
    def from_openai(cls, data: Mapping[str, Any]) -> ToolSchema:
        """The schema in OpenAI's shape, with or without ``{"type": "function", "function": ...}``
        around it.

        Raises:
            ValueError: it has no name, or is something else.
        """
        function = data.get("function", data)
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ValueError(f"expected a tool in OpenAI's shape, got {data!r:.120}")
        parameters = function.get("parameters") or {"type": "object", "properties": {}}
        description, strict = function.get("description") or "", bool(function.get("strict"))
        return cls(function["name"], str(description), parameters, strict)

    def to_openai(self) -> dict[str, Any]:
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }
        return {
            "type": "function",
            "function": {**function, "strict": True} if self.strict else function,
        }


@frozen
class Function:
    """The function that a call names, and its arguments as JSON text."""

    name: str
    arguments: str


@frozen(init=False)
class ToolCall:
    """A call the model made. ``arguments`` is the JSON text exactly as the model wrote it.

    In OpenAI's shape, ``ToolCall("1", function=Function("add", '{"a": 1}'))``, name and arguments
    stand in ``function``; either way both are there.
    """

    id: str
    name: str
    arguments: str = "{}"
    metadata: Mapping[str, Any] = field(factory=dict)

    def __init__(
        self,
        id: str,
        name: str = "",
        arguments: Any = "{}",
        metadata: Mapping[str, Any] | None = None,
        *,
        type: str = "function",
        function: Function | None = None,
    ) -> None:
        if isinstance(arguments, Function):  # ToolCall("1", "function", Function(...))
            type, function, arguments = name, arguments, "{}"
        if type != "function":
            raise ValueError(f"a tool call's type is 'function', not {type!r}")
        if function is not None:
            name, arguments = function.name, function.arguments
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        self.__attrs_init__(id, name, text, dict(metadata or {}))

    @property
    def type(self) -> str:
        """``"function"``: the only kind of call there is."""
        return "function"

    @property
    def function(self) -> Function:
        """Name and arguments, as OpenAI's shape groups them."""
        return Function(self.name, self.arguments)

    def get_arguments(self) -> dict[str, Any]:
        """The arguments as values; ``{}`` where the text is not a JSON object."""
        try:
            found = json.loads(self.arguments or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @classmethod
    def create(cls, name: str, arguments: Any = "{}", id: str = "call_0") -> ToolCall:
        """A call from a name and arguments, which may be a mapping."""
        return cls(id, name, arguments)

    @classmethod
    def from_openai(cls, data: Any) -> ToolCall:
        """The call in OpenAI's shape: a mapping, or an object of their client.

        Raises:
            ValueError: it names no function.
        """
        function = _part(data, "function")
        name = _part(function, "name")
        if not isinstance(name, str):
            raise ValueError(f"expected a tool call in OpenAI's shape, got {data!r:.120}")
        arguments = _part(function, "arguments")
        return cls(_part(data, "id") or "", name, "{}" if arguments is None else arguments)

    @classmethod
    def from_anthropic(cls, data: Any) -> ToolCall:
        """The call in Anthropic's shape: a ``tool_use`` block with ``name`` and ``input``.

        Raises:
            ValueError: it has no name.
        """
        name = _part(data, "name")
        if not isinstance(name, str):
            raise ValueError(f"expected a tool_use block, got {data!r:.120}")
        return cls(_part(data, "id") or "", name, _part(data, "input") or {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToolCall:
        """What ``to_dict`` gives, or a mapping of the constructor's own arguments."""
        if "function" in data:
            call = cls.from_openai(data)
            return cls(call.id, call.name, call.arguments, data.get("metadata"))
        return cls(**data)

    def to_openai(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}

    def to_dict(self) -> dict[str, Any]:
        """OpenAI's shape, with ``metadata`` where there is any."""
        more = {"metadata": dict(self.metadata)} if self.metadata else {}
        return {**self.to_openai(), **more}


def _part(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, Mapping) else getattr(data, key, None)


@frozen(init=False)
class ToolResult:
    """What a tool returned; ``error`` is True when ``content`` describes a failure.

    ``tool_call_id`` and ``is_error`` are other names of ``call_id`` and ``error``.
    """

    call_id: str
    content: str
    error: bool = False
    metadata: Mapping[str, Any] = field(factory=dict)

    def __init__(
        self,
        call_id: str | None = None,
        content: str = "",
        error: bool = False,
        metadata: Mapping[str, Any] | None = None,
        *,
        tool_call_id: str | None = None,
        is_error: bool | None = None,
    ) -> None:
        named = tool_call_id if call_id is None else call_id
        if named is None:
            raise TypeError("a tool's result needs the id of its call: tool_call_id")
        failed = error if is_error is None else is_error
        init = self.__attrs_init__
        init(named, content, failed, dict(metadata or {}))

    @property
    def tool_call_id(self) -> str:
        """The id of the call that this answers."""
        return self.call_id

    @property
    def is_error(self) -> bool:
        """Whether ``content`` describes a failure."""
        return self.error

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToolResult:
        """What ``to_dict`` gives."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        more = {"metadata": dict(self.metadata)} if self.metadata else {}
        return {
            "tool_call_id": self.call_id,
            "content": self.content,
            "is_error": self.error,
            **more,
        }

    def to_openai(self) -> dict[str, Any]:
        """The message with which a chat goes on after the call."""
        return {"role": "tool", "tool_call_id": self.call_id, "content": self.content}

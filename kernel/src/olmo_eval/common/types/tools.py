"""Tools as a model sees them: OpenAI's function-calling shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class ToolSchema:
    """What the model is told about a tool; ``parameters`` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(factory=lambda: {"type": "object", "properties": {}})

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
        return cls(function["name"], str(function.get("description") or ""), parameters)

    def to_openai(self) -> dict[str, Any]:
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(self.parameters),
            },
        }


@frozen
class ToolCall:
    """A call the model made. ``arguments`` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str = "{}"

    def to_openai(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


@frozen
class ToolResult:
    """What a tool returned; ``error`` is True when ``content`` describes a failure."""

    call_id: str
    content: str
    error: bool = False

"""Kinds of tools by name, each with what it takes: for tasks that say which tools they use."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from olmo_eval.common.types.tools import ToolSchema
from olmo_eval.errors import UnknownNameError


class ToolCategory(StrEnum):
    """What a tool is for."""

    SEARCH = "search"
    CODE = "code"
    FILE_SYSTEM = "file_system"
    DATABASE = "database"
    API = "api"
    OTHER = "other"


def _object(required: str, **properties: str) -> dict[str, Any]:
    described = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": described, "required": [required]}


class ToolType:
    """Base of kinds of tools; subclasses say their ``name`` and ``parameters_schema``."""

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    category: ClassVar[ToolCategory] = ToolCategory.OTHER
    parameters_schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}

    def validate_arguments(self, arguments: Mapping[str, Any]) -> bool:
        """Whether ``arguments`` keep to the schema."""
        import jsonschema

        return bool(jsonschema.Draft202012Validator(self.parameters_schema).is_valid(arguments))

    def schema(self) -> ToolSchema:
        """What a model is told about it."""
        return ToolSchema(self.name, self.description, self.parameters_schema)


class SearchToolType(ToolType):
    """Finds documents for a query."""

    name = "search"
    description = "Search for documents."
    category = ToolCategory.SEARCH
    parameters_schema = _object("query", query="string")


class CodeExecutionToolType(ToolType):
    """Runs a program."""

    name = "code_execution"
    description = "Run code and return what it prints."
    category = ToolCategory.CODE
    parameters_schema = _object("code", code="string", language="string")


class FileSystemToolType(ToolType):
    """Reads and writes files."""

    name = "file_system"
    description = "Read or write a file."
    category = ToolCategory.FILE_SYSTEM
    parameters_schema = _object("path", operation="string", path="string", content="string")


class DatabaseToolType(ToolType):
    """Asks a database."""

    name = "database"
    description = "Run a query in a database."
    category = ToolCategory.DATABASE
    parameters_schema = _object("query", query="string")


class APICallToolType(ToolType):
    """Calls an address on the network."""

    name = "api_call"
    description = "Call an HTTP address."
    category = ToolCategory.API
    parameters_schema = _object("url", url="string", method="string", body="object")


class ToolTypeRegistry:
    """The kinds of tools of this process, by name."""

    def __init__(self, *types: ToolType) -> None:
        self._types = {kind.name: kind for kind in types}

    def register(self, name: str, tool_type: ToolType) -> None:
        self._types[name] = tool_type

    def get(self, name: str) -> ToolType:
        """The kind called ``name``.

        Raises:
            UnknownNameError: there is none.
        """
        if name not in self._types:
            known = ", ".join(sorted(self._types))
            raise UnknownNameError(f"unknown kind of tool {name!r}", hint=f"there are: {known}")
        return self._types[name]

    def all(self) -> dict[str, ToolType]:
        return dict(self._types)

    def list_names(self) -> list[str]:
        return sorted(self._types)

    def list_by_category(self, category: ToolCategory) -> list[ToolType]:
        return [kind for kind in self._types.values() if kind.category == category]


_known = ToolTypeRegistry(
    SearchToolType(),
    CodeExecutionToolType(),
    FileSystemToolType(),
    DatabaseToolType(),
    APICallToolType(),
)
get_tool_type = _known.get
get_tool_types_by_category = _known.list_by_category
list_tool_types = _known.list_names
register_tool_type = _known.register

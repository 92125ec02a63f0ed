"""Tools and scaffolds by name, as functions: for notebooks, scripts and task packs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from olmo_eval import plugins
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.selection import find_tools
from olmo_eval.agents.tools import Tool

S = TypeVar("S", bound=type[Any])


class _Registered(Mapping[str, Any]):
    """What is registered of a kind, by name; looked up when it is asked for."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __getitem__(self, name: str) -> Any:
        registry = plugins.manager().registry(self._kind)
        if name not in registry:
            raise KeyError(name)
        return registry.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(plugins.manager().registry(self._kind).names())

    def __len__(self) -> int:
        return len(plugins.manager().registry(self._kind).names())


TOOL_REGISTRY: Mapping[str, Tool] = _Registered("tools")
SCAFFOLD_REGISTRY: Mapping[str, type[Scaffold]] = _Registered("scaffolds")


def get_tool(name: str) -> Tool:
    """The registered tool called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    return get_tools((name,))[0]


def get_tools(names: Iterable[str]) -> list[Tool]:
    """The registered tools of these names, in order.

    Raises:
        UnknownNameError: one of them is not registered.
    """
    return list(find_tools(names).values())


def list_tools() -> list[str]:
    """The names of all registered tools, in order."""
    return list(TOOL_REGISTRY)


def register_tool(tool: Tool) -> Tool:
    """Register a tool under its name."""
    plugins.add("tools", tool.name, tool)
    return tool


def ensure_tools_registered(tools: Iterable[Tool]) -> None:
    """Register those of ``tools`` whose names are not taken."""
    for tool in tools:
        if tool.name not in TOOL_REGISTRY:
            register_tool(tool)


def load_tools() -> None:
    """Import the tools of every plugin."""
    registry = plugins.manager().registry("tools")
    for name in registry.names():
        registry.get(name)


def clear_registry() -> None:
    """Forget every tool of this process: for tests of task packs."""
    plugins.manager().registry("tools").clear()


def get_scaffold(name: str) -> type[Scaffold]:
    """The registered scaffold called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    found: type[Scaffold] = plugins.manager().registry("scaffolds").get(name)
    return found


def list_scaffolds() -> list[str]:
    """The names of all registered scaffolds, in order."""
    return list(SCAFFOLD_REGISTRY)


def validate_scaffold(name: str) -> None:
    """Raise UnknownNameError where no scaffold is called ``name``."""
    plugins.manager().registry("scaffolds").entry(name)


def get_scaffold_extras(name: str) -> tuple[str, ...]:
    """The extras of its package that a scaffold needs."""
    return tuple(getattr(get_scaffold(name), "required_extras", ()))


def register_scaffold(name: str) -> Callable[[S], S]:
    """Class decorator: register a scaffold under ``name``."""

    def decorate(cls: S) -> S:
        plugins.add("scaffolds", name, cls)
        return cls

    return decorate

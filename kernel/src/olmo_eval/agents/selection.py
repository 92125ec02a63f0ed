"""From names in a configuration to the tools and scaffolds that plugins registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from olmo_eval import plugins
from olmo_eval.agents.arguments import check_schema
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import Tool
from olmo_eval.errors import UsageError


def find_tools(tools: Iterable[Any]) -> dict[str, Tool]:
    """Tools by name, from registered names and ``Tool`` objects.

    Raises:
        UnknownNameError: nothing is registered under a name.
        UsageError: two tools have one name, a schema is not valid, or something is neither name
            nor tool.
    """
    found: dict[str, Tool] = {}
    for item in tools:
        made = plugins.manager().registry("tools").get(item) if isinstance(item, str) else item
        if not isinstance(made, Tool):
            raise UsageError(f"{item!r} is not a tool", hint="mark its function with @tool")
        if found.setdefault(made.name, made) is not made:
            raise UsageError(f"two tools of the harness are named {made.name!r}")
        check_schema(made)
    return found


def make_scaffold(name: str, settings: Mapping[str, Any]) -> Scaffold:
    """The registered scaffold ``name`` with its ``settings``.

    Raises:
        UnknownNameError: no scaffold has that name. UsageError: it does not take one of the
            settings.
    """
    cls: type[Scaffold] = plugins.manager().registry("scaffolds").get(name)
    with plugins.asking(f"scaffold {name!r}", cls.__module__):
        try:
            return cls(**settings)
        except TypeError as error:
            raise UsageError(f"scaffold {name!r}: {error}") from error

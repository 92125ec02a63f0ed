"""From names in a configuration to the tools and scaffolds that plugins registered.

A harness names a tool (``bash``), a tool with limits of its own (``{name: bash, timeout: 120}``),
or a toolset with its settings (``search:docs.jsonl``, ``{name: search, corpus: docs.jsonl}``).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from olmo_eval import plugins
from olmo_eval.agents.arguments import check_schema
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import Tool
from olmo_eval.agents.toolset import Toolset
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import UsageError

#: what may be said of every tool, and of all tools of a toolset
_LIMITS = ("timeout", "output_limit")


@frozen
class ToolChoice:
    """What one item of a harness's ``tools`` names: something registered, and its settings."""

    name: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, item: Any) -> ToolChoice | None:
        """The choice that ``item`` writes; None where it is a tool itself.

        Raises:
            UnknownNameError: nothing is registered under its name. UsageError: it is neither a
                name, nor a mapping with a ``name``, nor a tool.
        """
        if isinstance(item, Tool):
            return None
        if isinstance(item, str):
            return cls(*_split(item))
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            return cls(item["name"], {k: v for k, v in item.items() if k != "name"})
        raise UsageError(
            f"{item!r:.80} is not a tool",
            hint="name one, write {name: NAME, SETTING: VALUE}, or mark its function with @tool",
        )

    @property
    def _target(self) -> Any:
        return plugins.manager().registry("tools").get(self.name)

    @property
    def _limits(self) -> dict[str, Any]:
        """The settings that are for the tools themselves, whatever makes them."""
        target = self._target
        own = inspect.signature(target).parameters if _is_toolset(target) else ()
        return {k: v for k, v in self.settings.items() if k in _LIMITS and k not in own}

    @property
    def _rest(self) -> dict[str, Any]:
        limits = self._limits
        return {k: v for k, v in self.settings.items() if k not in limits}

    def tools(self) -> Sequence[Tool]:
        """The tools, with these settings.

        Raises:
            UsageError: a setting is missing, unknown or wrong. OlmoEvalError: a toolset cannot
                have its tools.
        """
        target = self._target
        if _is_toolset(target):
            made = make_toolset(self.name, target, self._rest)
            with plugins.asking(f"tools {self.name!r}", target.__module__):
                found = made.tools()
        elif not isinstance(target, Tool):
            raise UsageError(f"{target!r:.80} is not a tool", hint="mark its function with @tool")
        elif self._rest:
            raise _unknown(self.name, sorted(self._rest)[0], _LIMITS)
        else:
            found = (target,)
        if not self._limits:
            return found
        try:
            return [evolve(tool, **self._limits) for tool in found]
        except (TypeError, ValueError) as error:
            raise UsageError(f"tool {self.name!r}: {error.args[0]}") from error

    def identity(self) -> Any:
        """What decides the results of these tools: a name, or an object of settings."""
        if not self.settings:
            return self.name
        told: Mapping[str, Any] = self._rest
        if _is_toolset(self._target):
            told = make_toolset(self.name, self._target, self._rest).identity(told)
        return {**told, **self._limits, "name": self.name}


def tool_identity(item: Any) -> Any:
    """What decides the results of what one item of a harness's ``tools`` names."""
    choice = ToolChoice.of(item)
    return item.name if choice is None else choice.identity()


def find_tools(tools: Iterable[Any]) -> dict[str, Tool]:
    """Tools by name, from what a harness names and from ``Tool`` objects.

    Raises:
        UnknownNameError: nothing is registered under a name.
        UsageError: two tools have one name, a schema is not valid, a setting is wrong, or
            something is neither name nor tool. OlmoEvalError: a toolset cannot have its tools.
    """
    found: dict[str, Tool] = {}
    for item in tools:
        choice = ToolChoice.of(item)
        for made in (item,) if choice is None else choice.tools():
            if found.setdefault(made.name, made) is not made:
                raise UsageError(f"two tools of the harness are named {made.name!r}")
            check_schema(made)
    return found


def _is_toolset(target: Any) -> bool:
    return isinstance(target, type) and issubclass(target, Toolset)


def _split(text: str) -> tuple[str, dict[str, Any]]:
    """The registered name at the beginning of ``text``, and the setting after its colon."""
    registry = plugins.manager().registry("tools")
    head = text
    while head not in registry:
        head, colon, _ = head.rpartition(":")
        if not colon:
            registry.entry(text.partition(":")[0])  # raises, and offers the closest names
    if head == text:
        return text, {}
    argument = getattr(registry.get(head), "argument", "")
    if not argument:
        raise UsageError(f"tool {head!r} takes nothing after its name, got {text!r:.80}")
    return head, {argument: text[len(head) + 1 :]}


def make_toolset(name: str, kind: type[Toolset], settings: Mapping[str, Any]) -> Toolset:
    """The toolset registered under ``name``, with its settings.

    Raises:
        UsageError: it lacks one of them, or does not take one, or not this value.
    """
    parameters = inspect.signature(kind).parameters
    unknown = sorted(set(settings) - set(parameters))
    if unknown:
        raise _unknown(name, unknown[0], tuple(dict.fromkeys((*parameters, *_LIMITS))))
    missing = [n for n, p in parameters.items() if p.default is p.empty and n not in settings]
    if missing:
        full = json.dumps({"name": name, **dict.fromkeys(missing, "...")})
        short = f"{name}:{missing[0].upper()}" if missing == [kind.argument] else full
        raise UsageError(
            f"tools {name!r} lack the setting {missing[0]!r}",
            hint=f"name them with it: -o 'tools=[{short}]'",
        )
    with plugins.asking(f"tools {name!r}", kind.__module__):
        try:
            return kind(**settings)
        except (TypeError, ValueError) as error:
            raise UsageError(f"tools {name!r}: {error}") from error


def _unknown(name: str, setting: str, known: Sequence[str]) -> UsageError:
    otherwise = f"it has: {', '.join(known)}"
    return UsageError(
        f"tool {name!r} has no setting {setting!r}",
        hint=did_you_mean(setting, known, otherwise=otherwise),
    )


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

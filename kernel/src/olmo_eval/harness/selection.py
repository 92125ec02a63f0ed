"""From names in a configuration to the classes that plugins registered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from olmo_eval import plugins
from olmo_eval.errors import UsageError
from olmo_eval.harness.arguments import check_schema
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.models import choose_provider
from olmo_eval.harness.provider import Provider, ProviderConfig
from olmo_eval.harness.scaffold import Scaffold
from olmo_eval.harness.tools import Tool


def make_provider(config: ProviderConfig) -> Provider:
    """The provider that runs ``config``, not started; without a kind, a plugin chooses it.

    Raises:
        UnknownNameError: no provider has that name. UsageError: nobody knows what runs the model.
    """
    chosen, _reason = choose_provider(config)
    cls: type[Provider] = plugins.manager().registry("providers").get(str(chosen.kind))
    with plugins.asking(f"provider {chosen.kind!r}", cls.__module__):
        return cls(chosen)


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


def make_scaffold(config: HarnessConfig) -> Scaffold | None:
    """The harness's scaffold with its settings, or None.

    Raises:
        UnknownNameError: no scaffold has that name.
        UsageError: it does not take one of ``scaffold_kwargs``.
    """
    if config.scaffold is None:
        return None
    cls: type[Scaffold] = plugins.manager().registry("scaffolds").get(config.scaffold)
    with plugins.asking(f"scaffold {config.scaffold!r}", cls.__module__):
        try:
            return cls(**config.scaffold_kwargs)
        except TypeError as error:
            raise UsageError(f"scaffold {config.scaffold!r}: {error}") from error

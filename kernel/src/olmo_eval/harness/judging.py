"""Which models a harness's judges ask."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from olmo_eval.common.overrides import Override, apply_overrides
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.providers.models import model_provider
from olmo_eval.providers.provider import ProviderConfig

JUDGE = "judge"


def with_judge(config: HarnessConfig, model: str) -> HarnessConfig:
    """``config`` with its judges asking ``model``, named as ``-m`` takes it, in place of theirs.

    Where it has no judge yet, the auxiliary provider ``judge`` is one by itself.
    """
    names = {judge.provider for judge in config.judges.values()} or {JUDGE}
    names |= {JUDGE} & config.auxiliary_providers.keys()
    named = {name: model_provider(model, ProviderConfig()) for name in sorted(names)}
    return evolve(config, auxiliary_providers={**config.auxiliary_providers, **named})


def with_overrides(
    config: HarnessConfig, overrides: Iterable[Override], *, where: str
) -> HarnessConfig:
    """``config`` with ``overrides``, where ``auxiliary_providers.NAME=MODEL`` names a model alone,
    and with its auxiliary models looked up.

    Raises:
        UsageError: an unknown key or a value of the wrong type.
    """
    told = (
        evolve(o, path=(*o.path, "model"))
        if len(o.path) == 2 and o.path[0] == "auxiliary_providers" and isinstance(o.value, str)
        else o
        for o in overrides
    )
    return with_named_models(apply_overrides(config, told, where=where))


def with_named_models(config: HarnessConfig) -> HarnessConfig:
    """``config`` with its auxiliary models looked up as ``-m`` would: presets, ``provider:model``.

    One whose provider is given is left as it is.
    """
    found = {
        name: one if one.kind else model_provider(one.model, one)
        for name, one in config.auxiliary_providers.items()
    }
    return evolve(config, auxiliary_providers=found)

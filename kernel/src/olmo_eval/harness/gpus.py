"""Sharing out GPUs among the models of one harness."""

from __future__ import annotations

from attrs import evolve

from olmo_eval.errors import UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.providers.devices import gpus_needed, visible_gpus


def share_gpus(config: HarnessConfig, gpus: tuple[str, ...] | None = None) -> HarnessConfig:
    """The harness with each local model given GPUs of its own: the main one first.

    Nothing changes where there is no GPU, or where only one model wants any (it takes what it
    wants of all of them), or for models whose ``devices`` are already set.

    Raises:
        UsageError: the models want more GPUs than are visible.
    """
    free = list(visible_gpus() if gpus is None else gpus)
    wanted = {"": gpus_needed(config.provider)}
    wanted |= {name: gpus_needed(c) for name, c in config.auxiliary_providers.items()}
    if not free or sum(n > 0 for n in wanted.values()) < 2:
        return config
    given = {name: _devices(config, name) for name in wanted}
    free = [gpu for gpu in free if not any(gpu in taken for taken in given.values())]
    missing = sum(n for name, n in wanted.items() if not given[name]) - len(free)
    if missing > 0:
        asked = ", ".join(f"{name or 'the model'} {n}" for name, n in wanted.items() if n)
        raise UsageError(
            f"the models of the harness want {missing} more GPUs than are visible ({asked})",
            hint="use smaller tensor_parallel_size or num_instances, or a judge at a base_url",
        )
    for name, n in wanted.items():
        if n and not given[name]:
            given[name], free = tuple(free[:n]), free[n:]
    auxiliary = {
        name: evolve(c, devices=given[name]) for name, c in config.auxiliary_providers.items()
    }
    provider = evolve(config.provider, devices=given[""])
    return evolve(config, provider=provider, auxiliary_providers=auxiliary)


def _devices(config: HarnessConfig, name: str) -> tuple[str, ...]:
    return config.auxiliary_providers[name].devices if name else config.provider.devices

"""Sharing out GPUs among the models of one harness."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve

from olmo_eval import plugins
from olmo_eval.errors import UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.provider import Provider, ProviderConfig

_MASK = "CUDA_VISIBLE_DEVICES"
#: held while the mask of the process is changed, or must not be
_mask_lock = threading.RLock()
#: what the process's own mask names, while another one is in its place
_own: tuple[str, ...] | None = None


def visible_gpus(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The GPUs this process may use, as its mask names them; empty where there is none.

    ``CUDA_VISIBLE_DEVICES`` is respected as it is (numbers, UUIDs, MIG names), and as it is outside
    of ``narrowed``; without it every NVIDIA device file of the machine counts.
    """
    if environment is None and _own is not None:
        return _own
    env = os.environ if environment is None else environment
    mask = env.get(_MASK)
    if mask is not None:
        named = [name.strip() for name in mask.split(",")]
        return tuple(name for name in named if name and name != "-1")
    return tuple(str(i) for i in range(len(list(Path("/dev").glob("nvidia[0-9]*")))))


@contextmanager
def narrowed(gpus: tuple[str, ...]) -> Iterator[None]:
    """Meanwhile the mask of this process names ``gpus`` alone (everything, where there are none):
    for an engine that takes its GPUs from there when it starts, here or in processes of its own.

    The mask is the process's again when the engine has started, because other models of the run
    name their GPUs by it. One engine at a time; a second one waits for its turn.
    """
    global _own
    with _mask_lock:
        before, outer = os.environ.get(_MASK), _own
        if gpus:
            _own = visible_gpus()
            os.environ[_MASK] = ",".join(gpus)
        try:
            yield
        finally:
            _own = outer
            if before is not None:
                os.environ[_MASK] = before
            elif gpus:
                del os.environ[_MASK]


@contextmanager
def own_mask() -> Iterator[None]:
    """Meanwhile nothing narrows the mask of this process: for what makes CUDA read it."""
    with _mask_lock:
        yield


def gpu_memory(gpus: tuple[str, ...]) -> int | None:
    """Bytes in use on ``gpus`` together, by whoever uses them; None where nobody can tell."""
    query = ("nvidia-smi", "--query-gpu=index,uuid,memory.used", "--format=csv,noheader,nounits")
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        rows = [[cell.strip() for cell in line.split(",")] for line in told.stdout.splitlines()]
        taken = [int(used) * 2**20 for *names, used in rows if set(names) & set(gpus)]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return sum(taken) if taken else None


def _provider_class(config: ProviderConfig) -> type[Provider] | None:
    registry = plugins.manager().registry("providers")
    if config.kind is None or config.kind not in registry:
        return None
    cls: type[Provider] = registry.get(config.kind)
    return cls


def gpus_needed(config: ProviderConfig) -> int:
    """How many GPUs the provider of ``config`` takes; 0 for an API or a server that runs."""
    cls = _provider_class(config)
    return 0 if cls is None or config.base_url else cls.gpus_needed(config)


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

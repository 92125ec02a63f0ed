"""Which GPUs there are, and which a model takes."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from olmo_eval import plugins
from olmo_eval.providers.provider import Provider, ProviderConfig

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

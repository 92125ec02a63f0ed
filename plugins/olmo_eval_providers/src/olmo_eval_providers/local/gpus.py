"""Whether there is a GPU, and which is which in this process.

CUDA reads ``CUDA_VISIBLE_DEVICES`` once, when a process first uses it, and numbers what it finds
there from 0. A configuration names GPUs as the process's own mask does, so that a model and its
judge mean the same GPUs whichever of them starts first; an engine that takes its GPUs from the mask
is started under one of its own (``narrowed``).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from olmo_eval.errors import ProviderError
from olmo_eval.providers.devices import narrowed, own_mask, visible_gpus

#: the GPUs of this process in CUDA's order; None before CUDA is initialized
_cuda_order: tuple[str, ...] | None = None


def _cuda_initialized() -> bool:
    """Whether this process uses CUDA; imports nothing."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


@contextmanager
def engine_gpus(gpus: tuple[str, ...], *, in_process: bool) -> Iterator[None]:
    """For the start of an engine that takes its GPUs from the mask: ``gpus``, or all of the
    process's where none are named. ``in_process``: it uses CUDA here, not in processes of its own.

    Raises:
        ProviderError: CUDA numbers other GPUs in this process, and no mask would change that.
    """
    global _cuda_order
    with narrowed(gpus):
        if gpus and in_process and _cuda_initialized():
            check_first(gpus, _cuda_order or visible_gpus())
        before = _cuda_initialized()
        try:
            yield
        finally:
            if not before and _cuda_initialized():
                _cuda_order = gpus or visible_gpus()


def cuda_index(gpu: str) -> int:
    """The number that CUDA gives ``gpu``, which the process's own mask names, in this process.

    Raises:
        ProviderError: it is not among the GPUs of this process.
    """
    global _cuda_order
    torch = sys.modules["torch"]
    with own_mask():
        if _cuda_order is None:
            if torch.cuda.is_available():
                torch.cuda.init()
            _cuda_order = visible_gpus()
    return index_among(gpu, _cuda_order, visible_gpus())


def index_among(gpu: str, numbered: Sequence[str], visible: Sequence[str]) -> int:
    """The place of ``gpu`` among those that CUDA ``numbered``; ``visible`` are the process's own.

    Raises:
        ProviderError: it is not there.
    """
    if gpu in numbered:
        return numbered.index(gpu)
    if gpu in visible:
        raise ProviderError(
            f"GPU {gpu} is out of reach: an engine in this process has begun with "
            f"{', '.join(numbered)} alone",
            hint="run one of the two models by vllm_server, which has processes of its own",
        )
    if not visible and gpu.isdecimal():  # no mask, and devices that only CUDA itself can count
        return int(gpu)
    raise ProviderError(
        f"there is no GPU {gpu} here; visible are: {', '.join(visible) or 'none'}",
        hint="devices are named as CUDA_VISIBLE_DEVICES names them",
    )


def check_first(gpus: Sequence[str], numbered: Sequence[str]) -> None:
    """Refuse an engine in this process that would get other GPUs than ``gpus``: it takes the first
    of those that CUDA has ``numbered``.

    Raises:
        ProviderError: the first are others.
    """
    first = tuple(numbered[: len(gpus)])
    if first != tuple(gpus):
        raise ProviderError(
            f"an engine in this process would run on GPU {', '.join(first)}, not on "
            f"{', '.join(gpus)}: CUDA has begun here with {', '.join(numbered)}",
            hint="run one of the two models by vllm_server, which has processes of its own",
        )


def gpu_present() -> bool:
    """Whether a GPU can be used by this process; looks at devices only, imports nothing."""
    for variable in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        if os.environ.get(variable, "all").strip() in ("", "-1"):
            return False
    devices = Path("/dev")
    if any(devices.glob("nvidia[0-9]*")) or (devices / "kfd").exists():
        return True
    return (devices / "dxg").exists() and shutil.which("nvidia-smi") is not None

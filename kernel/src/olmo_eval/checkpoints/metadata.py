"""What a checkpoint's own files say of its training: steps and tokens.

Read are the files that trainers write for themselves: ``trainer_state.json`` (Hugging Face, TRL,
Axolotl), ``checkpoint_metadata.json`` (nanotron), ``train/rank0.pt`` (OLMo-core), ``common.pt``
(Megatron-LM).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from olmo_eval.checkpoints.pickles import UnreadableError, read_torch

Told = tuple[int | None, int | None]


def told_progress(folder: Path) -> Told:
    """(step, tokens) as the files of ``folder`` say; None for what none of them says. A file that
    cannot be read says nothing."""
    for name, read in _READERS.items():
        if (folder / name).is_file():
            step, tokens = read(folder / name)
            if step is not None or tokens is not None:
                return step, tokens
    return None, None


def _hugging_face(path: Path) -> Told:
    state = read_object(path)
    seen = _count(state.get("num_input_tokens_seen"))
    return _count(state.get("global_step")), seen or None  # 0 where the trainer does not count


def _nanotron(path: Path) -> Told:
    metas = read_object(path).get("metas")
    if not isinstance(metas, Mapping):
        return None, None
    return _count(metas.get("last_train_step")), _count(metas.get("consumed_tokens_total"))


def _olmo_core(path: Path) -> Told:
    state = _torch(path)
    return _count(state.get("global_step")), _count(state.get("global_train_tokens_seen"))


def _megatron(path: Path) -> Told:
    state = _torch(path)
    settings = getattr(state.get("args"), "__dict__", {})
    samples, length = (_count(settings.get(n)) for n in ("consumed_train_samples", "seq_length"))
    tokens = samples * length if samples is not None and length is not None else None
    return _count(state.get("iteration")), tokens


_READERS: dict[str, Callable[[Path], Told]] = {
    "trainer_state.json": _hugging_face,
    "checkpoint_metadata.json": _nanotron,
    "train/rank0.pt": _olmo_core,
    "common.pt": _megatron,
}


def read_object(path: Path) -> Mapping[str, Any]:
    """A JSON object; {} where the file does not hold a whole one."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _torch(path: Path) -> Mapping[str, Any]:
    try:
        content = read_torch(path)
    except (OSError, UnreadableError):
        return {}
    return content if isinstance(content, dict) else {}


def _count(value: Any) -> int | None:
    """A number of steps or tokens; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(value)

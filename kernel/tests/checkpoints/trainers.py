"""Trainers that write checkpoints as the real ones do: the same files in the same order, with the
same marks, trackers and deletions. Their weights are random bytes, and they can be killed anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

#: bytes of a file that are written at once; between two writes a trainer may be killed
BLOCK = 512
KEPT = 2

Write = Callable[[Path, bytes], None]


class Storage:
    """What ``.metadata`` of a distributed checkpoint holds, as far as anybody reads it."""

    def __init__(self, files: dict[str, int]) -> None:
        self.storage_data = {
            (name, i): Part(name, end * i // 2, end - end * i // 2)
            for name, end in files.items()
            for i in range(2)
        }


class Part:
    def __init__(self, relative_path: str, offset: int, length: int) -> None:
        self.relative_path, self.offset, self.length = relative_path, offset, length


def weights(step: int, name: str, size: int = 3000) -> bytes:
    seed = int.from_bytes(hashlib.sha256(f"{step} {name}".encode()).digest()[:8], "big")
    return random.Random(seed).randbytes(size)


def safetensors(step: int, name: str) -> bytes:
    content = weights(step, name)
    header = {"w": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + content


def torch_file(value: Any, extra: bytes = b"") -> bytes:
    """What ``torch.save`` writes, without PyTorch."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps(value, protocol=2))
        archive.writestr(zipfile.ZipInfo("archive/data/0"), extra)
    return content.getvalue()


def model(step: int) -> dict[str, bytes]:
    """A model in Hugging Face's format, in the order in which transformers saves it."""
    shards = {f"model-0000{i}-of-00002.safetensors": safetensors(step, f"m{i}") for i in (1, 2)}
    index = {"weight_map": {"a": next(iter(shards)), "b": list(shards)[1]}}
    return {
        "config.json": json.dumps({"model_type": "llama", "step": step}).encode(),
        **shards,
        "model.safetensors.index.json": json.dumps(index).encode(),
        "tokenizer.json": json.dumps({"words": ["x" * 40] * 20}).encode(),
        "tokenizer_config.json": b"{}",
    }


def distributed(step: int) -> dict[str, bytes]:
    """A distributed checkpoint of PyTorch: ``.metadata`` comes last."""
    parts = {f"__{rank}_0.distcp": weights(step, f"d{rank}") for rank in (0, 1)}
    told = Storage({name: len(content) for name, content in parts.items()})
    return {**parts, ".metadata": pickle.dumps(told)}


def _under(place: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{place}/{name}": content for name, content in files.items()}


def _olmo_core(step: int) -> dict[str, bytes]:
    state = {"global_step": step, "global_train_tokens_seen": step * 4096}
    return {
        "train/rank0.pt": torch_file(state),
        **_under("model_and_optim", distributed(step)),
        **_under("hf", model(step)),
        ".metadata.json": b'{"version": "2.0"}',
    }


def _megatron(step: int) -> dict[str, bytes]:
    return {
        **distributed(step),
        "common.pt": torch_file({"iteration": step}),
        **_under("hf", model(step)),
        "metadata.json": b'{"sharded_backend": "torch_dist"}',
    }


def _nemo(step: int) -> dict[str, bytes]:
    return {
        **_under("weights", distributed(step)),
        "context/model.yaml": b"_target_: llm",
        **_under("hf", model(step)),
    }


def _torchtitan(step: int) -> dict[str, bytes]:
    files = model(step)
    index = files.pop("model.safetensors.index.json")
    return {**files, "model.safetensors.index.json": index}


def _nanotron(step: int) -> dict[str, bytes]:
    metas = {"last_train_step": step, "consumed_tokens_total": step * 2048}
    return {
        "config.yaml": b"general: {}\n",
        "model/model.safetensors": safetensors(step, "n"),
        "optimizer/optimizer.pt": torch_file({}, weights(step, "o")),
        **_under("hf", model(step)),
        "checkpoint_metadata.json": json.dumps({"metas": metas}).encode(),
        "latest": b"",
        "model_config.json": b'{"hidden_size": 8}',
    }


def _hugging_face(step: int) -> dict[str, bytes]:
    return {
        **model(step),
        "training_args.bin": torch_file({"lr": 1}),
        "optimizer.pt": torch_file({}, weights(step, "o")),
        "rng_state.pth": torch_file({}),
        "trainer_state.json": json.dumps(
            {"global_step": step, "num_input_tokens_seen": step * 1024, "log_history": [0] * 300}
        ).encode(),
    }


def _verl(step: int) -> dict[str, bytes]:
    return {
        "actor/model_world_size_1_rank_0.pt": torch_file({}, weights(step, "v")),
        **_under("actor/huggingface", model(step)),
        "data.pt": torch_file({"position": step}),
    }


def _composer(step: int) -> dict[str, bytes]:
    return {**_under("hf", model(step)), **distributed(step)}


def _orbax(step: int) -> dict[str, bytes]:
    return {
        "default/manifest.ocdbt": weights(step, "ocdbt", 400),
        "default/d/0": weights(step, "x"),
        **_under("hf", model(step)),
        "_CHECKPOINT_METADATA": json.dumps({"commit_timestamp_nsecs": 1_700_000_000}).encode(),
    }


FILES: dict[str, Callable[[int], dict[str, bytes]]] = {
    "olmo-core": _olmo_core,
    "megatron": _megatron,
    "nemo": _nemo,
    "torchtitan": _torchtitan,
    "nanotron": _nanotron,
    "hugging-face": _hugging_face,
    "verl": _verl,
    "composer": _composer,
    "orbax": _orbax,
    "other": model,
}

NAMES = {
    "olmo-core": "step{}",
    "megatron": "iter_{:07d}",
    "nemo": "gpt--val_loss=2.31-step={}-consumed_samples=64.0",
    "torchtitan": "step-{}",
    "nanotron": "{}",
    "hugging-face": "checkpoint-{}",
    "verl": "global_step_{}",
    "composer": "ep0-ba{}",
    "orbax": "{}",
    "other": "model-at-step{}",
}

#: written to a folder of another name first, which is renamed when it is finished
_RENAMED = {"olmo-core": "{}-tmp", "orbax": "{}.orbax-checkpoint-tmp-17"}
#: the file that is written after the rename, and removed first
_LAST = {"olmo-core": ".metadata.json"}
_TRACKERS = {
    "megatron": "latest_checkpointed_iteration.txt",
    "verl": "latest_checkpointed_iteration.txt",
    "nanotron": "latest.txt",
}


def name_of(layout: str, step: int) -> str:
    return NAMES[layout].format(step)


class Trainer:
    """A trainer of one layout; ``pause`` is called between any two things it does."""

    def __init__(self, layout: str, root: Path, pause: Callable[[], None]) -> None:
        self.layout, self.root, self.pause = layout, root, pause

    def train(self, steps: Iterator[int] | range, keep: int | None = None) -> None:
        written: list[int] = []
        for step in steps:
            self.save(step)
            written.append(step)
            while keep is not None and len(written) > keep:
                self.remove(written.pop(0))

    def save(self, step: int) -> None:
        name = name_of(self.layout, step)
        target = self.root / name
        if target.exists():  # a restarted trainer begins again with what it has not finished
            shutil.rmtree(target)
        marker = target.with_name(f"{name}-unfinished")
        if self.layout == "nemo":
            marker.touch()
        draft = self.root / _RENAMED.get(self.layout, "{}").format(name)
        if draft.exists():
            shutil.rmtree(draft)
        last = _LAST.get(self.layout)
        for file, content in FILES[self.layout](step).items():
            if file == last:
                continue
            if file == "latest":  # nanotron points to a checkpoint before it is complete
                self._track(step)
                continue
            self._write(draft / file, content)
        if draft != target:
            draft.rename(target)
        if last is not None:
            self._write(target / last, FILES[self.layout](step)[last])
        if self.layout == "nemo":
            marker.unlink()
        if self.layout != "nanotron":
            self._track(step)

    def remove(self, step: int) -> None:
        """Delete a checkpoint, as ``shutil.rmtree`` does: in any order, and not at once."""
        target = self.root / name_of(self.layout, step)
        if self.layout == "nemo":
            target.with_name(f"{target.name}-unfinished").touch()
        last = _LAST.get(self.layout)
        if last is not None:
            (target / last).unlink(missing_ok=True)
        for folder, _, names in os.walk(target, topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))
                self.pause()
            os.rmdir(folder)
        if self.layout == "nemo":
            target.with_name(f"{target.name}-unfinished").unlink(missing_ok=True)

    def _track(self, step: int) -> None:
        tracker = _TRACKERS.get(self.layout)
        if tracker is not None:
            self._write(self.root / tracker, str(step).encode())

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.pause()
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(content), BLOCK):
                file.write(content[start : start + BLOCK])
                self.pause()


def expected(layout: str, step: int) -> dict[str, bytes]:
    """Every file of a complete checkpoint."""
    files = FILES[layout](step)
    files.pop("latest", None)
    return files


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, read now."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def in_child(act: Callable[[], None]) -> int:
    """The process id of a child that acts; it ends without any of this process's clean-up."""
    child = os.fork()
    if child:
        return child
    try:
        act()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def slowly(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)

"""What identifies a model: the content of its folder, cheaply, so that a retrained checkpoint at
the same path is a new model.

A folder's fingerprint covers its configuration, tokenizer, chat template and model code in full,
and each weight file by its size, its header and bytes sampled from every tensor: reading a 14 GB
checkpoint whole would take minutes, while training moves every tensor. A hub model that is in the
local cache is identified by its commit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from attrs import evolve

from olmo_eval.common.types import Identity
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.served import host_of, served_model

#: weight files up to this many bytes are hashed whole
WHOLE_FILE_BYTES = 16 * 2**20
#: bytes read at each sampled place of a larger file
SAMPLE_BYTES = 512

_TEXT_FILES = {
    "config.json",
    "generation_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "params.json",
}
_TOKENIZER_PREFIXES = ("tokenizer", "chat_template")
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".npz", ".gguf")
_NOT_WEIGHTS = ("optimizer", "scheduler", "training_args", "rng_state", "scaler")


def folder_fingerprint(folder: str | Path) -> str:
    """``"sha256:..."`` over the files of a checkpoint folder that decide what the model answers.

    Training leftovers (optimizer state, logs) do not count. Raises OSError where a file cannot be
    read.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if not path.is_file():
            continue
        if _is_text(path.name):
            part = _whole(path)
        elif path.suffix in _WEIGHT_SUFFIXES and not path.name.startswith(_NOT_WEIGHTS):
            part = _weights(path)
        else:
            continue
        digest.update(f"{path.name}\0{part}\n".encode())
    return f"sha256:{digest.hexdigest()[:32]}"


def tokenizer_fingerprint(folder: str | Path) -> str:
    """``"sha256:..."`` over the tokenizer files alone."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        model_file = path.name in ("config.json", "generation_config.json", "params.json")
        if path.is_file() and _is_text(path.name) and not model_file:
            digest.update(f"{path.name}\0{_whole(path)}\n".encode())
    return f"sha256:{digest.hexdigest()[:32]}"


def model_fingerprint(config: ProviderConfig) -> str | None:
    """The fingerprint of the model that ``config`` names, with its tokenizer where that is another.

    A folder or file gives its content's hash, a hub id in the local cache ``hub:ID@COMMIT``; None
    where neither is at hand (an API's model, a hub id never fetched).
    """
    model = _identity(config.model, config.revision)
    if model is None or not config.tokenizer or config.tokenizer == config.model:
        return model
    folder = Path(config.tokenizer).expanduser()
    other = tokenizer_fingerprint(folder) if folder.is_dir() else _identity(config.tokenizer, None)
    return f"{model}+tokenizer:{other or config.tokenizer}"


def identify_model(config: ProviderConfig, key: str | None = None) -> dict[str, Any]:
    """``fingerprint``, ``known_by`` and ``chat_template`` of the model that ``config`` names.

    ``key`` is what the server at ``base_url`` wants.
    """
    known_by = Identity.CONTENT
    fingerprint = model_fingerprint(config) if config.model else None
    if config.base_url:
        fingerprint, known_by = _served(config, config.base_url, fingerprint, key)
    return {
        "fingerprint": fingerprint or _by_name(config, config.model),
        "known_by": str(known_by),
        "chat_template": chat_template_digest(config),
    }


def _served(
    config: ProviderConfig, base_url: str, named: str | None, key: str | None
) -> tuple[str, Identity]:
    """The fingerprint of what a server serves; ``named`` is that of the model ``config`` names.

    Where it tells an absolute path that is a folder here too, that is read. A relative one is
    relative to a folder that nobody tells: it is a place, as is one that is elsewhere.
    """
    told = served_model(base_url, config.model, key)
    if told is None:
        return named or _by_name(config, config.model), Identity.NAME
    for place in (told.root, told.name):
        if place and Path(place).is_absolute() and Path(place).is_dir():
            content = model_fingerprint(evolve(config, model=place))
            if content is not None:
                return content, Identity.CONTENT
    if told.root and (told.root != told.name or "/" in told.root):
        return f"served:{told.name}@{told.root}", Identity.PLACE
    return _by_name(config, told.name), Identity.NAME


def _by_name(config: ProviderConfig, model: str) -> str:
    host = host_of(config.base_url) if config.base_url else None
    parts = (config.kind, model, config.revision, host, config.tokenizer)
    return "name:" + ":".join(str(part) for part in parts if part)


def chat_template_digest(config: ProviderConfig) -> str | None:
    """16 hexadecimal digits over the chat template of a checkpoint folder; None without one."""
    folder = Path(config.tokenizer or config.model).expanduser()
    template = folder / "chat_template.jinja"
    text: object = None
    try:
        if template.is_file():
            text = template.read_text(encoding="utf-8")
        elif (folder / "tokenizer_config.json").is_file():
            text = json.loads((folder / "tokenizer_config.json").read_bytes()).get("chat_template")
    except (OSError, ValueError, AttributeError):
        return None  # a broken tokenizer is reported by whoever loads it
    if text is None:
        return None
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()[:16]


def _identity(model: str, revision: str | None) -> str | None:
    place = Path(model).expanduser()
    if place.is_dir():
        return folder_fingerprint(place)
    if place.is_file():
        return f"sha256:{_weights(place)[:32]}"
    commit = hub_commit(model, revision)
    return f"hub:{model}@{commit}" if commit else None


def hub_commit(model: str, revision: str | None = None) -> str | None:
    """The commit of ``model`` at ``revision`` in the local hub cache, or None."""
    repo = hub_cache() / ("models--" + model.replace("/", "--"))
    name = revision or "main"
    ref = repo / "refs" / name
    if ref.is_file():
        return ref.read_text().strip()
    return name if (repo / "snapshots" / name).is_dir() else None


def hub_cache() -> Path:
    """Where the hub's client keeps what it fetched."""
    direct = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if direct:
        return Path(direct)
    home = os.environ.get("HF_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "huggingface") / "hub"


def _is_text(name: str) -> bool:
    return (
        name in _TEXT_FILES
        or name.startswith(_TOKENIZER_PREFIXES)
        or name.endswith((".index.json", ".py", ".tiktoken"))
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return _whole(path)


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weights(path: Path) -> str:
    size = path.stat().st_size
    if size <= WHOLE_FILE_BYTES:
        return _whole(path)
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for offset in _sample_offsets(file, path, size, digest):
            file.seek(offset)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _sample_offsets(file: BinaryIO, path: Path, size: int, digest: hashlib._Hash) -> Iterator[int]:
    """Where to sample: start, middle and end of every tensor, or 256 places of an opaque file."""
    if path.suffix == ".safetensors":
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length < size else b""
        digest.update(header)
        try:
            tensors = json.loads(header)
        except ValueError:
            tensors = {}
        for name, tensor in sorted(tensors.items()):
            if name != "__metadata__":
                begin, end = (8 + length + offset for offset in tensor["data_offsets"])
                yield from (begin, (begin + end) // 2, max(begin, end - SAMPLE_BYTES))
    step = max(1, (size - SAMPLE_BYTES) // 255)
    yield from range(0, size, step)

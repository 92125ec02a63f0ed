"""Model folders that cannot be run: one clear message each, before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from olmo_eval.errors import ProviderError
from olmo_eval_providers.embedded.config import model_folder, read_config
from olmo_eval_providers.embedded.engine import Engine
from olmo_eval_providers.embedded.weights import load_weights


def copied(source: Path, target: Path, **changes: Any) -> Path:
    """A copy of a checkpoint with other settings in its config.json."""
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((source / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, **changes}))
    return target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "runs LlamaForCausalLM, not MambaForCausalLM"),
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu' is not supported"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "type 'yarn' are not supported"),
        ({"num_hidden_layers": 5}, "num_hidden_layers is 5, the weights have 4"),
        ({"num_hidden_layers": 3}, "num_hidden_layers is 3, the weights have 4"),
        (
            {"vocab_size": 280},
            r"embed_tokens.weight is \(288, 128\), config.json gives \(280, 128\)",
        ),
        ({"hidden_size": 64, "head_dim": 32}, r"config.json gives \(288, 64\)"),
        ({"intermediate_size": 8}, r"mlp.down_proj.weight is .* config.json gives \(128, 8\)"),
        (
            {"num_key_value_heads": 4},
            r"k_proj.weight is \(64, 128\), config.json gives \(128, 128\); 7 more",
        ),
        ({"tie_word_embeddings": False}, r"1 missing \(lm_head.weight\)"),
        ({"max_position_embeddings": "many"}, "config.json: invalid literal"),
    ],
)
def test_a_config_that_does_not_fit(
    checkpoint: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProviderError, match=message):
        Engine.load(copied(checkpoint, tmp_path, **changes))


def with_weights(folder: Path, **more: Any) -> Path:
    """``folder`` with further tensors in its weights."""
    path = folder / "model.safetensors"
    save_file({**load_file(path), **more}, path)
    return folder


def test_weights_that_nothing_uses(checkpoint: Path, tmp_path: Path) -> None:
    norm = {"model.layers.0.self_attn.q_norm.weight": np.ones(32, np.float16)}
    with pytest.raises(ProviderError, match=r"1 unused \(model.layers.0.self_attn.q_norm.weight\)"):
        Engine.load(with_weights(copied(checkpoint, tmp_path), **norm))


def test_a_head_beside_tied_embeddings_must_be_their_copy(checkpoint: Path, tmp_path: Path) -> None:
    folder = copied(checkpoint, tmp_path)
    embeddings = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    Engine.load(with_weights(folder, **{"lm_head.weight": embeddings}))
    with pytest.raises(ProviderError, match=r"1 unused \(lm_head.weight\)"):
        Engine.load(with_weights(folder, **{"lm_head.weight": embeddings * 2}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "has no config.json"),
        ("config.json", b"{", "is not valid JSON"),
        ("config.json", b"[]", "does not hold a JSON object"),
        ("model.safetensors", None, "has no .*safetensors file"),
        ("model.safetensors", b"not weights", "not a readable safetensors file"),
        ("tokenizer.json", None, "has no tokenizer.json"),
        ("tokenizer.json", b"[]", "not a readable tokenizer"),
    ],
)
def test_a_broken_folder(
    checkpoint: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    folder = copied(checkpoint, tmp_path)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ProviderError, match=message):
        Engine.load(folder)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="no such model folder"):
        model_folder(str(tmp_path / "nowhere"))
    (tmp_path / "file").touch()
    with pytest.raises(ProviderError, match="is a file, not a folder"):
        model_folder(str(tmp_path / "file"))


def test_older_configs_keep_the_rotary_base_at_the_top(checkpoint: Path, tmp_path: Path) -> None:
    folder = copied(checkpoint, tmp_path, rope_parameters=None, rope_theta=500000.0)
    assert read_config(folder).rope_theta == 500000.0


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_number_formats(tmp_path: Path, dtype: str) -> None:
    values = np.array([0.0, 1.5, -2.0, 0.15625], np.float32)
    if dtype == "BF16":  # the upper half of a float32
        data = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    else:
        data = values.astype({"F16": np.float16, "F32": np.float32}[dtype]).tobytes()
    entry = {"w": {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, len(data)]}}
    header = json.dumps(entry).encode()
    content = len(header).to_bytes(8, "little") + header + data
    (tmp_path / "model.safetensors").write_bytes(content)
    assert load_weights(tmp_path)["w"].tolist() == [[0.0, 1.5], [-2.0, 0.15625]]

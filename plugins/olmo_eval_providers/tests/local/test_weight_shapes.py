"""Weights that are not those of config.json: one error, before anything is computed with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.local.weight_shapes import (
    check_checkpoint,
    check_model,
    layer_shapes,
    weight_files,
    weights_mismatch,
)
from olmo_eval_providers.model_folders import local_folder

SIZES = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "vocab_size": 10,
    "hidden_size": 4,
    "intermediate_size": 6,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def tiny(folder: Path, *more: str, **config: Any) -> Path:
    """A checkpoint with the weights of SIZES, and of the names in ``more``; config.json says SIZES
    and what is different in ``config``."""
    weights = {
        f"model.layers.{index}.{name}.weight": np.ones(shape, np.float16)
        for index in range(2)
        for name, shape in layer_shapes(4, 6, queries=4, keys=2).items()
    }
    weights |= {name: np.ones(1, np.float16) for name in more}
    weights |= dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight"), np.ones((10, 4)))
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**SIZES, **config}))
    return folder


BIAS = "model.layers.1.self_attn.q_proj.bias"
EXPERTS = [f"model.layers.0.mlp.experts.{i}.gate_proj.weight" for i in range(3)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_hidden_layers": 1}, r"num_hidden_layers is 1, the weights have 2 layers"),
        ({"num_hidden_layers": 3}, "num_hidden_layers is 3, the weights have 2 layers"),
        ({"vocab_size": 9}, r"\.weight is \(10, 4\), config\.json gives \(9, 4\); 1 more"),
        (
            {"hidden_size": 8, "head_dim": 2},
            r"is \(10, 4\), config\.json gives \(10, 8\); \d+ more",
        ),
        ({"intermediate_size": 3}, r"down_proj\.weight is \(4, 6\), config\.json gives \(4, 3\)"),
        (
            {"num_key_value_heads": 2},
            r"k_proj\.weight is \(2, 4\), config\.json gives \(4, 4\); 3 more",
        ),
        ({"head_dim": 1}, r"k_proj\.weight is \(2, 4\), config\.json gives \(1, 4\)"),
    ],
    ids=str,
)
def test_sizes_that_are_not_those_of_the_weights(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProviderError, match=message) as error:
        check_checkpoint(tiny(tmp_path, **config))
    assert str(tmp_path) in error.value.message
    assert error.value.hint is not None and "correct config.json" in error.value.hint


def test_what_an_engine_would_pass_over(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"q_proj\.bias, but no attention_bias"):
        check_checkpoint(tiny(tmp_path, BIAS))
    with pytest.raises(ProviderError, match="num_experts is 2, the weights have 3 experts"):
        check_checkpoint(tiny(tmp_path, *EXPERTS, model_type="olmoe", num_experts=2))


@pytest.mark.parametrize(
    ("more", "config"),
    [
        ([], {}),
        ([], {"num_hidden_layers": 1, "num_nextn_predict_layers": 1}),
        ([], {"model_type": "mamba", "num_hidden_layers": 7}),
        ([], {"vocab_size": 80, "quantization_config": {"bits": 4}}),
        ([BIAS], {"attention_bias": True}),
        ([BIAS], {"model_type": "qwen2"}),
        (EXPERTS, {"model_type": "olmoe", "num_experts": 3}),
        ([], {"num_key_value_heads": None, "intermediate_size": None}),
    ],
    ids=["as it should be", "a layer of multi-token prediction", "other names", "packed weights",
         "biases", "biases that go without saying", "experts", "what is not said"],
)  # fmt: skip
def test_what_is_right_or_not_known_passes(
    tmp_path: Path, more: list[str], config: dict[str, Any]
) -> None:
    check_checkpoint(tiny(tmp_path, *more, **config))


def test_a_folder_without_a_config_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"has no config\.json"):
        check_checkpoint(tmp_path)


def test_the_files_that_the_index_lists_are_the_model(tmp_path: Path) -> None:
    whole = load_file(tiny(tmp_path) / "model.safetensors")
    (tmp_path / "model.safetensors").rename(tmp_path / "part-1.safetensors")
    save_file({"other": np.ones(1)}, tmp_path / "consolidated.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(whole, "part-1.safetensors")}))

    assert [path.name for path in weight_files(tmp_path)] == ["part-1.safetensors"]

    (tmp_path / "part-1.safetensors").unlink()
    with pytest.raises(
        ProviderError, match=r"lacks 1 of the 1 weight files .* part-1\.safetensors"
    ):
        weight_files(tmp_path)


def test_what_the_hub_cache_does_not_hold_yet_is_left_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    config = ProviderConfig(model="org/name", revision="abc")

    check_model(config, unless=())  # nothing is there
    tiny(snapshot, num_hidden_layers=3)
    with pytest.raises(ProviderError, match="num_hidden_layers is 3"):
        check_model(config, unless=())
    check_model(config.with_overrides(hf_overrides={}), unless=("hf_overrides",))


def test_an_adapter_is_left_to_the_engine(tmp_path: Path) -> None:
    config = ProviderConfig(model=str(tmp_path))
    with pytest.raises(ProviderError, match=r"has no config\.json"):
        check_model(config, unless=())
    (tmp_path / "adapter_config.json").touch()
    check_model(config, unless=())


def test_an_error_counts_and_names_some() -> None:
    error = weights_mismatch(
        "m",
        missing=[f"layer.{i}" for i in range(5)],
        unused=["head"],
        reshaped={"norm": ((4,), (8,))},
    )
    assert error is not None
    assert error.message == (
        "m: the weights are not those of config.json: 5 missing (layer.0, layer.1, layer.2, ...), "
        "1 unused (head), 1 of another shape (norm is (4,), not (8,))"
    )


def test_what_every_engine_computes_itself_is_not_missed() -> None:
    assert weights_mismatch("m", unused=["model.layers.0.self_attn.rotary_emb.inv_freq"]) is None


def test_a_model_of_the_hub_lies_in_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)

    assert local_folder("org/name", "abc") == snapshot
    assert local_folder("org/other") is None
    assert local_folder(str(tmp_path)) == tmp_path

"""What a model folder says of its architecture, read and validated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.errors import ProviderError
from olmo_eval.providers.checkpoints import read_json

OTHER_ENGINES = "the providers vllm and hf run other architectures"


@frozen
class LlamaConfig:
    """Shape and constants of a Llama; ``max_length`` is its number of positions."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    max_length: int
    rms_norm_eps: float
    rope_theta: float
    tied_embeddings: bool
    eos_ids: frozenset[int]


def model_folder(model: str) -> Path:
    """The folder that ``model`` names.

    Raises:
        ProviderError: it does not exist or is no folder.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such model folder"
        raise ProviderError(
            f"{model}: {what}",
            hint="the embedded provider runs local folders in Hugging Face format",
        )
    return folder


def read_config(folder: Path) -> LlamaConfig:
    """The architecture in ``folder/config.json``.

    Raises:
        ProviderError: a missing file or key, or an architecture other than a plain Llama.
    """
    path = folder / "config.json"
    raw = read_json(path)
    _check_supported(raw, path)
    try:
        heads = int(raw["num_attention_heads"])
        hidden = int(raw["hidden_size"])
        return LlamaConfig(
            vocab_size=int(raw["vocab_size"]),
            hidden_size=hidden,
            intermediate_size=int(raw["intermediate_size"]),
            num_layers=int(raw["num_hidden_layers"]),
            num_heads=heads,
            num_kv_heads=int(raw.get("num_key_value_heads") or heads),
            head_dim=int(raw.get("head_dim") or hidden // heads),
            max_length=int(raw["max_position_embeddings"]),
            rms_norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
            rope_theta=_rope_theta(raw, path),
            tied_embeddings=bool(raw.get("tie_word_embeddings", False)),
            eos_ids=_eos_ids(raw, folder),
        )
    except KeyError as error:
        raise ProviderError(f"{path} lacks {error}") from error
    except (TypeError, ValueError) as error:
        raise ProviderError(f"{path}: {error}") from error


def _check_supported(raw: dict[str, Any], path: Path) -> None:
    architectures = raw.get("architectures") or [raw.get("model_type")]
    if "LlamaForCausalLM" not in architectures and architectures != ["llama"]:
        raise ProviderError(
            f"{path}: the embedded provider runs LlamaForCausalLM, not "
            f"{', '.join(map(str, architectures))}",
            hint=OTHER_ENGINES,
        )
    plain = {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False}
    for key, expected in plain.items():
        if raw.get(key, expected) != expected:
            raise ProviderError(
                f"{path}: {key} = {raw[key]!r} is not supported (only {expected!r})",
                hint=OTHER_ENGINES,
            )
    if raw.get("quantization_config"):
        raise ProviderError(f"{path}: quantized weights are not supported", hint=OTHER_ENGINES)


def _rope_theta(raw: dict[str, Any], path: Path) -> float:
    """The rotary base; newer configurations keep it in ``rope_parameters``."""
    parameters = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if kind != "default":
        raise ProviderError(
            f"{path}: rotary embeddings of type {kind!r} are not supported", hint=OTHER_ENGINES
        )
    return float(parameters.get("rope_theta") or raw.get("rope_theta") or 10_000.0)


def _eos_ids(raw: dict[str, Any], folder: Path) -> frozenset[int]:
    """Tokens that end a generation: those of generation_config.json, else of config.json."""
    generation = folder / "generation_config.json"
    settings = read_json(generation) if generation.exists() else {}
    found = settings.get("eos_token_id", raw.get("eos_token_id"))
    if found is None:
        return frozenset()
    return frozenset(map(int, found if isinstance(found, list) else [found]))

"""From a configuration to a model on its device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import require
from olmo_eval_providers.hf.options import Options
from olmo_eval_providers.local.errors import first_line
from olmo_eval_providers.local.gpus import cuda_index
from olmo_eval_providers.local.transformers_tokenizer import TransformersTokenizer
from olmo_eval_providers.local.weight_shapes import check_model, weights_mismatch

#: arguments of ``from_pretrained`` that name another configuration, or weights elsewhere
_OTHER_SOURCES = ("config", "gguf_file", "state_dict", "subfolder", "variant")
#: names under which configurations keep the number of positions
_LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "n_ctx")


@frozen
class LoadedModel:
    """A model ready for use. ``eos_ids`` end a generation; ``max_length`` counts positions.

    ``full_attention``: every layer attends to all earlier tokens and keeps all their keys, which
    sharing prefixes depends on.
    """

    torch: Any
    model: Any
    tokenizer: TransformersTokenizer
    device: Any
    max_length: int
    eos_ids: frozenset[int]
    full_attention: bool

    @property
    def config(self) -> Any:
        return self.model.config.get_text_config()

    @property
    def vocab_size(self) -> int:
        return int(self.config.vocab_size)


def load(config: ProviderConfig, options: Options, extra: Mapping[str, Any]) -> LoadedModel:
    """Load model and tokenizer.

    Raises:
        MissingDependencyError: torch or transformers are not installed.
        ProviderError: the model cannot be found, read or put on the device.
    """
    torch = require("torch", "hf")
    transformers = require("transformers", "hf")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    check_model(config, unless=_OTHER_SOURCES)
    tokenizer = TransformersTokenizer.load(transformers, config, options.add_bos_token)
    device = _device(torch, options.device or _assigned_gpu(config))
    arguments = {
        "revision": config.revision,
        "trust_remote_code": config.trust_remote_code,
        "dtype": _dtype(torch, config.dtype, device),
        "attn_implementation": "sdpa",
        **extra,
    }
    name = str(Path(config.model).expanduser())
    model = _from_pretrained(transformers, name, arguments)
    model.eval()
    if "device_map" not in extra:
        try:
            model.to(device)
        except RuntimeError as error:
            raise ProviderError(f"{config.model} does not fit on {device}: {error}") from error
    else:
        device = model.device
    return LoadedModel(
        torch=torch,
        model=model,
        tokenizer=tokenizer,
        device=device,
        max_length=_max_length(model.config.get_text_config(), config.max_model_len),
        eos_ids=_eos_ids(model, tokenizer),
        full_attention=_full_attention(model),
    )


def _from_pretrained(transformers: Any, name: str, arguments: dict[str, Any]) -> Any:
    """The model, with exactly the weights of its checkpoint.

    Raises:
        ProviderError: it cannot be loaded, or weights are missing, unused or of another shape:
            transformers would make up what is missing and go on.
    """
    try:
        model, found = transformers.AutoModelForCausalLM.from_pretrained(
            name, **{**arguments, "output_loading_info": True, "ignore_mismatched_sizes": True}
        )
    except ValueError as error:
        no_sdpa = "attn_implementation" in str(error) or "scaled_dot_product" in str(error)
        if not no_sdpa or arguments["attn_implementation"] == "eager":
            raise ProviderError(f"transformers cannot load {name}: {first_line(error)}") from error
    except (OSError, RuntimeError, TypeError, ImportError) as error:
        raise ProviderError(f"transformers cannot load {name}: {first_line(error)}") from error
    else:
        mismatch = weights_mismatch(
            name,
            missing=found["missing_keys"],
            unused=found["unexpected_keys"],
            reshaped={key: (tuple(a), tuple(b)) for key, a, b in found["mismatched_keys"]},
        )
        if mismatch is not None:
            raise mismatch
        return model
    return _from_pretrained(transformers, name, {**arguments, "attn_implementation": "eager"})


def _assigned_gpu(config: ProviderConfig) -> str | None:
    """The first GPU that was given to this model, by its number in this process."""
    return f"cuda:{cuda_index(config.devices[0])}" if config.devices else None


def _device(torch: Any, name: str | None) -> Any:
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise ProviderError(f"hf: {name!r} is not a device: {first_line(error)}") from error


def _dtype(torch: Any, name: str, device: Any) -> Any:
    """``auto`` is float32 on a CPU, where half precision is slow, else what the weights have."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    dtype = getattr(torch, {"half": "float16"}.get(name, name), None)
    if not isinstance(dtype, torch.dtype):
        raise ProviderError(f"hf: {name!r} is not a dtype", hint="float32, bfloat16 or float16")
    return dtype


def _max_length(config: Any, limit: int | None) -> int:
    lengths = [getattr(config, name, None) for name in _LENGTHS]
    own = next((n for n in lengths if isinstance(n, int) and n > 0), None)
    known = [n for n in (own, limit) if n]
    return min(known) if known else 2048


def _eos_ids(model: Any, tokenizer: TransformersTokenizer) -> frozenset[int]:
    generation = getattr(model, "generation_config", None)
    found = getattr(generation, "eos_token_id", None)
    if found is None:
        found = tokenizer.eos_id
    if found is None:
        return frozenset()
    return frozenset(map(int, found if isinstance(found, list | tuple) else [found]))


def _full_attention(model: Any) -> bool:
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if kinds:
        return all(kind == "full_attention" for kind in kinds)
    window = getattr(config, "sliding_window", None)
    return not window or getattr(config, "use_sliding_window", True) is False

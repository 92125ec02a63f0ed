"""Whether the weights of a checkpoint are those that its config.json describes.

An engine that leaves weights unused, or makes up those that are missing, answers with a model that
nobody trained. ``check_checkpoint`` compares the names and shapes in the files' headers with
config.json where the naming is known; what an engine finds out by loading becomes the same error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from olmo_eval.errors import ProviderError
from olmo_eval.providers.checkpoints import read_json
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.model_folders import local_folder

Shape = tuple[int, ...]
T = TypeVar("T")

#: the names of the embeddings and of the output matrix in checkpoints like Llama's
EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"
#: what describes a model in place of config.json, for engines that know it
_OTHER_CONFIGS = ("adapter_config.json", "params.json")
_INDEX = "model.safetensors.index.json"
_LAYER, _EXPERT = re.compile(r"^model\.layers\.(\d+)\."), re.compile(r"\.experts\.(\d+)\.")
#: buffers that older checkpoints hold and every engine computes by itself
_BUFFERS = re.compile(r"rotary_emb\.inv_freq$|\.masked_bias$")
#: model types whose weights are named as Llama's are: model.layers.N., model.embed_tokens
_LLAMA_LIKE = frozenset(
    {
        "gemma",
        "gemma2",
        "granite",
        "llama",
        "mistral",
        "mixtral",
        "olmo",
        "olmo2",
        "olmo3",
        "olmoe",
        "phi3",
        "qwen2",
        "qwen2_moe",
        "qwen3",
        "qwen3_moe",
        "smollm3",
    }
)
#: of these, those whose heads are not hidden_size / num_attention_heads wide unless head_dim is set
_OWN_HEAD_DIM = frozenset({"gemma", "gemma2", "qwen3", "qwen3_moe"})
#: of these, those with biases that no setting mentions
_BIASED = frozenset({"phi3", "qwen2", "qwen2_moe"})
_NAMES_SHOWN = 3
_HINT = (
    "copy the checkpoint again, or correct config.json: its sizes (num_hidden_layers, vocab_size, "
    "...) must be those that the weights were trained with"
)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the model of ``folder``: ``model.safetensors``, else those
    that the index lists, else every one; [] where there are none.

    Raises:
        ProviderError: the index is unreadable, or lists a file that is not there.
    """
    single, index = folder / "model.safetensors", folder / _INDEX
    if single.is_file() or not index.is_file():
        return [single] if single.is_file() else sorted(folder.glob("*.safetensors"))
    listed = read_json(index).get("weight_map")
    if not isinstance(listed, Mapping):
        raise ProviderError(f"{index} has no weight_map", hint="copy the checkpoint again")
    files = [folder / name for name in sorted({str(name) for name in listed.values()})]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise ProviderError(
            f"{folder} lacks {len(missing)} of the {len(files)} weight files that {_INDEX} lists: "
            f"{_listed(missing)}",
            hint="copy the checkpoint again",
        )
    return files


def tensor_shapes(files: Iterable[Path]) -> dict[str, Shape]:
    """The shape of every tensor by name; reads the headers of the files alone.

    Raises:
        ProviderError: a file is not in the safetensors format.
    """
    import safetensors

    shapes: dict[str, Shape] = {}
    for path in files:
        try:
            with safetensors.safe_open(path, framework="numpy") as tensors:
                for name in tensors.keys():  # noqa: SIM118
                    shapes[name] = tuple(tensors.get_slice(name).get_shape())
        except (OSError, safetensors.SafetensorError) as error:
            raise ProviderError(
                f"{path} is not a readable safetensors file: {error}",
                hint="copy the checkpoint again",
            ) from error
    return shapes


def check_model(config: ProviderConfig, *, unless: Collection[str]) -> None:
    """``check_checkpoint`` of the folder that ``config`` names, or of the hub cache's; not where
    ``kwargs`` hold one of ``unless``, by which an engine reads another configuration or format.
    """
    folder = local_folder(config.model, config.revision)
    if folder is None or config.kwargs.keys() & set(unless):
        return
    fetched = not Path(config.model).expanduser().is_dir()
    if fetched and not _is_whole(folder):
        return  # the engine fetches the rest
    if not (folder / "config.json").is_file() and any(
        (folder / n).is_file() for n in _OTHER_CONFIGS
    ):
        return
    check_checkpoint(folder)


def _is_whole(folder: Path) -> bool:
    """Whether the hub cache holds all that the index of the weights lists, and config.json."""
    try:
        return (folder / "config.json").is_file() and bool(weight_files(folder))
    except ProviderError:
        return False


def check_checkpoint(folder: Path) -> None:
    """Refuse a folder whose weights are not those that its config.json describes.

    Compared are the numbers of layers and experts and the shapes of the matrices, of models whose
    weights are named as Llama's are and lie in safetensors files; others are left to the engine
    that loads them. vLLM for one takes the first rows of a matrix that has too many, and passes
    over biases and experts that it does not expect.

    Raises:
        ProviderError: config.json is missing or unreadable, a listed file is missing, or the
            weights are others.
    """
    config = read_json(folder / "config.json")
    files = weight_files(folder)
    if config.get("model_type") not in _LLAMA_LIKE or not files:
        return
    shapes = tensor_shapes(files)
    wrong = [*_layers(config, shapes), *_experts(config, shapes)]
    if not wrong and not config.get("quantization_config"):  # packed weights have other shapes
        wrong = [*_matrices(config, shapes), *_biases(config, shapes)]
    if wrong:
        more = f"; {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ProviderError(
            f"{folder}: the weights are not those of config.json: {wrong[0]}{more}", hint=_HINT
        )


def layer_shapes(hidden: T, inner: T, queries: T, keys: T) -> dict[str, tuple[T, ...]]:
    """The shapes of one layer of a Llama by name, from its sizes: ``hidden``, that of the
    feed-forward part, and those of all query heads and of all key heads together."""
    return {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }


def _layers(config: Mapping[str, Any], shapes: Collection[str]) -> Iterator[str]:
    stated = _size(config, "num_hidden_layers")
    found = {int(match[1]) for match in map(_LAYER.match, shapes) if match}
    # layers beyond the model's own that predict further tokens, where the config has some
    extra = _size(config, "num_nextn_predict_layers") or 0
    if stated and (found - set(range(stated + extra)) or set(range(stated)) - found):
        yield f"num_hidden_layers is {stated}, the weights have {len(found)} layers"


def _experts(config: Mapping[str, Any], shapes: Collection[str]) -> Iterator[str]:
    setting = "num_experts" if _size(config, "num_experts") else "num_local_experts"
    stated = _size(config, setting)
    found = {int(match[1]) for match in map(_EXPERT.search, shapes) if match}
    if stated and found and found != set(range(stated)):
        yield f"{setting} is {stated}, the weights have {len(found)} experts a layer"


def _matrices(config: Mapping[str, Any], shapes: Mapping[str, Shape]) -> Iterator[str]:
    """The matrices that have another shape than ``config`` gives, where it gives one."""
    hidden, inner = _size(config, "hidden_size"), _size(config, "intermediate_size")
    heads, key_heads = (_size(config, f"num_{k}_heads") for k in ("attention", "key_value"))
    width = _size(config, "head_dim")
    if width is None and hidden and heads and config["model_type"] not in _OWN_HEAD_DIM:
        width = hidden // heads
    queries, keys = (n and width and n * width for n in (heads, key_heads))
    layer = layer_shapes(hidden, inner, queries, keys)
    top: dict[str, tuple[int | None, ...]] = dict.fromkeys(
        (EMBEDDINGS, HEAD), (_size(config, "vocab_size"), hidden)
    )
    for name, shape in shapes.items():
        part = _LAYER.sub("", name).removesuffix(".weight")
        stated = top.get(name) or (layer.get(part) if part != name else None)
        if stated is not None and None not in stated and shape != stated:
            yield f"{name} is {shape}, config.json gives {stated}"


def _biases(config: Mapping[str, Any], shapes: Collection[str]) -> Iterator[str]:
    """The biases of a model that has none."""
    if config["model_type"] in _BIASED:
        return
    for part, setting in (("self_attn", "attention_bias"), ("mlp", "mlp_bias")):
        for name in shapes:
            if f".{part}." in name and name.endswith("_proj.bias") and not config.get(setting):
                yield f"there is a {name}, but no {setting}"


def _size(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    return value if isinstance(value, int) else None


def weights_mismatch(
    where: str,
    *,
    missing: Collection[str] = (),
    unused: Collection[str] = (),
    reshaped: Mapping[str, tuple[Shape, Shape]] | None = None,
) -> ProviderError | None:
    """The error for weights that a model lacks, does not use, or has in another shape: (found,
    expected); None where there are none. Buffers that every engine computes do not count."""
    reshaped = reshaped or {}
    unused = [name for name in unused if not _BUFFERS.search(name)]
    missing = [name for name in missing if not _BUFFERS.search(name)]
    wrong = []
    if missing:
        wrong.append(f"{len(missing)} missing ({_listed(missing)})")
    if unused:
        wrong.append(f"{len(unused)} unused ({_listed(unused)})")
    if reshaped:
        shapes = [f"{k} is {found}, not {wanted}" for k, (found, wanted) in reshaped.items()]
        wrong.append(f"{len(reshaped)} of another shape ({_listed(shapes)})")
    if not wrong:
        return None
    return ProviderError(
        f"{where}: the weights are not those of config.json: {', '.join(wrong)}", hint=_HINT
    )


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)[:_NAMES_SHOWN]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")

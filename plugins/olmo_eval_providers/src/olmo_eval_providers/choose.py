"""Which engine runs a model when ``--provider`` does not say."""

from __future__ import annotations

import re
from pathlib import Path

from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import MissingDependencyError, ProviderError, UnknownNameError, UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.embedded.config import read_config
from olmo_eval_providers.extras import importable, install_command
from olmo_eval_providers.local.gpus import gpu_present

#: first part of the names of models that only an API serves
API_PREFIXES = frozenset(
    {
        "anthropic",
        "azure",
        "bedrock",
        "cohere",
        "deepseek",
        "fireworks_ai",
        "gemini",
        "groq",
        "hosted_vllm",
        "mistral",
        "openai",
        "openrouter",
        "replicate",
        "sagemaker",
        "text-completion-openai",
        "together_ai",
        "vertex_ai",
        "watsonx",
        "xai",
    }
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REMOTE = ("s3://", "gs://")


def choose_provider(config: ProviderConfig) -> tuple[str, str]:
    """The provider for ``config`` and why, to be printed: ``("hf", "vllm needs a GPU ...")``.

    Raises:
        UsageError: the model is no folder, hub id or API model.
        MissingDependencyError: no installed engine can run it; the hint installs one.
    """
    model = config.model
    if config.base_url:
        return _for_server(config.base_url)
    if model.startswith(_REMOTE):
        return _for_weights(f"{model} is a checkpoint on object storage", None)
    folder = Path(model).expanduser()
    if folder.is_dir():
        _refuse_folder_of_checkpoints(model, folder)
        return _for_weights(f"{model} is a folder", folder)
    prefix = model.partition("/")[0]
    if prefix in API_PREFIXES and "/" in model and "gpt-oss" not in model:
        return "litellm", f"{prefix}/ names an API"
    if model.startswith(("/", "./", "../", "~")) or folder.exists():
        raise UsageError(
            f"there is no model folder {model}",
            hint="a checkpoint is a folder with config.json, weights and a tokenizer",
        )
    if _HUB_ID.fullmatch(model):
        return _for_weights(f"{model} is a hub id", None)
    raise UnknownNameError(f"unknown model {model!r}", hint=_closest_preset(model))


def _refuse_folder_of_checkpoints(model: str, folder: Path) -> None:
    if (folder / "config.json").exists():
        return
    inside = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if inside:
        raise UsageError(
            f"{model} is not a checkpoint: it has no config.json",
            hint=f"name one of the {len(inside)} inside, such as {Path(model) / inside[-1]}",
        )


def _for_server(base_url: str) -> tuple[str, str]:
    for kind, extra in (("vllm_server", "server"), ("litellm", "litellm")):
        if importable(extra):
            return kind, f"base_url {base_url} is an OpenAI-compatible server"
    raise MissingDependencyError(
        f"no installed provider joins the server at {base_url}", hint=install_command("server")
    )


def _for_weights(what: str, folder: Path | None) -> tuple[str, str]:
    """vllm where there is a GPU for it, else hf, else embedded."""
    why_not = []
    if not importable("vllm"):
        why_not.append("vllm is not installed")
    elif not gpu_present():
        why_not.append("vllm has no GPU here")
    else:
        return "vllm", f"{what}, vllm is installed and a GPU is present"
    if importable("hf"):
        return "hf", f"{what}, {why_not[0]}, torch and transformers are"
    why_not.append("torch and transformers are not installed")
    refusal = "it is not a local folder" if folder is None else embedded_refusal(folder)
    if refusal is None:
        reason = f"{what}, {', '.join(why_not)}, and the embedded engine knows its architecture"
        return "embedded", reason
    raise MissingDependencyError(
        f"no installed engine runs this model: {what}, {', '.join(why_not)}, "
        f"and the embedded engine cannot because {refusal}",
        hint=f"{install_command('hf')}, or {install_command('vllm')} on a GPU",
    )


def embedded_refusal(folder: Path) -> str | None:
    """Why the embedded engine cannot run the checkpoint in ``folder``; None where it can."""
    try:
        read_config(folder)
    except ProviderError as error:
        return error.message
    if not (folder / "tokenizer.json").is_file():
        return f"{folder} has no tokenizer.json"
    if not any(folder.glob("*.safetensors")):
        return f"{folder} has no weights in safetensors"
    return None


def _closest_preset(model: str) -> str | None:
    from olmo_eval_providers.presets import PRESETS

    otherwise = "-m takes a folder, a hub id (org/name), a preset or provider:model"
    return did_you_mean(model, PRESETS, otherwise=otherwise)

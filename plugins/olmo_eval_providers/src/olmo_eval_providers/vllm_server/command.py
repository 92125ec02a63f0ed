"""The command line of vLLM's server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.vllm_args import model_arguments

#: vLLM's tool parsers, by what only a chat template of their form contains
_TOOL_PARSERS = (
    ("<function_calls>", "olmo3"),
    ("<function=", "qwen3_coder"),
    ("[TOOL_CALLS]", "mistral"),
    ("<|python_tag|>", "llama3_json"),
    ("<tool_call>", "hermes"),
)


def server_arguments(
    config: ProviderConfig, extra: Mapping[str, Any], chat_template: str | None = None
) -> list[str]:
    """The command line of vLLM's server, less its address.

    True is a bare flag, False its ``--no-`` form; mappings and lists travel as JSON. The tool
    parser is the one that reads what ``chat_template`` writes, unless ``extra`` names another.
    """
    settings = {**model_arguments(config), **_tool_settings(chat_template), **extra}
    arguments: list[str] = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            arguments.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, Mapping | list | tuple):
            arguments += [f"--{flag}", json.dumps(value)]
        else:
            arguments += [f"--{flag}", str(value)]
    return arguments


def _tool_settings(chat_template: str | None) -> dict[str, Any]:
    """Without these settings vLLM's server refuses requests that leave calls to the model."""
    for mark, parser in _TOOL_PARSERS:
        if mark in (chat_template or ""):
            return {"enable_auto_tool_choice": True, "tool_call_parser": parser}
    return {}

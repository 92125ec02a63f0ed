"""What ``ProviderConfig.kwargs`` may say to the provider; the rest are vLLM's server options."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from attrs import field, fields, frozen, validators

from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.choose import gpu_present

#: of the provider's own options, those that only say how it is started and entered
OWN_PACE = frozenset({"api_key", "api_key_env", "log_dir", "startup_timeout"})


def _seconds(value: Any) -> float:
    return float(value)


@frozen
class Options:
    """Settings of the provider.

    - ``startup_timeout``: seconds until a server must be ready (large models load for long);
    - ``python``: interpreter whose environment has vLLM, where it is not this one;
    - ``log_dir``: where the servers' logs go; a new temporary folder where not given;
    - ``api_key``, ``api_key_env``: the key of a server that is joined, or its variable;
    - ``add_bos_token``: overrules the tokenizer about putting BOS in front.
    """

    startup_timeout: float = field(default=1800.0, converter=_seconds, validator=validators.gt(0))
    python: str = field(factory=lambda: os.environ.get("OLMO_EVAL_VLLM_PYTHON") or sys.executable)
    log_dir: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    add_bos_token: bool | None = None


def read_options(config: ProviderConfig) -> tuple[Options, dict[str, Any]]:
    """The provider's own options, and those of vLLM's server.

    Raises:
        UsageError: a value is out of range, the variable of the key is not set, or there is
            nothing to pass server options to.
    """
    known = {f.name for f in fields(Options)}
    mine = {k: v for k, v in config.kwargs.items() if k in known}
    rest = {k: v for k, v in config.kwargs.items() if k not in known}
    if config.base_url and rest:
        raise UsageError(
            f"vllm_server: {sorted(rest)[0]} is an option for a server of our own, but base_url "
            "joins one that is running",
            hint="start that server with the option, or leave base_url out",
        )
    try:
        options = Options(**mine)
    except (TypeError, ValueError) as error:
        raise UsageError(f"vllm_server: {error.args[0]}") from error
    if options.api_key_env and not os.environ.get(options.api_key_env):
        raise UsageError(
            f"vllm_server: the variable {options.api_key_env} (api_key_env) is not set",
            hint="export it before the run",
        )
    return options, rest


def join_key(options: Options, config: ProviderConfig) -> str | None:
    """The key for a server that is joined, from the options or the environment."""
    if options.api_key:
        return options.api_key
    names = (options.api_key_env, *config.required_secrets, "VLLM_API_KEY", "OPENAI_API_KEY")
    return next((os.environ[name] for name in names if name and os.environ.get(name)), None)


#: vLLM's tool parsers, by what only a chat template of their form contains
_TOOL_PARSERS = (
    ("<function_calls>", "olmo3"),
    ("<function=", "qwen3_coder"),
    ("[TOOL_CALLS]", "mistral"),
    ("<|python_tag|>", "llama3_json"),
    ("<tool_call>", "hermes"),
)


def _tool_settings(chat_template: str | None) -> dict[str, Any]:
    """Without these settings vLLM's server refuses requests that leave calls to the model."""
    for mark, parser in _TOOL_PARSERS:
        if mark in (chat_template or ""):
            return {"enable_auto_tool_choice": True, "tool_call_parser": parser}
    return {}


def server_arguments(
    config: ProviderConfig, extra: Mapping[str, Any], chat_template: str | None = None
) -> list[str]:
    """The command line of vLLM's server, less its address.

    True is a bare flag, False its ``--no-`` form; mappings and lists travel as JSON. The tool
    parser is the one that reads what ``chat_template`` writes, unless ``extra`` names another.
    """
    settings: dict[str, Any] = {
        "model": config.model,
        "tokenizer": config.tokenizer,
        "revision": config.revision,
        "dtype": config.dtype,
        "max_model_len": config.max_model_len,
        "trust_remote_code": config.trust_remote_code or None,
        "enable_prefix_caching": True,
        "enforce_eager": None if gpu_present() else True,
        **_tool_settings(chat_template),
        **extra,
    }
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

"""What ``ProviderConfig.kwargs`` may say to the provider; the rest are vLLM's server options."""

from __future__ import annotations

import os
import sys
from typing import Any

from attrs import field, frozen

from olmo_eval.common import bounds
from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.openai_api.keys import KEY_PACE, KeyOptions, find_key
from olmo_eval_providers.options import read_options

#: of the provider's own options, those that only say how it is started and entered
OWN_PACE = KEY_PACE | {"log_dir", "startup_timeout"}


@frozen
class Options(KeyOptions):
    """Settings of the provider, besides the key of a server that is joined.

    - ``startup_timeout``: seconds until a server must be ready (large models load for long);
    - ``python``: interpreter whose environment has vLLM, where it is not this one;
    - ``log_dir``: where the servers' logs go; a new temporary folder where not given;
    - ``add_bos_token``: overrules the tokenizer about putting BOS in front.
    """

    startup_timeout: float = field(default=1800.0, validator=bounds.number(above=0))
    python: str = field(factory=lambda: os.environ.get("OLMO_EVAL_VLLM_PYTHON") or sys.executable)
    log_dir: str | None = None
    add_bos_token: bool | None = None


def server_options(config: ProviderConfig) -> tuple[Options, dict[str, Any]]:
    """The provider's own options, and those of vLLM's server.

    Raises:
        UsageError: as ``read_options``; or there is no server to pass options to.
    """
    options, server_args = read_options(config, Options, passes_on=True)
    if config.base_url and server_args:
        raise UsageError(
            f"provider.kwargs.{min(server_args)} is an option for a server of our own, but "
            "base_url joins one that is running",
            hint="start that server with the option, or leave base_url out",
        )
    return options, server_args


def server_key(options: Options, config: ProviderConfig) -> str | None:
    """The key for a server that is joined, from the options or the environment."""
    return find_key(options, config, "VLLM_API_KEY", "OPENAI_API_KEY")

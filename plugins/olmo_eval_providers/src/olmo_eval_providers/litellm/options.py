"""What ``ProviderConfig.kwargs`` may say to the provider; the rest is passed to LiteLLM."""

from __future__ import annotations

import os
from typing import Any

from attrs import field, fields, frozen, validators

from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig

#: options that only say how fast, for how much, and with whose key
PACE = frozenset(
    {
        "api_key",
        "api_key_env",
        "input_cost_per_token",
        "max_cost",
        "output_cost_per_token",
        "requests_per_minute",
        "tokens_per_minute",
    }
)

_positive = validators.optional(validators.gt(0))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


@frozen
class Options:
    """Settings of the provider.

    - ``requests_per_minute``, ``tokens_per_minute``: the account's limits;
    - ``max_cost``: USD after which the run stops;
    - ``completion``: how COMPLETION requests travel: ``text`` (the completions endpoint),
      ``chat`` (one user message) or ``auto``: text for a ``base_url`` and models that complete
      text, chat for the others;
    - ``api_key``, ``api_key_env``: the key, or the variable that holds it;
    - ``input_cost_per_token``, ``output_cost_per_token``: USD, for models without a known price.
    """

    requests_per_minute: int | None = field(default=None, validator=_positive)
    tokens_per_minute: int | None = field(default=None, validator=_positive)
    max_cost: float | None = field(default=None, converter=_number, validator=_positive)
    completion: str = field(default="auto", validator=validators.in_(("auto", "text", "chat")))
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    input_cost_per_token: float | None = field(default=None, converter=_number)
    output_cost_per_token: float | None = field(default=None, converter=_number)


def read_options(config: ProviderConfig) -> tuple[Options, dict[str, Any]]:
    """The provider's own options, and what is passed on.

    Raises:
        UsageError: a value is out of range, or the variable of the key is not set.
    """
    known = {f.name for f in fields(Options)}
    mine = {k: v for k, v in config.kwargs.items() if k in known}
    rest = {k: v for k, v in config.kwargs.items() if k not in known}
    try:
        options = Options(**mine)
    except (TypeError, ValueError) as error:
        raise UsageError(f"litellm: {error.args[0]}") from error
    if options.api_key_env and not os.environ.get(options.api_key_env):
        raise UsageError(
            f"litellm: the variable {options.api_key_env} (api_key_env) is not set",
            hint="export it before the run",
        )
    return options, rest


def api_key(options: Options, config: ProviderConfig) -> str | None:
    """The key to send, or None to leave the lookup to LiteLLM.

    For a ``base_url`` there is always one, because clients refuse to send none.
    """
    if options.api_key:
        return options.api_key
    for name in (options.api_key_env, *config.required_secrets):
        if name and os.environ.get(name):
            return os.environ[name]
    if config.base_url:
        return os.environ.get("OPENAI_API_KEY") or "none"
    return None


def missing_keys(litellm: Any, model: str) -> list[str]:
    """What is said of the API key that ``model`` needs and the environment lacks; [] where it is
    there, or where a service can be entered in other ways (roles, profiles, no key at all)."""
    missing = litellm.validate_environment(model)["missing_keys"]
    if not missing or not all(name.endswith("_API_KEY") for name in missing):
        return []
    return [
        f"the environment lacks {', '.join(missing)}, which {model} needs: export it, or name the "
        "variable that holds the key with -o provider.kwargs.api_key_env=NAME"
    ]

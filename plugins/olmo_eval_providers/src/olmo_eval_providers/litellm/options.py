"""What ``ProviderConfig.kwargs`` may say to the provider; the rest is passed to LiteLLM."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from attrs.validators import optional

from olmo_eval.common import bounds
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.openai_api.keys import KEY_PACE, KeyOptions, find_key

#: options that only say how fast, for how much, and with whose key
PACE = KEY_PACE | {
    "input_cost_per_token",
    "max_cost",
    "output_cost_per_token",
    "requests_per_minute",
    "tokens_per_minute",
}


def _is_form(_instance: Any, attribute: Any, value: str) -> None:
    if value not in ("auto", "text", "chat"):
        raise ValueError(f"{attribute.name} must be auto, text or chat, got {value!r}")


@frozen
class Options(KeyOptions):
    """Settings of the provider, besides the key.

    - ``requests_per_minute``, ``tokens_per_minute``: the account's limits;
    - ``max_cost``: USD after which the run stops;
    - ``completion``: how COMPLETION requests travel: ``text`` (the completions endpoint),
      ``chat`` (one user message) or ``auto``: text for a ``base_url`` and models that complete
      text, chat for the others;
    - ``input_cost_per_token``, ``output_cost_per_token``: USD, for models without a known price.
    """

    requests_per_minute: int | None = field(default=None, validator=optional(bounds.count(1)))
    tokens_per_minute: int | None = field(default=None, validator=optional(bounds.count(1)))
    max_cost: float | None = field(default=None, validator=optional(bounds.number(above=0)))
    completion: str = field(default="auto", validator=_is_form)
    input_cost_per_token: float | None = field(
        default=None, validator=optional(bounds.number(least=0))
    )
    output_cost_per_token: float | None = field(
        default=None, validator=optional(bounds.number(least=0))
    )


def service_key(options: Options, config: ProviderConfig) -> str | None:
    """The key to send, or None to leave the lookup to LiteLLM.

    For a ``base_url`` there is always one, because clients refuse to send none.
    """
    if config.base_url:
        return find_key(options, config, "OPENAI_API_KEY") or "none"
    return find_key(options, config)


def missing_keys(litellm: Any, model: str) -> list[str]:
    """The message about the API key that ``model`` needs and the environment lacks; [] where it is
    there, or where a service can be entered in other ways (roles, profiles, no key at all)."""
    missing = litellm.validate_environment(model)["missing_keys"]
    if not missing or not all(name.endswith("_API_KEY") for name in missing):
        return []
    return [
        f"the environment lacks {', '.join(missing)}, which {model} needs: export it, or name the "
        "variable that holds the key with -o provider.kwargs.api_key_env=NAME"
    ]

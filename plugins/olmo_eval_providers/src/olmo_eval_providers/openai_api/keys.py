"""The API key of a service: an option, or a variable of the environment."""

from __future__ import annotations

import os
from typing import Any

from attrs import field, frozen

from olmo_eval.providers.provider import ProviderConfig

#: options that only say how a service is entered
KEY_PACE = frozenset({"api_key", "api_key_env"})


def _is_set(_instance: Any, attribute: Any, value: str | None) -> None:
    if value and not os.environ.get(value):
        raise ValueError(
            f"{attribute.name} names the variable {value}, which is not set: export it first"
        )


@frozen
class KeyOptions:
    """The options of a provider that sends an API key.

    - ``api_key``, ``api_key_env``: the key, or the variable that holds it.
    """

    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = field(default=None, validator=_is_set)


def find_key(options: KeyOptions, config: ProviderConfig, *variables: str) -> str | None:
    """The key: the option's, else the first that a variable holds, of those that the options and
    the configuration name, then of ``variables``."""
    if options.api_key:
        return options.api_key
    names = (options.api_key_env, *config.required_secrets, *variables)
    return next((os.environ[name] for name in names if name and os.environ.get(name)), None)

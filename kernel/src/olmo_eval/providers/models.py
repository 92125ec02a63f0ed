"""Model presets, what ``-m`` may be, and the provider that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import optional

from olmo_eval import plugins
from olmo_eval.common import bounds
from olmo_eval.common.thinking import TAGS
from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import Provider, ProviderConfig

#: settings of ``ProviderConfig`` that say how a model thinks aloud
_THOUGHTS = ("thinking", "think_tags")


@frozen
class ModelConfig:
    """A named model: what to load and the provider settings it needs."""

    model: str
    provider: str | None = None
    revision: str | None = None
    tokenizer: str | None = None
    max_model_len: int | None = field(default=None, validator=optional(bounds.count(1)))
    dtype: str = "auto"
    thinking: bool = False
    think_tags: tuple[str, str] = TAGS
    kwargs: Mapping[str, Any] = field(factory=dict)

    def provider_config(self, alias: str | None = None) -> ProviderConfig:
        return ProviderConfig(
            kind=self.provider,
            model=self.model,
            alias=alias,
            revision=self.revision,
            tokenizer=self.tokenizer,
            max_model_len=self.max_model_len,
            dtype=self.dtype,
            thinking=self.thinking,
            think_tags=self.think_tags,
            kwargs=self.kwargs,
        )


def model_provider(name: str, base: ProviderConfig, kind: str | None = None) -> ProviderConfig:
    """The provider configuration for ``-m name``, laid over the harness's own.

    ``name`` is a preset, ``provider:model``, the bare name of a provider that needs no model
    (``mock``), or anything the provider itself understands: a folder, a hub id, an API's model.
    ``kind`` (``--provider``) wins over all; where nothing names a kind it stays None, and
    ``choose_provider`` settles it.
    """
    registry = plugins.manager().registry("models")
    if name in registry:
        preset: ModelConfig = registry.get(name)
        config = _overlay(base, preset.provider_config(alias=name))
    else:
        providers = plugins.manager().registry("providers")
        head, colon, rest = name.partition(":")
        if colon and head in providers:
            config = evolve(base, kind=head, model=rest)
        elif name in providers:
            config = evolve(base, kind=name, model=name)
        else:
            config = evolve(base, model=name)
    return evolve(config, kind=kind) if kind else config


def choose_provider(config: ProviderConfig) -> tuple[ProviderConfig, str | None]:
    """``config`` with a kind, and the reason where a plugin chose it (to be printed).

    Raises:
        UsageError: no kind is given and no plugin knows what runs this model.
    """
    if config.kind is not None:
        return config, None
    choice: tuple[str, str] | None = plugins.manager().first_answer(
        "choose_provider", config=config
    )
    if choice is None:
        raise UsageError(
            f"no installed plugin knows what runs the model {config.model!r}",
            hint="name one with --provider; `olmo-eval providers` lists them",
        )
    kind, reason = choice
    return evolve(config, kind=kind), reason


def make_provider(config: ProviderConfig) -> Provider:
    """The provider that runs ``config``, not started; without a kind, a plugin chooses it.

    Raises:
        UnknownNameError: no provider has that name. UsageError: nobody knows what runs the model.
    """
    chosen, _reason = choose_provider(config)
    cls: type[Provider] = plugins.manager().registry("providers").get(str(chosen.kind))
    with plugins.asking(f"provider {chosen.kind!r}", cls.__module__):
        return cls(chosen)


def _overlay(base: ProviderConfig, preset: ProviderConfig) -> ProviderConfig:
    """The preset's settings, except where the harness already sets something of its own."""
    blank = ProviderConfig()
    changes: dict[str, Any] = {"model": preset.model, "alias": preset.alias}
    for name in ("kind", "revision", "tokenizer", "max_model_len", "dtype", *_THOUGHTS):
        if getattr(base, name) == getattr(blank, name):
            changes[name] = getattr(preset, name)
    return evolve(base, **changes, kwargs={**preset.kwargs, **base.kwargs})

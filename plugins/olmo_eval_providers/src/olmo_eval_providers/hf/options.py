"""What ``ProviderConfig.kwargs`` may say to the provider; the rest goes to ``from_pretrained``."""

from __future__ import annotations

from typing import Any

from attrs import field, fields, frozen, validators

from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig

#: options, and arguments of ``from_pretrained``, that only say where and how fast
PACE = frozenset({"batch_tokens", "device", "device_map", "prefix_bytes", "slots"})

_at_least_one = validators.optional(validators.ge(1))


@frozen
class Options:
    """Settings of the provider.

    - ``device``: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; None takes the GPU where there is one;
    - ``batch_tokens``: tokens of one forward pass, ``slots``: samples that decode side by side;
      both are sized from free memory where not given, and halved when memory runs out;
    - ``share_prefixes``: False scores every string alone, padded in batches;
    - ``prefix_bytes``: memory for encoded prefixes;
    - ``add_bos_token``: overrules the tokenizer about putting BOS in front.
    """

    device: str | None = None
    batch_tokens: int | None = field(default=None, validator=_at_least_one)
    slots: int | None = field(default=None, validator=_at_least_one)
    share_prefixes: bool = True
    prefix_bytes: int = field(default=2**28, validator=validators.ge(1))
    add_bos_token: bool | None = None


def read_options(config: ProviderConfig) -> tuple[Options, dict[str, Any]]:
    """The provider's own options, and the keyword arguments of ``from_pretrained``.

    Raises:
        UsageError: a value is out of range or of the wrong type.
    """
    known = {f.name for f in fields(Options)}
    mine = {k: v for k, v in config.kwargs.items() if k in known}
    rest = {k: v for k, v in config.kwargs.items() if k not in known}
    try:
        return Options(**mine), rest
    except (TypeError, ValueError) as error:
        raise UsageError(f"hf: {error.args[0]}") from error

"""What ``ProviderConfig.kwargs`` may say to the provider; the rest goes to ``from_pretrained``."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import optional

from olmo_eval.common import bounds

#: options, and arguments of ``from_pretrained``, that only say where and how fast
PACE = frozenset({"batch_tokens", "device", "device_map", "prefix_bytes", "slots"})


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
    batch_tokens: int | None = field(default=None, validator=optional(bounds.count(1)))
    slots: int | None = field(default=None, validator=optional(bounds.count(1)))
    share_prefixes: bool = True
    prefix_bytes: int = field(default=2**28, validator=bounds.count(1, 2**63 - 1))
    add_bos_token: bool | None = None

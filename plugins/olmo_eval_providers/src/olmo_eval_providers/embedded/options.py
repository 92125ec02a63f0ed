"""What ``ProviderConfig.kwargs`` may say to the provider."""

from __future__ import annotations

from attrs import field, frozen

from olmo_eval.common import bounds


@frozen
class Options:
    """Settings of the provider.

    - ``slots``: how many samples decode side by side;
    - ``cache_bytes``: memory for shared prefixes.
    """

    slots: int = field(default=32, validator=bounds.count(1))
    cache_bytes: int = field(default=64 * 2**20, validator=bounds.count(1, 2**63 - 1))


#: all of them only say how fast
PACE = frozenset({"slots", "cache_bytes"})

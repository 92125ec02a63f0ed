"""What ``ProviderConfig.kwargs`` may say to the provider; the rest are vLLM's ``EngineArgs``."""

from __future__ import annotations

from attrs import frozen


@frozen
class Options:
    """Settings of the provider.

    - ``asynchronous``: takes vLLM's ``AsyncLLM`` for one data-parallel rank as well;
    - ``add_bos_token``: overrules the tokenizer about putting BOS in front;
    - ``tool_call_parser``: vLLM's tool parser that reads the model's calls, where the usual forms
      do not.
    """

    asynchronous: bool = False
    add_bos_token: bool | None = None
    tool_call_parser: str | None = None


#: of the provider's own options, those that only say how it is driven
OWN_PACE = frozenset({"asynchronous"})

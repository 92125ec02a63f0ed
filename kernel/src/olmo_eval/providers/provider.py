"""What the kernel asks of an inference engine.

A provider takes one request at a time; concurrency and batching are its own business, because
every engine does them differently: vLLM schedules tokens, an API wants N connections, a local
numpy or transformers model wants sorted, prefix-sharing batches. The runner keeps up to
``max_concurrency`` requests in flight and that is all it knows.

The smallest provider::

    class Parrot(Provider):
        capabilities = frozenset({Capability.GENERATE})

        async def generate(self, request, params):
            return [LMOutput(text=request.prompt, finish_reason="stop")] * params.num_samples
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, Literal

from attrs import evolve, field, fields, frozen
from attrs.validators import optional

from olmo_eval.common import bounds
from olmo_eval.common.sequences import texts
from olmo_eval.common.thinking import TAGS
from olmo_eval.common.types import (
    Capability,
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
)
from olmo_eval.errors import ProviderError
from olmo_eval.providers.engine_input import EngineInput


def _tags(value: Any) -> tuple[str, str]:
    found = texts(value)
    if len(found) != 2 or not all(found):
        raise ValueError(f"expected an opening and a closing tag, got {list(found)}")
    return found[0], found[1]


@frozen
class ProviderConfig:
    """Which engine runs which model, and how.

    - ``kind``: name of a registered provider; None lets the kernel choose;
    - ``model``: a local folder, a hub id or an API's model name; ``revision`` pins a hub id;
    - ``base_url``: address of a server to join instead of starting an engine;
    - ``tokenizer``: folder or id of the tokenizer where it is not the model's own;
    - ``max_model_len``: context length in tokens, where lower than the model's;
    - ``max_concurrency``: requests in flight, where other than the provider's default;
    - ``devices``: GPUs this model may use, as CUDA_VISIBLE_DEVICES names them; empty: all
      visible ones;
    - ``timeout``: seconds allowed for one attempt of one request;
    - ``max_retries``: how often a transient failure is tried again;
    - ``thinking``: whether the model thinks aloud before it answers: stop sequences then act on its
      answer alone; ``think_tags``: what a thought stands between (thoughts are told from answers
      whether or not a model is marked);
    - ``kwargs``: passed to the engine as they are.
    """

    plain_data: ClassVar[bool] = True

    kind: str | None = None
    model: str = ""
    alias: str | None = None
    base_url: str | None = None
    tokenizer: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    dtype: str = "auto"
    max_model_len: int | None = field(default=None, validator=optional(bounds.count(1)))
    max_concurrency: int | None = field(
        default=None, validator=optional(bounds.count(1, bounds.MOST_IN_FLIGHT))
    )
    num_instances: int = field(default=1, validator=bounds.count(1, bounds.MOST_IN_FLIGHT))
    devices: tuple[str, ...] = field(default=(), converter=texts)
    timeout: float = field(default=600.0, validator=bounds.number(above=0))
    max_retries: int = field(default=5, validator=bounds.count())
    required_secrets: tuple[str, ...] = field(default=(), converter=texts)
    thinking: bool = False
    think_tags: tuple[str, str] = field(default=TAGS, converter=_tags)
    kwargs: Mapping[str, Any] = field(factory=dict)

    def with_overrides(self, **changes: Any) -> ProviderConfig:
        """A copy with ``changes``; names that are no field go to ``kwargs``."""
        known = {f.name for f in fields(ProviderConfig)}
        extra = {k: v for k, v in changes.items() if k not in known}
        direct: dict[str, Any] = {k: v for k, v in changes.items() if k in known}
        if extra:
            direct["kwargs"] = {**self.kwargs, **direct.get("kwargs", {}), **extra}
        return evolve(self, **direct)


#: the instance a request is about, for providers with ``wants_instances`` (the mock's ``skill``)
current_instance: ContextVar[Instance | None] = ContextVar("current_instance", default=None)


class Provider:
    """Base class of inference providers: one engine running one model.

    ``capabilities`` is read from the class before anything is loaded, so that a run asking for
    what the provider cannot do is refused at once. Engines are imported in ``start``, never at
    module level.

    Failures: raise ``TransientError`` for what may pass (the runner retries with backoff,
    jitter and Retry-After), ``RefusedError`` where the service declines to answer,
    ``NonFiniteError`` where the model's logits are NaN or infinite, and ``ProviderError`` for what
    will not get better.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    #: names in ``config.kwargs`` that change how fast the model answers, never what: no part of a
    #: run's identity. Every other name in ``kwargs`` is.
    pace: ClassVar[frozenset[str]] = frozenset()
    #: requests the runner keeps in flight unless the configuration says otherwise
    default_concurrency: ClassVar[int] = 64
    #: whether outputs carry token counts worth reporting
    reports_usage: bool = True
    #: whether ``config.timeout`` limits each attempt; engines in this process need no such guard
    limits_attempts: bool = True
    #: who ends a text at the task's stop sequences: ``generate`` itself ("engine"), the kernel
    #: after it, or nobody ("never")
    stopping: Literal["engine", "kernel", "never"] = "engine"
    #: scale of the waits between attempts, in seconds
    retry_base: float = 0.5
    #: whether ``LMRequest.prompt_tokens`` may stand for the prompt of a COMPLETION or ROLLING
    #: request; for providers that see tokens
    takes_tokens: bool = False
    #: whether ``current_instance`` should hold the instance asked about; for pretenders only
    wants_instances: bool = False

    def __init__(self, config: ProviderConfig) -> None:
        self.config = config

    @classmethod
    def capabilities_for(cls, config: ProviderConfig) -> frozenset[Capability]:
        """What this provider can do under ``config``; looks at nothing but the configuration."""
        return cls.capabilities

    @classmethod
    def refusals(cls, config: ProviderConfig, sampling: Collection[SamplingParams]) -> list[str]:
        """Why this provider cannot do under ``config`` what a run asks, each with the way out; []
        if it can: a key that the environment lacks, a setting of ``sampling`` that the model does
        not take. Loads and asks nothing."""
        return []

    @classmethod
    def identify(cls, config: ProviderConfig) -> dict[str, Any]:
        """Which model ``config`` names, learnt without loading it.

        ``fingerprint`` changes when the model does: by default it covers the content of a local
        folder (a retrained checkpoint at the same path is another model), the commit of a hub
        model, what the server at ``base_url`` says it serves, else the names in ``config``.
        ``known_by`` (an ``Identity``) says what it stands for; ``chat_template`` is a digest,
        where known.
        """
        from olmo_eval.providers.fingerprint import identify_model

        return identify_model(config, cls.service_key(config))

    @classmethod
    def service_key(cls, config: ProviderConfig) -> str | None:
        """The key that the server at ``config.base_url`` wants, where it wants one."""
        return None

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        """How many GPUs this provider takes under ``config`` where there are GPUs."""
        return 0

    @property
    def max_concurrency(self) -> int:
        return self.config.max_concurrency or self.default_concurrency

    async def start(self) -> None:
        """Load the model or check the service. Raises ProviderError with the way out."""

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        """Answer a COMPLETION or CHAT request: ``params.num_samples`` outputs."""
        raise ProviderError(f"{type(self).__name__} cannot generate")

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        """Score a LOGLIKELIHOOD request (one output a continuation) or a ROLLING one (one)."""
        raise ProviderError(f"{type(self).__name__} cannot measure log-likelihoods")

    async def close(self) -> None:
        """Give back everything ``start`` took. Called once, also after a failed start."""

    # -- what the provider knows of its model, for the record and for inspection

    def describe(self) -> dict[str, Any]:
        """Facts about the loaded model for the run's record: fingerprint, context length, ...

        JSON values only; the key ``fingerprint`` identifies the weights and the tokenizer.
        """
        return {}

    def metrics(self) -> dict[str, float]:
        """What the engine counted since it was started (restarts, retries of its own, ...), for
        the run's record. Counts of several sittings are added; of names that end in ``_bytes`` the
        largest is kept."""
        return {}

    def notes(self) -> list[str]:
        """Lines for the run's record and for people, asked for when the run's work is done."""
        return []

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        """What exactly the engine receives for ``request``, one entry a sequence; None where that
        is not known. Asks nothing of the model.

        The default knows the text of a request that no chat template stands between.
        """
        if request.request_type is RequestType.CHAT:
            return None
        if request.continuations:
            pairs = zip(request.contexts(), request.continuations, strict=True)
            return [EngineInput(context + text) for context, text in pairs]
        return [EngineInput(request.prompt)]

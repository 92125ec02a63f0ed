"""One request as LiteLLM's keyword arguments: all that is asked for, and a note of what is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from attrs import define, field

from olmo_eval.common.types import LMRequest, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval_providers.openai_api.body import chat_body, sampling_body
from olmo_eval_providers.optional import module_found
from olmo_eval_providers.seeds import sample_seed

#: OpenAI takes at most four stop sequences; the text is cut at all of them here in any case
_OPENAI_STOPS = 4
#: what a model may leave out without changing what is measured beyond what a note can say
_DISPENSABLE = ("seed", "stop", "temperature", "n")


@define
class CallForm:
    """How one model is called.

    - ``model``: LiteLLM's name, with its service's prefix; ``service`` is that prefix;
    - ``supported``: the parameters that the service takes for this model;
    - ``open_ended``: whether it is a server of unknown make, which is sent everything.
    """

    model: str
    service: str
    supported: Collection[str]
    open_ended: bool
    extra: Mapping[str, Any] = field(factory=dict)

    def build(
        self, request: LMRequest, params: SamplingParams, *, chat: bool, first: int, count: int
    ) -> tuple[dict[str, Any], list[str]]:
        """Arguments for samples ``first`` to ``first + count - 1``, and what is not sent.

        Raises:
            ProviderError: the service does not take a setting that decides what is measured.
        """
        seed = None if params.greedy else sample_seed(request, params, first)
        body = sampling_body(params, chat=chat, seed=seed)
        left_out = self._restrict(body)
        if chat:
            body.update(chat_body(request))
            if request.tools:
                if not self._takes("tools"):
                    raise ProviderError(f"{self.model} cannot call tools")
                if not module_found("mcp"):
                    # litellm looks for its gateway among the tools, which needs this module
                    body["_skip_mcp_handler"] = True
        else:
            body["prompt"] = request.prompt
        if count > 1:
            body["n"] = count
        return {**self.extra, **body, "model": self.model}, left_out

    @property
    def takes_n(self) -> bool:
        return self._takes("n")

    def _takes(self, name: str) -> bool:
        return self.open_ended or name in self.supported

    def _restrict(self, body: dict[str, Any]) -> list[str]:
        """Take out of ``body`` what the service does not accept."""
        top_k = body.pop("top_k", None)
        if top_k is not None:
            if self.open_ended:  # not in OpenAI's schema, so it travels beside it
                body["extra_body"] = {**dict(self.extra.get("extra_body", {})), "top_k": top_k}
            elif "top_k" in self.supported or self.service in ("anthropic", "gemini"):
                body["top_k"] = top_k
            else:
                raise ProviderError(
                    f"{self.model} does not take top_k", hint="remove top_k from the sampling"
                )
        left_out = [name for name in body if name != "extra_body" and not self._allowed(name)]
        for name in left_out:
            if name not in _DISPENSABLE:
                raise ProviderError(
                    f"{self.model} does not take {name}", hint=f"remove {name} from the sampling"
                )
            del body[name]
        self._limit_stops(body, left_out)
        return left_out

    def _allowed(self, name: str) -> bool:
        aliases = {"top_logprobs": "logprobs", "max_tokens": "max_completion_tokens"}
        return self._takes(name) or aliases.get(name, name) in self.supported

    def _limit_stops(self, body: dict[str, Any], left_out: list[str]) -> None:
        stops = body.get("stop", [])
        kept = stops
        if self.service in ("openai", "azure", "text-completion-openai") and not self.open_ended:
            kept = stops[:_OPENAI_STOPS]
        if self.service == "anthropic":
            kept = [stop for stop in stops if stop.strip()]
        if kept != stops:
            left_out.append("stop")
            body["stop"] = kept
            if not kept:
                del body["stop"]

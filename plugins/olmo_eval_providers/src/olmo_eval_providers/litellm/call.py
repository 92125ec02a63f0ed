"""One request as LiteLLM's keyword arguments: what can be sent, and what is dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from olmo_eval.common.types import LMRequest, SamplingParams
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval_providers.extras import module_found
from olmo_eval_providers.openai_api.body import chat_body, sampling_body
from olmo_eval_providers.sample_seeds import sample_seed

#: OpenAI takes at most four stop sequences; the text is cut at all of them here in any case
_OPENAI_STOPS = 4
#: what may be left out without changing what is measured: texts are cut at stop sequences here,
#: samples are asked for one by one, and repeatability is no promise of a service's
_DROPPABLE = ("seed", "stop", "n")
#: settings of the call by which LiteLLM judges what a model takes
_MODEL_SETTINGS = ("allowed_openai_params", "reasoning_effort")
#: newer names, for models that LiteLLM does not know yet
_REPLACEMENTS = {"max_tokens": "max_completion_tokens"}


@define
class CallForm:
    """How one model is called.

    - ``model``: LiteLLM's name, with its service's prefix; ``service`` is that prefix;
    - ``takes``: whether LiteLLM knows the model to take a parameter of that name and value;
    - ``any_server``: whether it is a server of unknown make;
    - ``extra``: further arguments of every call;
    - ``refused``: parameters that the service has refused by name.
    """

    model: str
    service: str
    takes: Callable[[str, Any], bool]
    any_server: bool
    extra: Mapping[str, Any] = field(factory=dict)
    refused: set[str] = field(factory=set, init=False)

    def build(
        self, request: LMRequest, params: SamplingParams, *, chat: bool, first: int, count: int
    ) -> tuple[dict[str, Any], list[str]]:
        """Arguments for samples ``first`` to ``first + count - 1``, and what is not sent.

        Raises:
            ProviderError: the service does not take a setting that decides what is measured.
        """
        seed = None if params.greedy else sample_seed(request, params, first)
        body, dropped = self.sampling(params, chat=chat, seed=seed)
        if chat:
            body.update(chat_body(request))
            if request.tools:
                if not self.takes("tools", body["tools"]):
                    raise ProviderError(f"{self.model} cannot call tools")
                if not module_found("mcp"):
                    # litellm looks for its gateway among the tools, which needs this module
                    body["_skip_mcp_handler"] = True
        else:
            body["prompt"] = request.prompt
        if count > 1:
            body["n"] = count
        return {**self.extra, **body, "model": self.model}, dropped

    @property
    def takes_n(self) -> bool:
        return self._takes("n", 2)

    def sampling(
        self, params: SamplingParams, *, chat: bool, seed: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """``params`` as arguments of a call, less what is dropped, and the names of that.

        Raises:
            ProviderError: the service does not take a setting that decides what is measured.
        """
        body = sampling_body(params, chat=chat, seed=seed)
        top_k = body.pop("top_k", None)
        dropped = [name for name, value in body.items() if not self._takes(name, value)]
        for name in dropped:
            if not _droppable(name, body[name]):
                raise ProviderError(
                    f"{self.model} does not take {name}={body[name]}",
                    hint=f"leave {name} as the service has it, or use another model",
                )
            del body[name]
        for name in self.refused & body.keys() & _REPLACEMENTS.keys():
            body[_REPLACEMENTS[name]] = body.pop(name)
        if top_k is not None:
            self._add_top_k(body, top_k)
        self._limit_stops(body, dropped)
        return body, dropped

    def drop_refused(self, name: str | None, body: Mapping[str, Any]) -> bool:
        """The service has refused ``name`` in ``body``; whether another call can do without it."""
        if name is None or name in self.refused or name not in body:
            return False
        if name not in _REPLACEMENTS and not _droppable(name, body[name]):
            return False
        self.refused.add(name)
        return True

    def _takes(self, name: str, value: Any) -> bool:
        known_otherwise = name in self.refused and name not in _REPLACEMENTS
        return not known_otherwise and self.takes(name, value)

    def _add_top_k(self, body: dict[str, Any], top_k: int) -> None:
        if self.any_server:  # not in OpenAI's schema, so it travels beside it
            body["extra_body"] = {**dict(self.extra.get("extra_body", {})), "top_k": top_k}
        elif self.service in ("anthropic", "gemini"):
            body["top_k"] = top_k
        else:
            raise ProviderError(
                f"{self.model} does not take top_k", hint="remove top_k from the sampling"
            )

    def _limit_stops(self, body: dict[str, Any], dropped: list[str]) -> None:
        stops = body.get("stop", [])
        kept = stops
        if self.service in ("openai", "azure", "text-completion-openai") and not self.any_server:
            kept = stops[:_OPENAI_STOPS]
        if self.service == "anthropic":
            kept = [stop for stop in stops if stop.strip()]
        if kept != stops:
            dropped.append("stop")
            body["stop"] = kept
            if not kept:
                del body["stop"]


def call_form(
    litellm: Any, name: str, base_url: str | None, settings: Mapping[str, Any]
) -> CallForm:
    """How LiteLLM calls the model ``name``; a server of unknown make is spoken to as OpenAI's.

    Raises:
        UsageError: LiteLLM knows no service for the model.
    """
    try:
        model, service, _, _ = litellm.get_llm_provider(name)
    except Exception as error:
        if not base_url:
            raise UsageError(
                f"litellm knows no service for the model {name!r}",
                hint="put the service in front (openai/..., anthropic/...), or set base_url",
            ) from error
        model, service, name = name, "openai", f"openai/{name}"
    decisive = {key: settings[key] for key in _MODEL_SETTINGS if key in settings}
    known: dict[str, bool] = {}

    def takes(parameter: str, value: Any) -> bool:
        key = f"{parameter}={value!r}"
        if key not in known:
            known[key] = _supported(litellm, model, service, {**decisive, parameter: value})
        return known[key]

    return CallForm(name, service, takes, bool(base_url), settings)


def _supported(litellm: Any, model: str, service: str, parameters: dict[str, Any]) -> bool:
    """Whether LiteLLM would send ``parameters`` on, for all that it knows of the model."""
    try:
        litellm.utils.get_optional_params(
            model=model, custom_llm_provider=service, drop_params=False, **parameters
        )
    except litellm.UnsupportedParamsError:
        return False
    except Exception:  # its rules say nothing about this one: the service will
        return True
    return True


def _droppable(name: str, value: Any) -> bool:
    """Whether leaving a parameter out changes nothing that was asked for: greedy decoding is what
    comes closest where a model has a temperature of its own."""
    if name in ("temperature", "top_p") and value == 1:
        return True
    return name in _DROPPABLE or (name == "temperature" and value == 0)

"""What a server of the evaluated model answers, whatever carries the requests."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import orjson
from attrs import evolve, field, frozen

from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
)
from olmo_eval.endpoint import answers
from olmo_eval.endpoint.bodies import Asked, Body, read_chat, read_completion, read_loglikelihood
from olmo_eval.endpoint.errors import BadRequest, answered
from olmo_eval.providers.engine_input import EngineInput

JSON = "application/json"
EVENTS = "text/event-stream"


class ServedModel(Protocol):
    """The model behind a service; a provider is one."""

    @property
    def takes_tokens(self) -> bool: ...

    @property
    def capabilities(self) -> Collection[Capability]: ...

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]: ...

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]: ...

    async def inspect(
        self, request: LMRequest, params: SamplingParams
    ) -> list[EngineInput] | None: ...


@frozen
class Reply:
    """An answer over HTTP."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(factory=dict)


class Service:
    """OpenAI's protocol over ``model``, which is served as ``name`` to those who show ``key``.

    ``aliases`` are other names that may stand for it. Any other name is refused, so that a program
    that means another model (a judge, a simulated user) does not get this one.

    Routes: ``/v1/models``, ``/v1/chat/completions``, ``/v1/completions`` and ``/v1/loglikelihood``,
    which is not OpenAI's: the log-likelihoods of given continuations, as every provider measures
    them.
    """

    def __init__(
        self, model: ServedModel, name: str, key: str, aliases: tuple[str, ...] = ()
    ) -> None:
        self.model, self.name = model, name
        self._key = key
        self._names = {name, *aliases}
        self._repeats: Counter[bytes] = Counter()
        self._routes: Mapping[str, Callable[[Body], Awaitable[Reply]]] = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/v1/loglikelihood": self._score,
        }

    async def reply(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The reply to a request; ``headers`` by names in small letters. It never raises."""
        try:
            self._authorize(headers)
            return await self._routed(method, path.partition("?")[0].rstrip("/"), body)
        except Exception as error:
            status, said = answered(error)
            return Reply(status, _dumps(said))

    def _authorize(self, headers: Mapping[str, str]) -> None:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            shown.strip().encode(), self._key.encode()
        ):
            return
        raise BadRequest(
            "the key that was shown is not this endpoint's", code="invalid_api_key", status=401
        )

    async def _routed(self, method: str, path: str, body: bytes) -> Reply:
        if method == "GET" and path == "/v1/models":
            return Reply(200, _dumps({"object": "list", "data": [self._card()]}))
        if method == "GET" and path.removeprefix("/v1/models/") in self._names:
            return Reply(200, _dumps(self._card()))
        route = self._routes.get(path)
        if route is None:
            raise BadRequest(f"there is no {path}", code="not_found", status=404)
        if method != "POST":
            raise BadRequest(f"{path} takes POST", code="method_not_allowed", status=405)
        return await route(self._read(body))

    def _card(self) -> dict[str, Any]:
        return {"id": self.name, "object": "model", "created": 0, "owned_by": "olmo-eval"}

    def _read(self, body: bytes) -> Body:
        try:
            found = json.loads(body)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise BadRequest("the body is not a JSON object")
        if found.get("model") not in self._names:
            raise BadRequest(
                f"the model {found.get('model')!r} is not served here",
                param="model",
                code="model_not_found",
                status=404,
                hint=f"served is {self.name!r}",
            )
        return found

    # -- routes

    async def _chat(self, body: Body) -> Reply:
        asked = read_chat(body)
        self._require(asked.request)
        outputs = await self.model.generate(asked.request, self._drawn(asked, body))
        return self._sent(asked, answers.chat_answer(self.name, asked, outputs))

    async def _complete(self, body: Body) -> Reply:
        found = read_completion(body)
        if any(a.request.prompt_tokens is not None for a in found) and not self.model.takes_tokens:
            raise BadRequest("this model's provider takes no token ids", param="prompt")
        for asked in found:
            self._require(asked.request)
        params = [self._drawn(asked, body) for asked in found]
        made = await asyncio.gather(*map(self._completed, found, params))
        choices = [choice for some, _ in made for choice in some]
        answer = answers.completion_answer(self.name, choices, [outputs for _, outputs in made])
        return self._sent(found[0], answer)

    async def _completed(
        self, asked: Asked, params: SamplingParams
    ) -> tuple[list[dict[str, Any]], list[LMOutput]]:
        """The choices of one prompt, and the outputs that they are made of."""
        if asked.echo:
            return await self._echoed(asked, params)
        outputs = await self.model.generate(asked.request, params)
        return [answers.completion_choice(asked, output) for output in outputs], outputs

    async def _score(self, body: Body) -> Reply:
        request = read_loglikelihood(body)
        self._require(request)
        outputs = await self.model.loglikelihood(request)
        return Reply(200, _dumps(answers.scored_answer(self.name, outputs)))

    def _require(self, request: LMRequest) -> None:
        needed = {request.request_type.capability} | (
            {Capability.TOOLS} if request.tools else set()
        )
        lacking = sorted(needed - set(self.model.capabilities))
        if lacking:
            raise BadRequest(
                f"this model's provider cannot do it: {', '.join(lacking)}", code="unsupported"
            )

    def _sent(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        if not asked.stream:
            return Reply(200, _dumps(answer))
        events = [_dumps(chunk) for chunk in answers.chunks(answer, asked.stream_usage)]
        lines = b"".join(b"data: %s\n\n" % event for event in (*events, b"[DONE]"))
        return Reply(200, lines, EVENTS)

    def _drawn(self, asked: Asked, body: Body) -> SamplingParams:
        """The sampling of ``asked``. Where the body names no seed, the second time that it is sent
        draws other samples than the first, and the same in another run."""
        if asked.seeded or asked.params.greedy:
            return asked.params
        key = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        seed = self._repeats[key]
        self._repeats[key] += 1
        return evolve(asked.params, seed=seed)

    # -- the prompt with its log-probabilities

    async def _echoed(
        self, asked: Asked, params: SamplingParams
    ) -> tuple[list[dict[str, Any]], list[LMOutput]]:
        """A prompt and what follows it, each token with its log-probability."""
        if asked.top_logprobs is None:
            return await self._echoed_text(asked, params)
        if not self.model.takes_tokens:
            raise BadRequest(
                "this model's provider does not tell the tokens of a prompt apart",
                param="echo",
                hint="POST /v1/loglikelihood {prompt, continuations} measures what is wanted",
            )
        after = [] if asked.bare_echo else await self.model.generate(asked.request, params)
        ids, first = await self._prompt_tokens(asked.request, params)
        scored = LMRequest(RequestType.ROLLING, prompt_tokens=ids)
        (measured,) = await self.model.loglikelihood(scored)
        tokens: list[Any] = [{"token": first, "logprob": None}, *(measured.logprobs or ())]
        if after:
            tokens += after[0].logprobs or ()
        text = "".join(token["token"] for token in tokens)
        end = answers.finish_reason(after[0]) if after else "length"
        choice = {"text": text, "finish_reason": end, "logprobs": answers.token_table(tokens)}
        return [choice], after or [measured]

    async def _echoed_text(
        self, asked: Asked, params: SamplingParams
    ) -> tuple[list[dict[str, Any]], list[LMOutput]]:
        if asked.request.prompt_tokens is not None:
            raise BadRequest("echo of token ids without logprobs", param="echo")
        after = [] if asked.bare_echo else await self.model.generate(asked.request, params)
        text = asked.request.prompt + (after[0].text if after else "")
        end = answers.finish_reason(after[0]) if after else "length"
        return [{"text": text, "finish_reason": end, "logprobs": None}], after

    async def _prompt_tokens(
        self, request: LMRequest, params: SamplingParams
    ) -> tuple[tuple[int, ...], str]:
        """The ids of a prompt as the engine reads them, and the first one's text."""
        found = await self.model.inspect(request, params)
        tokens = found[0].tokens if found else None
        if not tokens:
            raise BadRequest("the tokens of this prompt are not known", param="prompt")
        if found and found[0].dropped:
            raise BadRequest(
                "the prompt is longer than the model's context",
                param="prompt",
                code="context_length_exceeded",
            )
        return tuple(token.id for token in tokens), tokens[0].text


def _dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # text that UTF-8 cannot hold
        return json.dumps(value).encode()

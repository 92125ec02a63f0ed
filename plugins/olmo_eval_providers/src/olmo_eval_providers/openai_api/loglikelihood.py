"""Log-likelihood requests answered through a completions endpoint."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field

from olmo_eval.common.types import LMOutput, LMRequest, RequestType
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval.providers.tokenization import Scored, TextEncoder, borrowed, to_score
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.openai_api.prompt_logprobs import (
    PromptLogprobSupport,
    PromptToken,
    prompt_tokens,
)
from olmo_eval_providers.openai_api.tokenizers import LocalTokenizer, ServerTokenizer
from olmo_eval_providers.outputs import logprob_or_nan, scored_output
from olmo_eval_providers.prompts import usable_context

_CACHED_TEXTS = 4096


@define
class ServerLoglikelihood:
    """Scores texts by the prompt log-probabilities of ``model`` behind ``client``.

    With an ``encoder`` the prompts are token ids, cut and split by the rule that every provider
    follows. Without one they are text: the endpoint's own token counts then decide where a
    continuation begins, which is the same rule, and nothing can be truncated here.
    """

    client: OpenAIClient
    model: str
    support: PromptLogprobSupport
    encoder: LocalTokenizer | ServerTokenizer | None = None
    max_length: int | None = None
    _lengths: OrderedDict[str, int] = field(factory=OrderedDict, init=False)

    async def __call__(self, request: LMRequest) -> list[LMOutput]:
        """One output a continuation, or one for a ROLLING request.

        Raises:
            UsageError: the endpoint gives no prompt log-probabilities.
        """
        if self.support.form is None:
            raise refusal(self.client.base_url, self.support.reason)
        rolling = request.request_type is RequestType.ROLLING
        if self.encoder is None:
            return await (self._roll_text(request) if rolling else self._score_texts(request))
        return await (self._roll(request) if rolling else self._score(request))

    # -- prompts as token ids

    def context_length(self, request: LMRequest) -> int:
        """Positions of the model that ``request`` may use."""
        # an endpoint reads the last token and generates one more, which ``fit`` does not count
        own = self.max_length - 2 if self.max_length else 2**31
        return usable_context(own, request.max_length)

    async def _score(self, request: LMRequest) -> list[LMOutput]:
        assert self.encoder is not None
        pairs = list(zip(request.contexts(), request.continuations, strict=True))
        texts = {c.rstrip() for c, _ in pairs} | {c + t for c, t in pairs}
        encoder: TextEncoder = await self.encoder.encoded([t for t in texts if t])
        limit = self.context_length(request)
        scored = to_score(encoder, request, limit)
        found = await self._targets(scored)
        return [
            output(text, [tokens], [pair])
            for text, tokens, pair in zip(request.continuations, found, scored, strict=True)
        ]

    async def _roll(self, request: LMRequest) -> list[LMOutput]:
        assert self.encoder is not None
        encoder = await self.encoder.encoded([request.prompt])
        windows = to_score(encoder, request, self.context_length(request))
        return [output(request.prompt, await self._targets(windows), windows)]

    async def _targets(self, scored: Sequence[Scored]) -> list[list[PromptToken]]:
        prompts = [[*pair.context, *pair.target] for pair in scored]
        found = await prompt_tokens(self.client, self.model, prompts, self.support)
        for pair, tokens in zip(scored, found, strict=True):
            if len(tokens) != len(pair.context) + len(pair.target):
                raise ProviderError(
                    f"{self.client.base_url} scored {len(tokens)} tokens where "
                    f"{len(pair.context) + len(pair.target)} were sent",
                    hint="its tokenizer is another one: set provider.tokenizer to the model's",
                )
        return [tokens[len(p.context) :] for p, tokens in zip(scored, found, strict=True)]

    # -- prompts as text

    async def _score_texts(self, request: LMRequest) -> list[LMOutput]:
        pairs = list(zip(request.contexts(), request.continuations, strict=True))
        heads = [c.rstrip() for c, _ in pairs]
        if not all(heads):
            raise ProviderError(
                "an empty context needs the model's start token, which the server does not name",
                hint="set provider.tokenizer to the model's tokenizer folder",
            )
        new = [h for h in dict.fromkeys(heads) if h not in self._lengths]
        prompts = [*new, *(context + text for context, text in pairs)]
        found = await prompt_tokens(self.client, self.model, prompts, self.support)
        for head, tokens in zip(new, found, strict=False):
            self._lengths[head] = len(tokens)
        begins = [self._lengths[head] for head in heads]
        while len(self._lengths) > _CACHED_TEXTS:
            self._lengths.popitem(last=False)
        outputs = []
        scored = found[len(new) :]
        for text, tokens, begin in zip(request.continuations, scored, begins, strict=True):
            own = begin if begin < len(tokens) else _begin_of(text, tokens)
            merged = "" if own < begin else None
            outputs.append(output(text, [tokens[own:]], [Scored((0,) * own, (), 0, merged)]))
        return outputs

    async def _roll_text(self, request: LMRequest) -> list[LMOutput]:
        (tokens,) = await prompt_tokens(self.client, self.model, [request.prompt], self.support)
        rest = "".join(token.text for token in tokens[1:])
        if len(rest) < len(request.prompt):
            raise ProviderError(
                "the server gives the first token of a text no probability, and does not name "
                "its start token",
                hint="set provider.tokenizer to the model's tokenizer folder",
            )
        return [output(request.prompt, [tokens[1:]], [Scored((0,), ())])]


def refusal(where: str, reason: str) -> UsageError:
    """The error of a likelihood request to an endpoint that cannot answer it."""
    return UsageError(
        f"{where} does not return log-probabilities of the prompt, which likelihood tasks need"
        + (f" ({reason})" if reason else ""),
        hint="use vllm, vllm_server, hf or embedded, or a generative variant of the task",
    )


def _begin_of(text: str, tokens: Sequence[PromptToken]) -> int:
    """Where the last tokens begin that hold ``text``, for one that has no token of its own.

    Raises:
        ProviderError: there is no token before them.
    """
    length = 0
    for index in range(len(tokens) - 1, 0, -1):
        length += len(tokens[index].text)
        if text and length >= len(text):
            return index
    raise ProviderError(f"the continuation {text!r} has no tokens of its own")


def _borrowed(text: str, tokens: Sequence[PromptToken], pair: Scored) -> str | None:
    """``pair.borrowed``, from the tokens' texts where the tokenizer could not say."""
    if pair.borrowed:
        return pair.borrowed
    known = "".join(token.text for token in tokens)
    return None if pair.borrowed is None else borrowed(known, text)


def output(text: str, parts: Sequence[Sequence[PromptToken]], pairs: Sequence[Scored]) -> LMOutput:
    """One scored text from the tokens of its windows; NaN where the server left a token without a
    log-probability."""
    tokens = [token for part in parts for token in part]
    return scored_output(
        text,
        [logprob_or_nan(token.logprob) for token in tokens],
        is_greedy=all(token.greedy for token in tokens),
        context_tokens=len(pairs[0].context),
        truncated_tokens=sum(pair.dropped for pair in pairs),
        borrowed=_borrowed(text, tokens, pairs[0]),
    )

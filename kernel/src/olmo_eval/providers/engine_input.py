"""What exactly an engine receives, for people who want to look (``--inspect-tokens``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from olmo_eval.common.types import LMRequest, RequestType
from olmo_eval.providers.tokenization import Scored, TextEncoder, fit_prompt, to_score


@frozen
class InputToken:
    """A token of an engine's input; ``special`` ones (BOS, a turn's end, ...) are no text."""

    id: int
    text: str
    special: bool = False


@frozen
class EngineInput:
    """One sequence that an engine receives.

    - ``text``: as it is before tokenization; what was cut off on the left is not there;
    - ``tokens``: as the engine reads them; None where only the service knows;
    - ``scored_from``: number of the first token whose log-probability is measured; None where
      the sequence is to be continued;
    - ``dropped``: tokens cut off on the left, after BOS, because the model's context is too short.
    """

    text: str
    tokens: tuple[InputToken, ...] | None = None
    scored_from: int | None = None
    dropped: int = 0


class ReadableEncoder(TextEncoder, Protocol):
    """A tokenizer that also reads tokens back."""

    @property
    def special_ids(self) -> frozenset[int]: ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of ``tokens``, special ones left out."""
        ...

    def token_text(self, token: int) -> str:
        """One token as text, special tokens by name."""
        ...

    def vocabulary_text(self, token: int) -> str:
        """One token as the vocabulary writes it."""
        ...


class ChatEncoder(ReadableEncoder, Protocol):
    """A tokenizer that knows its model's chat template."""

    def render_chat(self, request: LMRequest) -> str: ...

    def prompt_ids(self, request: LMRequest) -> list[int]: ...


def input_tokens(encoder: ReadableEncoder, ids: Sequence[int]) -> tuple[InputToken, ...]:
    """``ids`` as text; a part of a character as the vocabulary writes it."""
    special = encoder.special_ids
    texts = (encoder.token_text(token) for token in ids)
    return tuple(
        InputToken(
            id=token,
            text=encoder.vocabulary_text(token) if "\N{REPLACEMENT CHARACTER}" in text else text,
            special=token in special,
        )
        for token, text in zip(ids, texts, strict=True)
    )


def engine_inputs(
    encoder: ChatEncoder, request: LMRequest, max_length: int, max_tokens: int | None
) -> list[EngineInput]:
    """What an engine of ``max_length`` positions receives that follows the rule of tokenization:
    the prompt of a COMPLETION or CHAT request, which leaves room for ``max_tokens``; for a
    LOGLIKELIHOOD request one sequence a continuation, for a ROLLING one each window.

    Raises:
        ProviderError: the chat template cannot render the request; a text does not fit.
    """
    if request.request_type in (RequestType.COMPLETION, RequestType.CHAT):
        return [_prompt_input(encoder, request, max_length, max_tokens)]
    return scored_inputs(encoder, request, max_length)


def scored_inputs(
    encoder: ReadableEncoder, request: LMRequest, max_length: int
) -> list[EngineInput]:
    """The same for a LOGLIKELIHOOD or ROLLING request, which no chat template stands between."""
    pairs = to_score(encoder, request, max_length)
    texts: list[str | None] = [None] * len(pairs)
    if request.request_type is RequestType.LOGLIKELIHOOD:
        whole = zip(request.contexts(), request.continuations, strict=True)
        texts = [context + continuation for context, continuation in whole]
    return [_scored_input(encoder, pair, text) for pair, text in zip(pairs, texts, strict=True)]


def _prompt_input(
    encoder: ChatEncoder, request: LMRequest, max_length: int, max_tokens: int | None
) -> EngineInput:
    chat = request.request_type is RequestType.CHAT
    whole = encoder.prompt_ids(request)
    kept = fit_prompt(encoder, whole, max_length, max_tokens)
    dropped = len(whole) - len(kept)
    if dropped:
        text = encoder.decode(kept)
    else:
        text = encoder.render_chat(request) if chat else request.prompt
    return EngineInput(text, input_tokens(encoder, kept), dropped=dropped)


def _scored_input(encoder: ReadableEncoder, pair: Scored, text: str | None) -> EngineInput:
    ids = [*pair.context, *pair.target]
    return EngineInput(
        text=encoder.decode(ids) if text is None or pair.dropped else text,
        tokens=input_tokens(encoder, ids),
        scored_from=len(pair.context),
        dropped=pair.dropped,
    )

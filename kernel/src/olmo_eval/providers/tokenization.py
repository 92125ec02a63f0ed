"""From text to token ids for scoring: one rule for every provider that sees tokens.

Shared so that numbers are comparable between engines: how a context and its continuation are
split, what stands in for an empty context, what is cut when a text is too long, and how a long
text is divided for rolling log-likelihoods. The rule is the field's usual one (EleutherAI's
lm-evaluation-harness); providers differ only in the tokenizer behind ``TextEncoder``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from olmo_eval.common.types import LMRequest, RequestType
from olmo_eval.errors import ProviderError


class TextEncoder(Protocol):
    """What scoring needs of a tokenizer."""

    @property
    def bos_id(self) -> int | None: ...

    @property
    def eos_id(self) -> int | None: ...

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text`` as the tokenizer encodes it, its own special tokens included."""
        ...


class Scored(NamedTuple):
    """Token ids to score: the log-probability of ``target`` after ``context`` is wanted.

    ``context`` has at least one token. ``dropped`` is the number of context tokens cut off on
    the left, after BOS, because the whole did not fit the model. Where the tokenizer left the
    continuation no token of its own, ``borrowed`` is the end of the context that is scored with it,
    "" where the tokenizer cannot say; else None.
    """

    context: tuple[int, ...]
    target: tuple[int, ...]
    dropped: int = 0
    borrowed: str | None = None


def start_token(encoder: TextEncoder) -> int:
    """The token that stands for "nothing before": BOS, else EOS.

    Raises:
        ProviderError: the tokenizer has neither.
    """
    for token in (encoder.bos_id, encoder.eos_id):
        if token is not None:
            return token
    raise ProviderError(
        "the tokenizer has neither a BOS nor an EOS token, so text without a context has no start",
        hint="set bos_token or eos_token in the model's tokenizer_config.json",
    )


def one_bos(encoder: TextEncoder, tokens: list[int]) -> list[int]:
    """``tokens`` with BOS in front once, where a tokenizer has put it before text that brings its
    own (a rendered chat, say)."""
    while encoder.bos_id is not None and tokens[:2] == [encoder.bos_id] * 2:
        tokens = tokens[1:]
    return tokens


def split_pair(
    encoder: TextEncoder,
    context: str,
    continuation: str,
    *,
    encode: Callable[[str], list[int]] | None = None,
) -> Scored:
    """Token ids of a continuation after its context.

    Trailing white space of the context moves to the continuation, the whole string is encoded,
    and it is cut after as many tokens as the context alone has. Where that leaves nothing, because
    a token holds the end of the context and the continuation (``: C``), the cut is before the first
    token that the context alone does not have. BOS is there only if the tokenizer adds it or the
    text brings it, and once. An empty context is the start token alone. ``encode`` may replace
    ``encoder.encode`` (by a cached one, say).

    Raises:
        ProviderError: the continuation is empty, or the tokenizer has no token for it.
    """
    encode = encode or encoder.encode
    stripped = context.rstrip()
    given, continuation = continuation, context[len(stripped) :] + continuation
    if not stripped:
        return Scored((start_token(encoder),), _without_start(encoder, encode(continuation)))
    head = one_bos(encoder, encode(stripped))
    whole = one_bos(encoder, encode(stripped + continuation))
    target = tuple(whole[len(head) :])
    if target:
        return Scored(tuple(whole[: len(head)]), target)
    if not given or whole == head:
        raise ProviderError(
            f"the continuation {continuation!r} has no tokens of its own after its context",
            hint="a continuation must be non-empty text",
        )
    return _merged(encoder, head, whole, given)


def _merged(encoder: TextEncoder, head: list[int], whole: list[int], continuation: str) -> Scored:
    """The cut before the first token that holds some of the continuation."""
    own = next(i for i, token in enumerate(whole) if i >= len(head) or token != head[i])
    context, target = tuple(whole[:own]), tuple(whole[own:])
    decode = getattr(encoder, "decode", None)
    text = "" if decode is None else decode(target)
    return Scored(context or (start_token(encoder),), target, 0, borrowed(text, continuation))


def borrowed(scored: str, continuation: str) -> str:
    """What stands before ``continuation`` in the text of the tokens that were scored for it; ""
    where that text does not end with it."""
    return scored.removesuffix(continuation) if scored.endswith(continuation) else ""


def _without_start(encoder: TextEncoder, tokens: list[int]) -> tuple[int, ...]:
    """``tokens`` without a BOS in front, the tokenizer's or the text's own."""
    tokens = one_bos(encoder, tokens)
    if tokens and tokens[0] == encoder.bos_id:
        tokens = tokens[1:]
    if not tokens:
        raise ProviderError("an empty text cannot be scored", hint="give a non-empty text")
    return tuple(tokens)


def fit(encoder: TextEncoder, pair: Scored, max_length: int) -> Scored:
    """``pair`` cut on the left to what a model of ``max_length`` positions can score.

    The last target token is predicted and never read, so context plus target may have
    ``max_length`` + 1 tokens. A BOS in front stays, and the cut begins after it.

    Raises:
        ProviderError: the target alone is too long.
    """
    excess = len(pair.context) + len(pair.target) - (max_length + 1)
    if excess <= 0:
        return pair
    if excess >= len(pair.context):
        raise ProviderError(
            f"a continuation of {len(pair.target)} tokens does not fit the context length "
            f"of {max_length}",
            hint="raise max_model_len, or score long texts with a rolling request",
        )
    kept = len(pair.context) - excess
    context = tuple(_cut(encoder, pair.context, kept))
    return pair._replace(context=context, dropped=excess)


def _cut(encoder: TextEncoder, tokens: Sequence[int], kept: int) -> Sequence[int]:
    """The last ``kept`` of ``tokens``; where they begin with BOS, that and one fewer."""
    if kept < len(tokens) and tokens[0] == encoder.bos_id:
        return (tokens[0], *tokens[len(tokens) - kept + 1 :])
    return tokens[max(0, len(tokens) - kept) :]


def to_score(
    encoder: TextEncoder,
    request: LMRequest,
    max_length: int,
    *,
    encode: Callable[[str], list[int]] | None = None,
) -> list[Scored]:
    """What a LOGLIKELIHOOD request measures, one a continuation, or a ROLLING one, window by
    window, for a model of ``max_length`` positions. ``encode`` as for ``split_pair``.

    Raises:
        ProviderError: a text has no tokens or does not fit.
    """
    if request.prompt_tokens is not None:
        return [_tokens_to_score(request.prompt_tokens, max_length)]
    if request.request_type is RequestType.ROLLING:
        return rolling_windows(encoder, request.prompt, max_length)
    known: dict[str, list[int]] = {}

    def once(text: str) -> list[int]:
        if text not in known:
            known[text] = encoder.encode(text)
        return known[text]

    return [
        fit(encoder, split_pair(encoder, context, text, encode=encode or once), max_length)
        for context, text in zip(request.contexts(), request.continuations, strict=True)
    ]


def _tokens_to_score(tokens: Sequence[int], max_length: int) -> Scored:
    """Given tokens, each scored after those before it; nothing stands before the first."""
    if len(tokens) < 2:
        raise ProviderError("a prompt of fewer than 2 tokens has nothing to be scored")
    if len(tokens) > max_length + 1:
        raise ProviderError(
            f"a prompt of {len(tokens)} tokens does not fit the context length of {max_length}",
            hint="raise max_model_len, or send a shorter one",
        )
    return Scored((tokens[0],), tuple(tokens[1:]))


def rolling_windows(encoder: TextEncoder, text: str, max_length: int) -> list[Scored]:
    """``text`` as windows that score each of its tokens exactly once, in order.

    The first window follows the start token. Every later one is as long as the model allows:
    its target is what has not been scored yet, its context the tokens before that (one token
    where the window is full of new ones). Only the first begins with the start token: the others
    are in the middle of the text.
    """
    tokens = _without_start(encoder, encoder.encode(text))
    padded = (start_token(encoder), *tokens)  # padded[i + 1] is tokens[i]
    windows: list[Scored] = []
    for begin in range(0, len(tokens), max_length):
        end = min(begin + max_length, len(tokens))
        first = 0 if begin == 0 else max(0, end - max_length)
        windows.append(Scored(padded[first : begin + 1], padded[begin + 1 : end + 1]))
    return windows


def fit_prompt(
    encoder: TextEncoder, tokens: Sequence[int], max_length: int, max_tokens: int | None
) -> list[int]:
    """A prompt cut on the left, after BOS, so that there is room to generate.

    Room is made for ``max_tokens``, but for no more than a quarter of the context: a prompt
    that leaves less than ``max_tokens`` and at least that quarter stays whole, and generation
    ends at the context limit.
    """
    room = max_length // 4 if max_tokens is None else min(max_tokens, max_length // 4)
    return list(_cut(encoder, tokens, max(1, max_length - room)))

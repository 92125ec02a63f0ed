"""Exact log-likelihoods of continuations: their shared context is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.embedded.kv_cache import SharedPrefixKVCache
from olmo_eval_providers.embedded.model import log_softmax
from olmo_eval_providers.embedded.prefix_cache import CHUNK_TOKENS, Encoded, PrefixCache
from olmo_eval_providers.embedded.weights import FloatArray, IntArray
from olmo_eval_providers.local.outputs import Likelihood

# A batch of rows is padded to its longest, and bounded in tokens to bound memory.
_BATCH_TOKENS = 1024


def score_pairs(prefixes: PrefixCache, pairs: Sequence[Scored]) -> list[Likelihood]:
    """The likelihood of every pair, in the order given."""
    found: dict[int, Likelihood] = {}
    for context in dict.fromkeys(pair.context for pair in pairs):
        mine = [i for i, pair in enumerate(pairs) if pair.context == context]
        encoded = prefixes.encode(context)
        for batch in _batches(mine, pairs):
            scored = _score_batch(prefixes, encoded, [pairs[i] for i in batch])
            found.update(zip(batch, scored, strict=True))
    return [found[i] for i in range(len(pairs))]


def _batches(indices: list[int], pairs: Sequence[Scored]) -> list[list[int]]:
    """``indices`` sorted by target length and cut where padding would exceed the limit."""
    batches: list[list[int]] = []
    for index in sorted(indices, key=lambda i: len(pairs[i].target)):
        size = len(pairs[index].target)
        too_wide = batches and (len(batches[-1]) + 1) * size > _BATCH_TOKENS
        if not batches or too_wide or size > CHUNK_TOKENS:
            batches.append([])
        batches[-1].append(index)
    return batches


def _score_batch(prefixes: PrefixCache, encoded: Encoded, pairs: list[Scored]) -> list[Likelihood]:
    first = log_softmax(encoded.logits)
    length = max(len(pair.target) for pair in pairs) - 1  # the last token is never read
    rows = np.zeros((len(pairs), length + 1), np.int64)
    read = np.zeros((len(pairs), length), np.int64)
    for row, inputs, pair in zip(rows, read, pairs, strict=True):
        row[: len(pair.target)] = pair.target
        # padded with a token that the row reads anyway: no mask keeps out an embedding of NaN
        inputs[:] = pair.target[0]
        inputs[: len(pair.target) - 1] = pair.target[:-1]
    logprobs = np.broadcast_to(first, (len(pairs), 1, len(first)))
    if length:
        logprobs = np.concatenate([logprobs, _logprobs_after(prefixes, encoded, read)], axis=1)
    chosen = np.take_along_axis(logprobs, rows[..., None], axis=2)[..., 0]
    best = logprobs.argmax(axis=2)
    highest = np.take_along_axis(logprobs, best[..., None], axis=2)[..., 0]
    return [
        Likelihood.of(
            pair,
            chosen[i, : len(pair.target)].tolist(),
            is_greedy=bool((best == rows)[i, : len(pair.target)].all()),
            best=tuple(zip(best[i].tolist(), highest[i].tolist(), strict=True))[: len(pair.target)],
            cached_tokens=encoded.cached_tokens,
        )
        for i, pair in enumerate(pairs)
    ]


def _logprobs_after(prefixes: PrefixCache, encoded: Encoded, rows: IntArray) -> FloatArray:
    """Log-probabilities (rows, length, vocabulary) after each token of rows (rows, length)."""
    model, (count, length) = prefixes.model, rows.shape
    start = encoded.kv.shape[3]
    kv, found = encoded.kv, []
    # Only a single row is ever longer than a chunk (see _batches).
    for begin in range(0, length, CHUNK_TOKENS):
        chunk = rows[:, begin : begin + CHUNK_TOKENS]
        width = chunk.shape[1]
        kv_cache = SharedPrefixKVCache(model.config, kv, rows=count, length=width)
        positions = np.tile(np.arange(start + begin, start + begin + width), count)
        hidden = model.hidden(chunk.reshape(-1), positions, kv_cache)
        found.append(log_softmax(model.logits(hidden)).reshape(count, width, -1))
        if begin + width < length:
            kv = kv_cache.extended()
    return np.concatenate(found, axis=1)

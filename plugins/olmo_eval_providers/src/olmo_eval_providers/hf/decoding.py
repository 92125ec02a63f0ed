"""Samples decoding side by side: rows leave when they end, and new ones take their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from olmo_eval_providers.hf import kv_cache
from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.hf.memory import Budget
from olmo_eval_providers.hf.packing import MIN_TOKENS_SAVED
from olmo_eval_providers.hf.token_sampling import GREEDY, choose
from olmo_eval_providers.local.prefixes import common_prefix_length
from olmo_eval_providers.local.sampling import Sample


@define
class Rows:
    """What is decoding: samples, their transformers cache, and which of its places count.

    - ``mask``: (rows, tokens), 1 where a place holds a token of the row;
    - ``lengths``: (rows, 1), tokens of each row;
    - ``last``: the last token of each row, not yet in the cache.
    """

    samples: list[Sample]
    cache: Any
    mask: Any
    lengths: Any
    last: list[int]


@define
class Decoder:
    """Generates for many samples at once; ``step`` advances every active one by a token."""

    loaded: LoadedModel
    limits: Budget
    prefixes: kv_cache.PrefixCache
    share: bool = True
    waiting: list[Sample] = field(factory=list, init=False)
    _rows: Rows | None = field(default=None, init=False)

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self._rows)

    def add(self, samples: Sequence[Sample]) -> None:
        self.waiting += samples

    def clear(self) -> list[Sample]:
        """Forget everything; returns what had not ended."""
        active = self._rows.samples if self._rows else []
        unfinished, self._rows, self.waiting = [*active, *self.waiting], None, []
        return unfinished

    def restart(self) -> None:
        """Put what is active back to wait, from its first token on: memory has run out."""
        active = self._rows.samples if self._rows else []
        self._rows = None
        for sample in active:
            sample.reset()
        self.waiting += active

    def step(self) -> list[Sample]:
        """Admit what fits, advance by a token; returns the samples that ended."""
        ended = self._admit()
        rows = self._rows
        if rows is None:
            return ended
        torch, device = self.loaded.torch, self.loaded.device
        ones = torch.ones((len(rows.samples), 1), dtype=rows.mask.dtype, device=device)
        rows.mask = torch.cat([rows.mask, ones], 1)
        out = self.loaded.model(
            input_ids=torch.tensor(rows.last, device=device)[:, None],
            position_ids=rows.lengths,
            attention_mask=rows.mask,
            past_key_values=rows.cache,
            use_cache=True,
        )
        rows.cache, rows.lengths = out.past_key_values, rows.lengths + 1
        rows.last, done = self._choose(out.logits[:, -1], rows.samples)
        self._rows = self._without(rows, done)
        return ended + [rows.samples[i] for i in done]

    def _choose(self, logits: Any, samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
        """The next token of each sample, and the rows that ended with it."""
        finite = logits.amax(-1).isfinite().tolist()  # NaN and infinity go through the maximum
        draws = [
            (s.params, s.random.random()) if known and not s.params.greedy else (GREEDY, 0.0)
            for s, known in zip(samples, finite, strict=True)
        ]
        tokens = choose(self.loaded.torch, logits, draws)
        done = []
        for row, (sample, token) in enumerate(zip(samples, tokens, strict=True)):
            if not finite[row]:
                sample.fail()
                done.append(row)
                continue
            logprob = None
            if sample.params.logprobs is not None:
                logprob = float(logits[row].float().log_softmax(-1)[token])
            if sample.add(token, logprob):
                done.append(row)
        return tokens, done

    def _without(self, rows: Rows, done: Sequence[int]) -> Rows | None:
        """``rows`` less those that are done; None where none is left."""
        if not done:
            return rows
        gone = set(done)
        keep = [i for i in range(len(rows.samples)) if i not in gone]
        if not keep:
            return None
        index = self.loaded.torch.tensor(keep, device=self.loaded.device)
        return Rows(
            [rows.samples[i] for i in keep],
            self._selected(rows.cache, index),
            rows.mask[index],
            rows.lengths[index],
            [rows.last[i] for i in keep],
        )

    def _selected(self, past: Any, index: Any) -> Any:
        """The rows of a cache that ``index`` lists, in a growing cache."""
        if not self.loaded.full_attention:
            past.batch_select_indices(index)
            return past
        return kv_cache.write([(k[index], v[index]) for k, v in kv_cache.read(past)], growing=True)

    # -- new rows

    def _admit(self) -> list[Sample]:
        """Encode the prompts of waiting samples into free places, once a quarter of them is."""
        active = len(self._rows.samples) if self._rows else 0
        if not self.waiting or 4 * (self.limits.slots - active) < self.limits.slots:
            return []
        self.waiting.sort(key=lambda sample: (-len(sample.prompt), sample.prompt))
        ended: list[Sample] = []
        while self.waiting and active < self.limits.slots:
            if active and not self.loaded.full_attention:
                break  # caches with windows cannot be joined
            ended += self._enter(self._first(self.limits.slots - active))
            active = len(self._rows.samples) if self._rows else 0
        return ended

    def _enter(self, chosen: list[Sample]) -> list[Sample]:
        """Start ``chosen``, the first of those that wait; returns what ended at once."""
        old, self._rows = self._rows, None
        try:
            new = self._prefill(chosen)
        finally:
            self._rows = old
        self.waiting = self.waiting[len(chosen) :]
        done = [i for i, sample in enumerate(new.samples) if sample.finish_reason]
        left = self._without(new, done)
        self._rows = left if old is None else old if left is None else self._joined(old, left)
        return [new.samples[i] for i in done]

    def _first(self, free: int) -> list[Sample]:
        """Waiting samples, longest first, as many as one forward pass takes."""
        candidates = self.waiting[:free]
        prompts = [sample.prompt for sample in candidates]
        shared = common_prefix_length(min(prompts), max(prompts)) if self.share else 0
        width = max(1, len(prompts[0]) - shared)
        chosen, distinct = [], set()
        for sample in candidates:
            distinct.add(sample.prompt)
            if len(distinct) > 1 and len(distinct) * width > self.limits.batch_tokens:
                break
            chosen.append(sample)
        return chosen

    def _prefill(self, samples: list[Sample]) -> Rows:
        torch, device = self.loaded.torch, self.loaded.device
        prompts = sorted({sample.prompt for sample in samples})
        prefix, cached = self._prefix(prompts)
        own = [prompt[len(prefix) :] for prompt in prompts]
        width = max(map(len, own))
        shared, rows = len(prefix), len(prompts)
        mask = torch.tensor(
            [[1] * shared + [0] * (width - len(o)) + [1] * len(o) for o in own], device=device
        )
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
        kv, _ = self.prefixes.encode(prefix, self.limits.batch_tokens)
        out = self.loaded.model(
            # padded with a token of the row itself: no mask keeps out an embedding of NaN
            input_ids=torch.tensor(
                [[o[0]] * (width - len(o)) + list(o) for o in own], device=device
            ),
            position_ids=positions,
            attention_mask=mask,
            past_key_values=kv_cache.write(kv_cache.repeat(kv, rows)) if kv else None,
            use_cache=True,
            logits_to_keep=1,
        )
        place = {prompt: row for row, prompt in enumerate(prompts)}
        which = [place[sample.prompt] for sample in samples]
        for sample in samples:
            sample.cached_tokens = cached
        index = torch.tensor(which, device=device)
        last, _ = self._choose(out.logits[:, -1][index], samples)
        return Rows(
            samples,
            self._selected(out.past_key_values, index),
            mask[index],
            mask.sum(1, keepdim=True)[index],
            last,
        )

    def _prefix(self, prompts: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], int]:
        """What all sorted ``prompts`` begin with, where sharing it is worth it."""
        if not self.share:
            return (), 0
        first = prompts[0][:-1]
        shared = common_prefix_length(first, prompts[-1][:-1]) if len(prompts) > 1 else len(first)
        cached = min(self.prefixes.store.shared_length(first), shared)
        if len(prompts) == 1:
            shared = cached
        worth = max(cached, (len(prompts) - 1) * shared) >= MIN_TOKENS_SAVED
        return (prompts[0][:shared], cached) if worth else ((), 0)

    def _joined(self, old: Rows, new: Rows) -> Rows:
        torch = self.loaded.torch
        width = max(old.mask.shape[1], new.mask.shape[1])
        pad = torch.nn.functional.pad

        def widened(kv: kv_cache.KV) -> kv_cache.KV:
            return [
                (
                    pad(k, (0, 0, width - k.shape[2], 0)),
                    pad(v, (0, 0, width - v.shape[2], 0)),
                )
                for k, v in kv
            ]

        pairs = zip(
            widened(kv_cache.read(old.cache)), widened(kv_cache.read(new.cache)), strict=True
        )
        kv = [(torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]])) for a, b in pairs]
        masks = [pad(rows.mask, (width - rows.mask.shape[1], 0)) for rows in (old, new)]
        return Rows(
            [*old.samples, *new.samples],
            kv_cache.write(kv, growing=True),
            torch.cat(masks),
            torch.cat([old.lengths, new.lengths]),
            [*old.last, *new.last],
        )

"""Log-likelihoods of token sequences, sharing what they share.

A pack is one row: the branches' own tokens one behind the other, each target behind its branch,
behind the encoded prefix. An attention mask keeps the branches apart, and positions count from
each branch's own past, so every token sees exactly what it would see alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.hf import kv_cache
from olmo_eval_providers.hf.loading import LoadedModel
from olmo_eval_providers.hf.memory import Budget, retried_with_half
from olmo_eval_providers.hf.packing import MIN_TOKENS_SAVED, Branch, Pack, pack
from olmo_eval_providers.local.outputs import Likelihood

#: rows of logits that are normalised at once
_LOGIT_ROWS = 256


@define
class Layout:
    """One row under construction: ids, positions, and who may see whom."""

    ids: list[int] = field(factory=list)
    positions: list[int] = field(factory=list)
    branch: list[int] = field(factory=list)
    target: list[int] = field(factory=list)  # -1 for a branch's own tokens
    #: per scored target: its index, its tokens, and the places whose logits predict them
    targets: list[tuple[int, tuple[int, ...], list[int]]] = field(factory=list)

    def add(self, tokens: Sequence[int], start: int, branch: int, target: int) -> int:
        """Append ``tokens`` at positions from ``start``; returns the place of the first."""
        place = len(self.ids)
        self.ids += tokens
        self.positions += range(start, start + len(tokens))
        self.branch += [branch] * len(tokens)
        self.target += [target] * len(tokens)
        return place


def layout(packed: Pack) -> Layout:
    """The row of a pack."""
    row = Layout()
    for number, branch in enumerate(packed.branches):
        own = branch.context[packed.shared :]
        last = row.add(own, packed.shared, number, -1) + len(own) - 1
        for target in branch.targets:
            read = target.tokens[:-1]
            place = row.add(read, len(branch.context), number, target.index)
            row.targets.append(
                (target.index, target.tokens, [last, *range(place, place + len(read))])
            )
    return row


@define
class Scorer:
    """Scores pairs with ``loaded`` within ``limits``."""

    loaded: LoadedModel
    limits: Budget
    prefixes: kv_cache.PrefixCache
    share: bool = True

    def score(self, pairs: Sequence[Scored]) -> list[Likelihood]:
        """One result a pair, in order."""
        found: list[Likelihood | None] = [None] * len(pairs)
        todo = list(range(len(pairs)))

        def attempt() -> None:
            """Score what is still to do; after running out of memory that is less."""
            remaining = [i for i in todo if found[i] is None]
            chosen = [pairs[i] for i in remaining]
            for packed in self._packs(chosen):
                for index, likelihood in self._scored(packed, chosen):
                    found[remaining[index]] = likelihood

        retried_with_half(attempt, self.limits, "scoring", self.loaded.torch)
        return [likelihood for likelihood in found if likelihood is not None]

    def _scored(self, packed: Pack, pairs: Sequence[Scored]) -> list[tuple[int, Likelihood]]:
        """What is found for the pairs of a pack. NaN goes through a mask to whatever is packed
        beside it, so where there is any, each target is scored alone."""
        scored = self._run(packed, pairs)
        if len(scored) == 1 or all(math.isfinite(found.total) for _, found in scored):
            return scored
        alone = [
            Pack(packed.shared, (Branch(branch.context, [target]),))
            for branch in packed.branches
            for target in branch.targets
        ]
        return [result for one in alone for result in self._run(one, pairs)]

    def _packs(self, pairs: Sequence[Scored]) -> list[Pack]:
        packs = pack(pairs, self.limits.batch_tokens)
        return [self._with_cached_prefix(p) for p in packs]

    def _with_cached_prefix(self, packed: Pack) -> Pack:
        """A pack of one context may share with what came before."""
        if packed.shared or len(packed.branches) > 1:
            return packed
        cached = self.prefixes.store.shared_length(packed.branches[0].context[:-1])
        return Pack(cached, packed.branches) if cached >= MIN_TOKENS_SAVED else packed

    def _run(self, packed: Pack, pairs: Sequence[Scored]) -> list[tuple[int, Likelihood]]:
        torch, device = self.loaded.torch, self.loaded.device
        prefix, cached = self.prefixes.encode(packed.prefix, self.limits.batch_tokens)
        row = layout(packed)
        places = sorted({place for _, _, ps in row.targets for place in ps})
        logits = self.loaded.model(
            input_ids=torch.tensor([row.ids], device=device),
            position_ids=torch.tensor([row.positions], device=device),
            attention_mask=self._mask(row, packed.shared),
            past_key_values=kv_cache.write(prefix) if prefix else None,
            use_cache=bool(prefix),
            logits_to_keep=torch.tensor(places, device=device),
        ).logits[0]
        targets = [(index, tokens) for index, tokens, _ in row.targets]
        rank = {place: i for i, place in enumerate(places)}
        sources = [[rank[place] for place in ps] for _, _, ps in row.targets]
        found = read_logits(torch, logits, targets, sources)
        return [
            (index, likelihood(pairs[index], logprobs, best, cached))
            for (index, _), (logprobs, best) in zip(targets, found, strict=True)
        ]

    def _mask(self, row: Layout, shared: int) -> Any:
        """Additive mask (1, 1, tokens, shared + tokens); None where plain causal order is meant."""
        torch, device = self.loaded.torch, self.loaded.device
        branch = torch.tensor(row.branch, device=device)
        target = torch.tensor(row.target, device=device)
        if len(set(row.branch)) == 1 and len({t for t in row.target if t >= 0}) <= 1:
            return None
        order = torch.arange(len(row.ids), device=device)
        seen = (branch[:, None] == branch[None]) & (order[:, None] >= order[None])
        seen &= (target[None] == -1) | (target[:, None] == target[None])
        mask = torch.zeros(
            (1, 1, len(row.ids), shared + len(row.ids)),
            dtype=self.loaded.model.dtype,
            device=device,
        )
        lowest = torch.finfo(mask.dtype).min
        mask[0, 0, :, shared:].masked_fill_(~seen, lowest)
        return mask


def likelihood(
    pair: Scored,
    logprobs: Sequence[float],
    best: Sequence[tuple[int, float]],
    cached_tokens: int = 0,
) -> Likelihood:
    """The likelihood of ``pair`` from what ``read_logits`` found."""
    greedy = pair.target == tuple(token for token, _ in best)
    return Likelihood.of(pair, logprobs, is_greedy=greedy, best=best, cached_tokens=cached_tokens)


def read_logits(
    torch: Any,
    logits: Any,
    targets: Sequence[tuple[int, tuple[int, ...]]],
    sources: Sequence[Sequence[int]],
) -> list[tuple[list[float], list[tuple[int, float]]]]:
    """From rows of ``logits`` (rows, vocabulary): the log-probabilities of each target's tokens,
    and the most probable tokens in their places, each with its log-probability.

    ``sources`` lists for each target the row that predicts each of its tokens.
    """
    rows = [row for source in sources for row in source]
    tokens = [token for _, target in targets for token in target]
    norm, best, highest = [], [], []
    for begin in range(0, logits.shape[0], _LOGIT_ROWS):
        block = logits[begin : begin + _LOGIT_ROWS].float()
        norm.append(block.logsumexp(-1))
        best.append(block.argmax(-1))
        highest.append(block.gather(-1, best[-1][:, None])[:, 0])
    index = torch.tensor(rows, device=logits.device)
    token = torch.tensor(tokens, device=logits.device)
    norms = torch.cat(norm)[index]
    values = (logits[index, token].float() - norms).tolist()
    top_values = (torch.cat(highest)[index] - norms).tolist()
    tops = list(zip(torch.cat(best)[index].tolist(), top_values, strict=True))
    found, at = [], 0
    for source in sources:
        end = at + len(source)
        found.append((values[at:end], tops[at:end]))
        at = end
    return found

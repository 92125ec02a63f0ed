"""Which texts are scored together: what they share is encoded once.

A group has a prefix that all its contexts share (the few-shot examples, say). Inside a group each
distinct context is a branch, with all its targets behind it. Pure functions over token ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from attrs import define, field, frozen

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.local.prefixes import common_prefix_length

#: tokens that a prefix of its own must save before it is worth a forward pass
MIN_TOKENS_SAVED = 64


@frozen
class Target:
    """Tokens to score; ``index`` says whose they are."""

    index: int
    tokens: tuple[int, ...]


@define
class Branch:
    """A distinct context (all of its tokens) and what may follow it."""

    context: tuple[int, ...]
    targets: list[Target] = field(factory=list)

    def cost(self, shared: int) -> int:
        """Tokens to encode beyond the first ``shared``; a target's last token is never read."""
        return len(self.context) - shared + sum(len(t.tokens) - 1 for t in self.targets)


@frozen
class Pack:
    """What one forward pass scores: branches behind the first ``shared`` tokens of them all."""

    shared: int
    branches: tuple[Branch, ...]

    @property
    def prefix(self) -> tuple[int, ...]:
        return self.branches[0].context[: self.shared]


def pack(pairs: Sequence[Scored], batch_tokens: int) -> list[Pack]:
    """``pairs`` as packs of about ``batch_tokens`` tokens each; one target may exceed it alone."""
    packs: list[Pack] = []
    for shared, branches in _groups(_branches(pairs)):
        waiting: list[Branch] = []
        filled = 0
        for branch in _bounded(branches, shared, batch_tokens):
            cost = branch.cost(shared)
            if waiting and filled + cost > batch_tokens:
                packs.append(Pack(shared, tuple(waiting)))
                waiting, filled = [], 0
            waiting.append(branch)
            filled += cost
        packs.append(Pack(shared, tuple(waiting)))
    return packs


def _branches(pairs: Sequence[Scored]) -> list[Branch]:
    """One branch a distinct context, sorted, so that neighbours share the most."""
    found: dict[tuple[int, ...], Branch] = {}
    for index, pair in enumerate(pairs):
        branch = found.setdefault(pair.context, Branch(pair.context))
        branch.targets.append(Target(index, pair.target))
    return sorted(found.values(), key=lambda branch: branch.context)


def _bounded(branches: Sequence[Branch], shared: int, batch_tokens: int) -> Iterator[Branch]:
    """Branches with many long targets divided, so that a pass keeps to its budget."""
    for branch in branches:
        part = Branch(branch.context)
        for target in branch.targets:
            if part.targets and part.cost(shared) + len(target.tokens) > batch_tokens:
                yield part
                part = Branch(branch.context)
            part.targets.append(target)
        yield part


def _groups(branches: Sequence[Branch]) -> list[tuple[int, Sequence[Branch]]]:
    """Sorted branches divided where a longer common prefix saves enough: (shared, branches).

    Every context keeps at least one token of its own, whose logits predict its targets.
    """
    between = [
        min(common_prefix_length(a.context, b.context), len(a.context) - 1, len(b.context) - 1)
        for a, b in pairwise(branches)
    ]
    found: list[tuple[int, Sequence[Branch]]] = []
    stack = [(0, len(branches), 0)] if branches else []
    while stack:
        begin, end, known = stack.pop()
        if end - begin == 1:
            found.append((known, branches[begin:end]))
            continue
        shared = min(between[begin : end - 1])
        inner = [run for run in _runs(between, begin, end, shared) if _saves(between, run, shared)]
        stack += [(b, e, shared if shared >= MIN_TOKENS_SAVED else 0) for b, e in inner]
        rest = [branches[i] for i in range(begin, end) if not any(b <= i < e for b, e in inner)]
        if rest:
            worth = known or (len(rest) - 1) * shared >= MIN_TOKENS_SAVED
            found.append((shared if worth else 0, rest))
    return found


def _runs(between: Sequence[int], begin: int, end: int, shared: int) -> list[tuple[int, int]]:
    """``begin:end`` divided at every place where neighbours share no more than ``shared``."""
    cuts = [i + 1 for i in range(begin, end - 1) if between[i] <= shared]
    edges = [begin, *cuts, end]
    return list(pairwise(edges))


def _saves(between: Sequence[int], run: tuple[int, int], shared: int) -> bool:
    """Whether a longer prefix of its own would save this run enough tokens."""
    begin, end = run
    if end - begin < 2:
        return False
    return (end - begin - 1) * (min(between[begin : end - 1]) - shared) >= MIN_TOKENS_SAVED

"""Which texts are scored together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.hf.packing import pack

SHOTS = tuple(range(100, 300))


def tokens_encoded(packs):
    """Tokens of forward passes, each distinct prefix counted once."""
    prefixes = {p.prefix for p in packs}
    return sum(map(len, prefixes)) + sum(b.cost(p.shared) for p in packs for b in p.branches)


def test_shots_are_encoded_once_and_contexts_once_for_their_continuations():
    questions = [(*SHOTS, i, i + 1, i + 2) for i in range(20)]
    pairs = [Scored(q, (7, 8, j)) for q in questions for j in range(4)]
    packs = pack(pairs, 10_000)
    assert len(packs) == 1
    assert tokens_encoded(packs) == 200 + 20 * (3 + 4 * 2)


def test_tasks_with_other_shots_are_told_apart():
    other = tuple(range(500, 700))
    pairs = [Scored((*shots, i), (9,)) for shots in (SHOTS, other) for i in range(10)]
    packs = pack(pairs, 10_000)
    assert sorted(p.prefix for p in packs) == [SHOTS, other]


def test_short_common_beginnings_are_not_worth_a_pass():
    pairs = [Scored((1, 2, 10 + i), (3,)) for i in range(5)]
    (only,) = pack(pairs, 100)
    assert only.shared == 0


def test_a_context_that_another_begins_with_keeps_a_token_of_its_own():
    pairs = [Scored(SHOTS, (1,)), Scored((*SHOTS, 5), (2,)), Scored((*SHOTS, 5, 6), (2,))]
    for packed in pack(pairs, 1000):
        assert all(len(branch.context) > packed.shared for branch in packed.branches)


context = st.lists(st.integers(0, 2), min_size=1, max_size=40).map(tuple)
pair = st.builds(
    lambda shots, own, target: Scored(SHOTS[: shots * 80] + own, target),
    st.integers(0, 2),
    context,
    st.lists(st.integers(0, 9), min_size=1, max_size=6).map(tuple),
)


@settings(max_examples=200)
@given(st.lists(pair, max_size=30), st.integers(16, 400))
def test_every_pair_is_scored_once_behind_its_own_context(pairs, budget):
    packs = pack(pairs, budget)
    seen = {}
    for packed in packs:
        for branch in packed.branches:
            assert branch.context[: packed.shared] == packed.prefix
            assert len(branch.context) > packed.shared
            for target in branch.targets:
                assert target.index not in seen
                seen[target.index] = (branch.context, target.tokens)
        cost = sum(branch.cost(packed.shared) for branch in packed.branches)
        single = len(packed.branches) == 1 and len(packed.branches[0].targets) == 1
        assert cost <= budget + 6 or single
    assert seen == {i: (p.context, p.target) for i, p in enumerate(pairs)}

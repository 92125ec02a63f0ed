"""From the scores of instances to one number: every metric on a handful of responses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.metrics import (
    AccuracyMetric,
    BPBMetricByteAvg,
    BPBMetricInstanceAvg,
    CorpusPerplexityMetric,
    F1Metric,
    GreedyAccuracyMetric,
    LogprobMCAccuracyMetric,
    LogprobPerCharMCAccuracyMetric,
    LogprobPerTokenMCAccuracyMetric,
    LogprobUncondMCAccuracyMetric,
    MajorityVoteMetric,
    MeanPerplexityMetric,
    Metric,
    PassAtKMetric,
    PassPowKMetric,
    SubsetAccuracyMetric,
)
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.scorers.likelihood import with_scored_context
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    Response,
    SamplingParams,
)
from olmo_eval.errors import UsageError

ASKED = LMRequest(RequestType.LOGLIKELIHOOD, prompt="?")


def samples(scores: Sequence[float], answers: Sequence[str | None] = ()) -> Response:
    answers = answers or ["x"] * len(scores)
    outputs = tuple(LMOutput(str(a), extracted_answer=a) for a in answers)
    return Response("1", Instance("?"), ASKED, outputs, {"exact_match": tuple(scores)})


def scored_choices(
    texts: Sequence[str], logprobs: Sequence[float], tokens: Sequence[int], gold: int
) -> Response:
    """Two choices (or one); further texts are the unconditional ones."""
    outputs = tuple(
        LMOutput(text, sum_logprob=logprob, num_tokens=n, is_greedy=i == 0)
        for i, (text, logprob, n) in enumerate(zip(texts, logprobs, tokens, strict=True))
    )
    instance = Instance("?", choices=tuple(texts[:2]), metadata={"gold_idx": gold})
    return Response("1", instance, ASKED, outputs)


@pytest.mark.parametrize(("how", "value"), [("mean", 0.5), ("first", 0.0), ("any", 1.0)])
def test_accuracy_says_how_samples_count(how: str, value: float) -> None:
    metric = AccuracyMetric(ExactMatchScorer, over_samples=how)

    assert metric.value(samples([0.0, 1.0])) == value


def test_the_best_of_several_samples_is_not_called_accuracy() -> None:
    assert AccuracyMetric(ExactMatchScorer, over_samples="any").metric_name == "any_of_n"
    assert AccuracyMetric(ExactMatchScorer).key == "accuracy:exact_match"
    assert F1Metric(ExactMatchScorer).key == "f1:exact_match"


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_is_the_share_of_subsets_that_pass(
    passed: list[bool], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(passed)))
    subsets = list(combinations(passed, k))
    response = samples([float(p) for p in passed])

    some = PassAtKMetric(ExactMatchScorer, k=k).value(response)
    every = PassPowKMetric(ExactMatchScorer, k=k).value(response)

    assert some == pytest.approx(sum(any(s) for s in subsets) / len(subsets))
    assert every == pytest.approx(sum(all(s) for s in subsets) / len(subsets))


def test_more_than_the_samples_is_refused() -> None:
    metric = PassAtKMetric(ExactMatchScorer, k=10)

    with pytest.raises(UsageError, match="num_samples is 4") as refusal:
        metric.check(SamplingParams(num_samples=4))
    assert refusal.value.hint is not None
    with pytest.raises(ValueError, match="needs 10 samples"):
        metric.value(samples([1.0] * 4))


@pytest.mark.parametrize(
    ("answers", "scores", "value"),
    [
        (["5", "6", "5"], [1.0, 0.0, 1.0], 1.0),
        (["6", "6", "5"], [0.0, 0.0, 1.0], 0.0),
        (["5", "6"], [1.0, 0.0], 1.0),
        ([None, None, "5"], [0.0, 0.0, 1.0], 1.0),
        ([None, None], [0.0, 0.0], 0.0),
    ],
)
def test_the_majority_answers(answers: list[str | None], scores: list[float], value: float) -> None:
    assert MajorityVoteMetric(ExactMatchScorer).value(samples(scores, answers)) == value


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (LogprobMCAccuracyMetric(), 0.0),
        (LogprobPerCharMCAccuracyMetric(), 1.0),
        (LogprobPerTokenMCAccuracyMetric(), 0.0),
    ],
)
def test_normalisations_disagree(metric: Metric, value: float) -> None:
    # raw: -3 > -4; per character: -4/8 > -3/4; per token: -3/2 > -4/2
    response = scored_choices([" yes", " perhaps"], [-3.0, -4.0], [2, 2], gold=1)

    assert metric.value(response) == value
    assert metric.chance(response) == 0.5


def test_unconditional_accuracy_subtracts_what_is_probable_anyway() -> None:
    metric = LogprobUncondMCAccuracyMetric()
    response = scored_choices(
        [" yes", " no", " yes", " no"], [-1.0, -2.0, -1.0, -9.0], [1] * 4, gold=1
    )

    assert metric.needs_unconditional
    assert metric.value(response) == 1.0
    with pytest.raises(ValueError, match="without its question"):
        metric.value(scored_choices([" yes", " no"], [-1.0, -2.0], [1, 1], gold=1))


def test_a_tie_goes_to_the_first_choice() -> None:
    tie = scored_choices([" a", " b"], [-1.0, -1.0], [1, 1], gold=0)

    assert LogprobMCAccuracyMetric().value(tie) == 1.0


def test_missing_token_counts_are_said() -> None:
    outputs = (LMOutput(" a", sum_logprob=-1.0), LMOutput(" b", sum_logprob=-2.0))
    instance = Instance("?", choices=("a", "b"), metadata={"gold_idx": 0})
    response = Response("1", instance, ASKED, outputs)

    assert LogprobMCAccuracyMetric().value(response) == 1.0
    with pytest.raises(ValueError, match="token counts"):
        LogprobPerTokenMCAccuracyMetric().value(response)


@pytest.mark.parametrize(("gold", "value"), [(0, 1.0), (1, 0.0)])
def test_greedy_accuracy_is_about_the_right_continuation(gold: int, value: float) -> None:
    response = scored_choices(["a", "b"], [-1.0, -1.0], [1, 1], gold)

    assert GreedyAccuracyMetric().value(response) == value


def test_bits_per_byte_is_that_of_the_right_choice() -> None:
    response = scored_choices([" aaa", " b"], [-1.0, -4 * math.log(2)], [3, 1], gold=1)

    assert BPBMetricInstanceAvg().value(response) == pytest.approx(2.0)
    assert BPBMetricByteAvg().value(response) == pytest.approx(2.0)
    assert BPBMetricByteAvg().weight(response) == 2.0
    assert not BPBMetricInstanceAvg().higher_is_better


def test_corpus_perplexity_is_a_weighted_mean_before_exp() -> None:
    metric = CorpusPerplexityMetric()
    responses = [
        scored_choices([" long text"], [-6.0], [3], gold=0),
        scored_choices([" x"], [-1.0], [1], gold=0),
    ]

    weighted = [metric.weight(r) * (metric.value(r) or 0.0) for r in responses]

    assert metric.transform == "exp"
    assert sum(weighted) == pytest.approx(7.0)
    assert sum(map(metric.weight, responses)) == 4.0
    assert MeanPerplexityMetric().value(responses[0]) == pytest.approx(math.exp(2))


def test_no_score_is_no_number() -> None:
    response = Response("1", Instance("?"), ASKED)

    with pytest.raises(ValueError, match="gave no score"):
        AccuracyMetric(ExactMatchScorer).value(response)
    with pytest.raises(ValueError, match="no log-likelihood"):
        BPBMetricInstanceAvg().value(response)


def test_a_metric_wants_a_scorer() -> None:
    with pytest.raises(UsageError, match="expected a scorer"):
        AccuracyMetric("exact_match")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topic::rain", 1.0),
        ("level::3", 1.0),
        ("tags::wet", 1.0),
        ("topic::snow", None),
        ("colour::blue", None),
        ("any::any", 1.0),
    ],
)
def test_the_accuracy_of_a_subset_is_missing_outside_of_it(name: str, value: float | None) -> None:
    known = {"topic": "rain", "level": 3, "tags": ["wet", "grey"]}
    response = Response(
        "1", Instance("?", metadata=known), ASKED, (LMOutput(""),), {"exact_match": (1.0,)}
    )

    assert SubsetAccuracyMetric(scorer=ExactMatchScorer, name=name).value(response) == value


def test_a_subset_has_a_key_and_a_value() -> None:
    with pytest.raises(ValueError, match="key::value"):
        SubsetAccuracyMetric(scorer=ExactMatchScorer, name="topic")


def bits(context: str, text: str, sum_logprob: float, **metadata: str) -> tuple[float, float]:
    """Bits per byte of ``text`` after ``context``, and its weight."""
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt=context, continuations=(text,))
    given = (LMOutput(text, sum_logprob=sum_logprob, num_tokens=1, metadata=metadata),)
    response = Response("1", Instance("?"), request, with_scored_context(request, given))
    value = BPBMetricByteAvg().value(response)
    assert value is not None
    return value, BPBMetricByteAvg().weight(response)


def test_bits_per_byte_divide_by_what_was_scored() -> None:
    """A blank at the end of the context is scored with the continuation: same tokens, same bits."""
    nats = -22.838 * math.log(2)

    assert bits("Answer:", " 7", nats) == (pytest.approx(11.419), 2.0)
    assert bits("Answer: ", "7", nats) == (pytest.approx(11.419), 2.0)
    assert bits("Answer:", " 7", nats, scored_context=":") == (pytest.approx(22.838 / 3), 3.0)
    assert bits("", "7", nats) == (pytest.approx(22.838), 1.0)


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_bits_per_byte_of_nothing_are_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="blank"):
        bits("Answer:", text, -1.0)


@pytest.mark.parametrize("gold", [0, 1])
def test_choices_with_the_same_text_are_one_answer(gold: int) -> None:
    instance = Instance("?", choices=("x", "x", "y"), metadata={"gold_idx": gold})
    outputs = tuple(LMOutput(t, sum_logprob=p) for t, p in ((" x", -1), (" x", -1), (" y", -2)))
    response = Response("1", instance, ASKED, outputs)

    assert LogprobMCAccuracyMetric().value(response) == 1.0
    assert LogprobMCAccuracyMetric().chance(response) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", [LogprobMCAccuracyMetric(), LogprobPerCharMCAccuracyMetric()])
@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf, None])
def test_a_number_that_is_none_is_no_choice(metric: Metric, lost: float | None) -> None:
    outputs = (LMOutput(" a", sum_logprob=lost), LMOutput(" b", sum_logprob=-1.0))
    instance = Instance("?", choices=("a", "b"), metadata={"gold_idx": 0})

    with pytest.raises(ValueError, match="log-probability"):
        metric.value(Response("1", instance, ASKED, outputs))

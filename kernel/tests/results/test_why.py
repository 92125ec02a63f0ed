"""From a number back to everything that it is made of."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results.why import why


def test_a_number_is_walked_back_to_model_data_and_code(bench: Any) -> None:
    run = bench.evaluate("sums", skill=0.6, seed=2, step=300)
    (score,) = run.scores()

    found = why(run, "sums")

    assert found.metric == "accuracy:exact_match" and found.score == score
    assert found.formula.recomputed == pytest.approx(score.value, abs=1e-12)
    assert found.formula.total == found.instances.values["1"]
    assert found.formula.weight == found.instances.n_scored == 40
    assert found.instances.n_clusters == 10
    wrong = found.instance
    assert wrong["instance_id"] == found.instances.lowest[0] and wrong["value"] == 0.0
    assert wrong["request"]["prompt"].startswith("Q: ") and wrong["outputs"][0]["text"]
    assert found.request["spec"] == "sums" and found.request["sampling"]["max_tokens"] == 16
    assert found.model["step"] == 300 and found.model["provider"] == "mock"
    assert found.data["fingerprint"] == run.record["lock"]["tasks"]["sums"]["data"]["fingerprint"]
    assert "olmo_eval.common.scorers.text" in found.code["modules"]
    assert found.code["scorer"] == {"distribution": "olmo-eval", "version": found.code["olmo_eval"]}


def test_a_weighted_and_transformed_score_is_computed_by_its_own_formula(bench: Any) -> None:
    run = bench.evaluate("prose")
    scores = {f"{s.metric}:{s.scorer}": s for s in run.scores()}

    for key, score in scores.items():
        found = why(run, "prose", key)
        assert found.formula.recomputed == pytest.approx(score.value, rel=1e-12)
    assert why(run, "prose", "perplexity_corpus").formula.text.startswith("exp(sum(weight")


def test_missing_instances_are_named_and_are_no_zero(bench: Any) -> None:
    run = bench.evaluate("sums", skill=1.0, faults={"fail": 0.3})

    found = why(run, "sums")

    assert found.instances.missing and found.instances.n_scored < found.instances.n_expected
    assert found.formula.recomputed == 1.0 and found.formula.weight == found.instances.n_scored
    missing = why(run, "sums", instance=found.instances.missing[0]).instance
    assert missing["value"] is None and missing["outcome"] == "infra_failed"


def test_what_there_is_not_is_refused_with_what_there_is(bench: Any) -> None:
    run = bench.evaluate("both", limit=4)

    with pytest.raises(UsageError, match="both is a suite"):
        why(run, "both")
    with pytest.raises(UnknownNameError, match="has no metric 'acuracy'") as metric:
        why(run, "sums", "acuracy")
    with pytest.raises(UnknownNameError, match="no instance 's99'"):
        why(run, "sums", instance="s99")
    assert "accuracy:exact_match" in str(metric.value.hint)


def test_the_command_prints_the_walk_and_its_json(bench: Any) -> None:
    bench.evaluate("sums", skill=0.5, limit=8)

    text = bench.cli("why", "latest", "sums")
    told = bench.cli("why", "latest", "sums", "accuracy", "--json").json

    assert "sum(value) / n = " in text.out and "as recorded" in text.out
    assert "module olmo_eval" in text.out and "fingerprint: " in text.out
    assert told["formula"]["recomputed"] == told["score"]["value"]

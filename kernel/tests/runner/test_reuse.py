"""What was answered once is not asked again; what was not, is. And what ``plan`` says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen

from olmo_eval import plugins
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolSchema,
    Usage,
)
from olmo_eval.providers.mock import MockProvider
from olmo_eval.registry import Owner
from olmo_eval.results.record import request_hash, request_row
from olmo_eval.results.store import Run, open_run

Tables = Callable[[Run], dict[str, Any]]
TALLY = str(Path(__file__).parent.parent / "packs/tally.py")


@frozen
class Desk:
    """A bench with the model of ``packs/tally.py``."""

    bench: Any

    def run(self, *tasks: str, model: str = "tally:a", **settings: Any) -> tuple[Run, int]:
        """The run, and how many requests it made."""
        before = self.asked()
        run = self.bench.evaluate(*tasks, model=model, plugin=[TALLY], **settings)
        return run, self.asked() - before

    def asked(self) -> int:
        log = Path("tally.log")
        return len(log.read_text().splitlines()) if log.exists() else 0

    def plan(self, *arguments: object) -> dict[str, Any]:
        """What ``olmo-eval plan`` says of the model's first task."""
        done = self.bench.cli("plan", "--plugin", TALLY, "-m", "tally:a", *arguments, "--json")
        assert done.code == 0, done.err
        (found,) = done.json
        return {"state": found["state"], **found["tasks"][0]}


@pytest.fixture
def desk(bench: Any) -> Desk:
    return Desk(bench)


def values(run: Run, task: str) -> list[float]:
    return [next(iter(row.values())) for row in run.instances(task)["values"].to_pylist()]


def test_answers_are_reused_across_runs(desk: Desk) -> None:
    first, asked = desk.run("sums")
    assert asked == 40
    second, asked = desk.run("sums", "sums:2shot", name="second")

    assert second.run_id != first.run_id
    assert asked == 40  # the 2-shot prompts
    assert [entry["reused"] for entry in second.record["tasks"]] == [40, 0]
    assert values(second, "sums") == values(first, "sums")
    assert all(second.instances("sums")["reused"].to_pylist())


def test_no_reuse_asks_everything(desk: Desk) -> None:
    desk.run("sums")
    again, asked = desk.run("sums", name="again", reuse=False)

    assert asked == 40
    assert again.record["tasks"][0]["reused"] == 0


def test_a_fresh_run_is_another_run(desk: Desk) -> None:
    first, _ = desk.run("sums")
    same, asked = desk.run("sums")
    fresh, asked_fresh = desk.run("sums", fresh=True, reuse=False)

    assert (same.run_id, asked) == (first.run_id, 0)
    assert fresh.run_id != first.run_id
    assert asked_fresh == 40


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "tally:b"},
        {"harness": {"provider": {"kwargs": {"weights": "other"}}}},
        {"harness": {"provider": {"revision": "v2"}}},
        {"harness": {"provider": {"max_model_len": 128}}},
        {"harness": {"max_total_tokens": 99}},
        {"overrides": ["max_tokens=17"]},
        {"overrides": ["temperature=0.7"]},
        {"overrides": ["formatter.template='{question}'"]},
    ],
    ids=json.dumps,
)
def test_another_model_or_request_never_hits(desk: Desk, settings: dict[str, Any]) -> None:
    desk.run("sums")
    _, asked = desk.run("sums", **settings)

    assert asked == 40


def test_scorers_and_pace_do_not_ask_again(desk: Desk) -> None:
    desk.run("sums")
    _, asked = desk.run("sums", overrides=["metrics=[accuracy:exact_match_flex]"])
    _, asked_faster = desk.run("sums", name="b", harness={"max_concurrency": 2})

    assert (asked, asked_faster) == (0, 0)


def test_samples_are_reused_for_the_same_seed_and_number_only(desk: Desk) -> None:
    desk.run("sums:warm")

    assert desk.run("sums:warm", name="same")[1] == 0
    assert desk.run("sums:warm", name="seed", seed=7)[1] == 40
    assert desk.run("sums:warm", name="number", overrides=["num_samples=3"])[1] == 40


def test_only_what_changed_in_the_data_is_asked(desk: Desk) -> None:
    desk.run("sums")

    def change(rows: list[dict[str, Any]]) -> None:
        rows[3]["question"] = "300 plus 1?"
        rows[4]["answer"] = "asked the same, judged otherwise"

    desk.bench.edit("sums/test.jsonl", change)
    changed, asked = desk.run("sums")

    assert asked == 1
    assert changed.instances("sums").num_rows == 40


def test_damaged_tables_are_not_reused(desk: Desk) -> None:
    first, _ = desk.run("sums")
    (Path(first.location) / "instances/sums.parquet").write_bytes(b"PAR1 or not")

    _, asked = desk.run("sums", name="second")

    assert asked == 40


# -- plan


def test_plan_says_what_then_happens(desk: Desk) -> None:
    for options, overrides in (
        (("-t", "sums", "--limit", 10), {"limit": 10}),
        (("-t", "sums"), {}),
        (("-t", "sums", "--name", "again"), {"name": "again"}),
        (("-t", "sums", "--name", "anew", "--no-reuse"), {"name": "anew", "reuse": False}),
    ):
        planned = desk.plan(*options)
        run, asked = desk.run("sums", **overrides)

        assert planned["asked"] == asked
        assert planned["instances"] == run.instances("sums").num_rows
        assert planned["reused"] == run.record["tasks"][0]["reused"]


class Stop(Exception):
    """Ends a run in its middle."""


class AfterFifteen:
    """Progress that stops a run when fifteen instances are done."""

    def advanced(self, name: str, done: int, score: float | None) -> None:
        if done == 15:
            raise Stop

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def test_what_a_stopped_run_has_is_reused_by_another_command(desk: Desk) -> None:
    with pytest.raises(Stop):
        desk.run("sums", progress=AfterFifteen())
    planned = desk.plan("-t", "sums", "--name", "other")
    other, asked = desk.run("sums", name="other")

    assert asked == planned["asked"] == 25
    assert other.record["tasks"][0]["reused"] == planned["reused"] == 15
    whole, asked = desk.run("sums", name="whole", reuse=False)
    assert asked == 40
    assert values(other, "sums") == values(whole, "sums")


def test_plan_of_a_run_that_was_stopped(desk: Desk) -> None:
    with pytest.raises(Stop):
        desk.run("sums", progress=AfterFifteen())
    planned = desk.plan("-t", "sums")
    _, asked = desk.run("sums")

    assert "would be resumed" in planned["state"]
    assert planned["instances"] == 40
    assert planned["asked"] == asked == 25


def test_plan_of_a_finished_run(desk: Desk) -> None:
    desk.run("sums")
    planned = desk.plan("-t", "sums")

    assert "is complete: nothing would run" in planned["state"]
    assert planned["asked"] == 0
    assert "a new run" in desk.plan("-t", "sums", "--name", "other")["state"]


def test_plan_counts_requests_tokens_and_what_n_can_tell(desk: Desk) -> None:
    planned = desk.plan("-t", "sums:warm")

    assert (planned["instances"], planned["requests"]) == (40, 80)
    assert planned["new_tokens"] == 80 * 16
    assert planned["prompt_tokens"] > 40
    assert 0.1 < planned["mde"] < 0.4
    assert planned["seconds"] is None
    desk.run("sums:warm")
    assert desk.plan("-t", "sums:warm", "--no-reuse", "--name", "x")["seconds"] > 0


# -- scoring again


def test_rescoring_asks_nothing_and_equals_a_run_with_those_scorers(
    desk: Desk, tables: Tables
) -> None:
    first, _ = desk.run("sized")
    wanted = "metrics=[accuracy:exact_match_flex]"
    before = desk.asked()

    done = desk.bench.cli(
        "rescore", "--plugin", TALLY, first.run_id, "-o", wanted, "--name", "again", "--json"
    )

    assert done.code == 0, done.err
    assert desk.asked() == before
    rescored = open_run(done.json[0]["location"])
    direct, _ = desk.run("sized", overrides=[wanted], results="elsewhere")
    assert tables(rescored) == tables(direct)
    assert rescored.record["rescored_from"] == first.run_id
    assert rescored.record["model"]["name"] == first.model
    assert rescored.record["lock"] == direct.record["lock"]
    assert {s.value for s in rescored.scores()} != {s.value for s in first.scores()}


def test_rescoring_finds_each_tasks_own_outputs(desk: Desk, tables: Tables) -> None:
    two_ways = (
        "run", "--plugin", TALLY, "-m", "tally:a", "-t", "sums", "-o", "limit=5",
        "-t", "sums", "-o", "limit=9", "-o", "temperature=0.9", "-o", "num_samples=2", "--json",
    )  # fmt: skip
    (first,) = desk.bench.cli(*two_ways).json
    run = open_run(first["location"])
    done = desk.bench.cli("rescore", "--plugin", TALLY, first["run_id"], "--json")

    assert done.code == 0, done.err
    again = open_run(done.json[0]["location"])
    assert again.task_names == run.task_names
    assert tables(again) == tables(run)


def test_rescoring_keeps_what_was_missing_missing(bench: Any) -> None:
    bench.edit("few/test.jsonl", lambda rows: rows[:2])
    run = bench.evaluate("sums", "sums:few", faults={"fail": 0.3}, results="results")
    done = bench.cli("rescore", run.run_id, "--json")

    assert done.code == 1
    assert "% of the instances have no score (--fail-if-missing 5)" in done.err
    assert bench.cli("rescore", run.run_id, "--fail-if-missing", 100).code == 0
    before = {m["name"]: (m["n_scored"], m["value"]) for m in bench.cli(
        "results", "show", run.run_id, "--json").json["metrics"]}  # fmt: skip
    after = {m["name"]: (m["n_scored"], m["value"]) for m in done.json[0]["metrics"]}
    assert before == after


def test_rescoring_needs_a_finished_run_and_its_tasks(bench: Any) -> None:
    run = bench.evaluate("sums")

    unknown = bench.cli("rescore", run.run_id, "-t", "sms")
    assert (unknown.code, "did you mean sums" in unknown.err) == (2, True)
    path = Path(run.location) / "run.json"
    path.write_text(json.dumps({**run.record, "status": "interrupted"}))
    unfinished = bench.cli("rescore", run.run_id)
    assert unfinished.code == 1
    assert "is interrupted: only finished runs are scored again" in unfinished.err


def test_overrides_from_python_are_recorded_so_that_rescoring_finds_them(desk: Desk) -> None:
    overrides = {"stop_sequences": ["\n\n", "Q:"], "max_length": None, "limit": 12}
    run, _ = desk.run("sums", overrides=overrides)

    assert run.record["tasks"][0]["overrides"] == [
        r'stop_sequences=["\n\n", "Q:"]', "max_length=null", "limit=12",
    ]  # fmt: skip
    done = desk.bench.cli("rescore", "--plugin", TALLY, run.run_id, "--json")
    assert done.code == 0, done.err
    assert done.json[0]["metrics"][0]["n_scored"] == 12


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("temperature=0.7", "sampling"),
        ("formatter.template={question}", "formatter"),
        ("num_fewshot=2", "fewshot"),
        ("max_length=9", "max_length"),
    ],
)
def test_rescoring_cannot_change_what_was_asked(bench: Any, override: str, named: str) -> None:
    run = bench.evaluate("sums")

    refused = bench.cli("rescore", run.run_id, "-o", override)

    assert refused.code == 2
    assert f"sums: scoring again cannot change {named}" in refused.err
    assert "olmo-eval run" in refused.err


def test_rescoring_takes_corrected_answers_but_no_new_questions(desk: Desk) -> None:
    run, _ = desk.run("sums")

    def correct(rows: list[dict[str, Any]]) -> None:
        rows[3]["answer"] = "corrected"
        rows[4]["question"] = "Never asked: 1 plus 1?"

    desk.bench.edit("sums/test.jsonl", correct)
    done = desk.bench.cli("rescore", "--plugin", TALLY, run.run_id, "--json")

    assert done.code == 0, done.err
    again = open_run(done.json[0]["location"])
    rows = {row["instance_id"]: row for row in again.instances("sums").to_pylist()}
    assert rows["s3"]["gold"] == "corrected"
    assert [name for name, row in rows.items() if row["outcome"] != "scored"] == ["s4"]
    assert desk.asked() == 40


# -- replaying


def test_a_run_is_replayed(desk: Desk, tables: Tables) -> None:
    run, _ = desk.run("sums")
    before = desk.asked()
    replayed = desk.bench.evaluate("sums", model=f"replay:{run.run_id}")

    assert desk.asked() == before
    assert values(replayed, "sums") == values(run, "sums")


def test_a_run_is_replayed_from_where_this_ones_results_go(desk: Desk) -> None:
    run, _ = desk.run("sums", results="elsewhere")
    again = desk.bench.evaluate("sums", model="replay:latest", results="elsewhere")

    assert values(again, "sums") == values(run, "sums")
    assert again.model == "replay:latest"
    assert "elsewhere" not in json.dumps(again.record["lock"])


def test_a_file_of_published_outputs_is_scored(bench: Any) -> None:
    rows = [{"instance_id": f"s{n}", "outputs": [str(n + 1)]} for n in range(30)]
    rows += [{"question": "30 plus 1?", "outputs": "31"}]
    rows += [{"instance_id": "nobody", "outputs": ["x"]}]
    bench.write("published.jsonl", rows)

    done = bench.cli(
        "run", "-m", "replay:published.jsonl", "-t", "sums", "--fail-if-missing", 30, "--json"
    )

    assert done.code == 0, done.err
    (score,) = done.json[0]["metrics"]
    assert (score["value"], score["n_scored"], score["n_expected"]) == (1.0, 31, 40)
    assert "no recorded output for 9 (s31, s32" in done.err
    assert "1 (nobody) recorded rows match no instance" in done.err
    notes = open_run(done.json[0]["location"]).record["remarks"]
    assert len(notes) == 2


def test_a_file_of_one_sample_a_row_is_scored(bench: Any) -> None:
    """As the samples of human-eval and EvalPlus are written."""
    rows = [{"task_id": f"s{n}", "completion": "no"} for n in range(40)]
    rows += [{"task_id": f"s{n}", "solution": str(n + 1)} for n in range(20)]
    bench.write("samples.jsonl", rows)

    done = bench.cli(
        "run", "-m", "replay:samples.jsonl", "-t", "sums", "-o", "num_samples=2",
        "--fail-if-missing", 60, "--json",
    )  # fmt: skip

    assert done.code == 0, done.err
    rows = {row["instance_id"]: row for row in open_run(done.json[0]["location"]).rows("sums")}
    assert [one["text"] for one in rows["s3"]["outputs"]] == ["no", "4"]
    assert "1 outputs are recorded and the task wants 2" in rows["s30"]["error"]


def test_samples_of_one_question_answer_one_prompt(bench: Any) -> None:
    rows = [{"task_id": "s1", "completion": "2", "prompt": text} for text in ("1 + 1?", "Sum:")]
    bench.write("samples.jsonl", rows)

    failed = bench.cli("run", "-m", "replay:samples.jsonl", "-t", "sums")

    assert failed.code == 1
    assert "row 2: a sample of 's1' answers another prompt than the one before" in failed.err


def test_outputs_are_matched_by_a_stated_field(bench: Any) -> None:
    bench.write("by_page.jsonl", [{"cluster": n, "outputs": ["41"]} for n in range(10)])
    run = bench.evaluate(
        "sums",
        model="replay:by_page.jsonl",
        harness={"provider": {"kwargs": {"match": "cluster"}}},
    )

    assert run.record["tasks"][0]["outcomes"] == {"scored": 40}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"instance_id": "s1"}, "row 1 has no 'outputs'"),
        ({"outputs": ["1"]}, "row 1 has none of the fields instance_id, task_id"),
        ({"instance_id": "s1", "outputs": [1]}, "'outputs' is not a list of texts"),
        ({"instance_id": "s1", "outputs": ["1"], "logprobs": [1, 2]}, "is not a list of 1 numbers"),
    ],
)
def test_a_malformed_row_of_outputs_is_named(bench: Any, row: dict[str, Any], said: str) -> None:
    bench.write("published.jsonl", [row])

    failed = bench.cli("run", "-m", "replay:published.jsonl", "-t", "sums")

    assert failed.code == 1
    assert f"published.jsonl: {said}" in failed.err or said in failed.err


def test_what_cannot_be_replayed_is_refused(bench: Any) -> None:
    assert bench.cli("run", "-m", "replay:nowhere.jsonl", "-t", "sums").code == 2
    unknown = bench.cli("run", "-m", "replay:2026", "-t", "sums")
    assert (unknown.code, "no run '2026'" in unknown.err) == (2, True)
    assert bench.cli("run", "-m", "replay", "-t", "sums").code == 2


def test_a_replay_answers_only_the_requests_that_were_recorded(desk: Desk) -> None:
    run, _ = desk.run("sums")
    other = desk.bench.cli("run", "-m", f"replay:{run.run_id}", "-t", "sums:2shot")

    assert other.code == 2
    assert "the recorded outputs answer other requests" in other.err
    assert "was recorded with another prompt" in other.err

    bench = desk.bench
    rows = [
        {"instance_id": f"s{n}", "outputs": [str(n + 1)], "prompt": f"Q: {n} plus 1?\nA:"}
        for n in range(40)
    ]
    rows[7]["prompt"] = "Q: 7 plus 2?\nA:"
    bench.write("published.jsonl", rows)
    done = bench.cli("run", "-m", "replay:published.jsonl", "-t", "sums", "--json")
    assert done.json[0]["outcomes"] == {"sums": {"infra_failed": 1, "scored": 39}}
    assert "1 (s7) instances were recorded with another request" in done.err


# -- what an answer keeps


class Recorder(Scorer):
    """Reads what only the provider knows."""

    name = "recorder"

    def score(self, instance: Instance, output: LMOutput) -> float:
        assert output.usage is not None and output.logprobs is not None
        return output.usage.completion_tokens * output.logprobs[0]["logprob"]


class Telling(MockProvider):
    """A mock that tells token log-probabilities and usage."""

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        told = LMOutput(
            "a b",
            finish_reason="stop",
            logprobs=({"token": "a", "logprob": -0.5}, {"token": " b", "logprob": -0.25}),
            usage=Usage(3, 2, 1, 0.5),
        )
        return [told] * params.num_samples


def test_a_kept_answer_is_whole_the_tenth_time_as_the_first(bench: Any) -> None:
    plugins.manager().registries["providers"].add("telling", Telling, Owner("tests"))
    metrics = {"metrics": AccuracyMetric(Recorder())}
    settings: dict[str, Any] = {"model": "telling:a", "overrides": metrics}
    first = bench.evaluate("sums", **settings)
    second = bench.evaluate("sums", name="second", max_cost=1.0, reuse=True, **settings)
    third = bench.evaluate("sums", name="third", **settings)

    assert {s.value for run in (first, second, third) for s in run.scores()} == {-1.0}
    assert third.record["tasks"][0]["reused_from"].popitem()[1] == 40
    assert first.record["usage"]["cost_usd"] == 20.0
    assert third.record["usage"]["cost_usd"] == 0.0  # what was taken over cost nothing


def test_whether_a_tool_must_be_called_is_part_of_a_request() -> None:
    schema = ToolSchema("calculator", "calculates")
    ask = partial(LMRequest, RequestType.CHAT, messages=({"role": "user", "content": "1 + 1"},))
    params = SamplingParams()

    def identity(request: LMRequest) -> str:
        return request_hash(request_row(request), params)

    assert identity(ask(tools=(schema,))) != identity(ask(tools=(schema,), tool_choice="required"))
    assert identity(ask()) == identity(ask(tool_choice="required"))


def test_two_identities_that_begin_alike_are_two_runs(desk: Desk) -> None:
    first, _ = desk.run("sums")
    place = Path(first.location) / "run.json"
    identity = str(first.record["identity"])
    other = identity[:8] + identity[8:][::-1] + "0"
    place.write_text(json.dumps({**first.record, "identity": other}))

    assert desk.run("sums", reuse=False)[0].run_id != first.run_id


def test_a_harness_says_its_system_prompt_once(bench: Any) -> None:
    class Listening(MockProvider):
        heard: ClassVar[list[str | None]] = []

        async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
            self.heard.append(request.system_prompt)
            return await super().generate(request, params)

    plugins.manager().registries["providers"].add("listening", Listening, Owner("tests"))
    run = bench.evaluate("sums", model="listening:a", harness={"system_prompt": "Be brief."})

    assert set(Listening.heard) == {"Be brief."}
    recorded = run.instances("sums", ["request.system_prompt"])["request"].to_pylist()
    assert {row["system_prompt"] for row in recorded} == {"Be brief."}

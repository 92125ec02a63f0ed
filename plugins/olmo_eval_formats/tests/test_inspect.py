"""Logs of Inspect, written by it: see logs/README.md."""

import json
import zipfile

import pytest

from olmo_eval import compare
from olmo_eval.common.types import (
    LimitEvent,
    MessageEvent,
    ReasoningEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from olmo_eval.results.record import row_outputs
from olmo_eval.results.transcripts import transcripts
from olmo_eval_formats.inspect_archive import InspectLog


def scores_in(path):
    """What a log reports: ``scorer metric``, without errors of means."""
    found = {}
    for one in InspectLog(path).header["results"]["scores"]:
        label = one["name"] if one["name"] == one["scorer"] else f"{one['scorer']}/{one['name']}"
        for metric in one["metrics"].values():
            if metric["name"] != "stderr":
                found[f"{metric['name']}:{label}"] = metric["value"]
    return found


NAMES = ["plain-sums.eval", "plain-sums.json", "letters.eval", "helper.eval", "limited.eval"]


@pytest.mark.parametrize("name", [*NAMES, "stumbling.eval"])
def test_every_score_is_that_of_the_log(desk, logs, name):
    (run,) = desk.take(logs / "inspect" / name)

    found = {key.partition(" ")[2]: value for key, value in desk.values(run).items()}
    assert found == pytest.approx(scores_in(logs / "inspect" / name))
    assert run.record["imported_from"]["version"] == "0.3.285"


def test_epochs_are_the_outputs_of_an_instance(desk, logs):
    (run,) = desk.take(logs / "inspect/plain-sums.eval")

    rows = {row["instance_id"]: row for row in run.rows("plain_sums")}
    assert list(rows) == ["s0", "s1", "s2", "s3"]
    assert [rows[i]["values"]["accuracy:match"] for i in rows] == [1.0, 0.5, 0.5, 0.0]
    assert rows["s1"]["scores"]["match"] == [1.0, 0.0]
    assert json.loads(rows["s1"]["metadata"]) == {"id": "s1", "level": 1}
    first, second = row_outputs(rows["s1"])
    assert (first.text, second.text) == ("2", "0")
    assert first.usage.prompt_tokens == 7 and first.trajectory is None
    (one, _) = transcripts(run, "plain_sums", ["s1"])
    assert [m["role"] for m in one.messages] == ["system", "user"]
    assert one.evidence["length"]["explanation"] == "its length"


def test_an_agent_s_turns_come_with_times_tokens_and_thoughts(desk, logs):
    (run,) = desk.take(logs / "inspect/helper.eval")

    (one,) = transcripts(run, "helper")
    kinds = [type(event) for event in one.events]
    assert kinds == [
        MessageEvent,
        ToolCallEvent,
        ToolResultEvent,
        ReasoningEvent,
        MessageEvent,
        MessageEvent,
        MessageEvent,
    ]
    said = [e for e in one.events if isinstance(e, MessageEvent)]
    assert [e.role for e in said] == ["assistant", "assistant", "user", "assistant"]
    assert said[2].text == "Are you sure?"
    assert said[0].usage.completion_tokens == 3
    assert one.events[1].call.get_arguments() == {"x": 2, "y": 3}
    assert one.events[2].result.content == "5"
    assert one.events[2].seconds > 0 and one.events[2].start > 0
    assert one.usage.prompt_tokens == 21
    assert [tool["function"]["name"] for tool in one.tools] == ["add"]
    assert sum(1 for _ in run.turns("helper")) == 7


def test_a_sample_that_failed_is_missing_and_one_at_its_limit_is_scored(desk, logs):
    stumbling, limited = desk.take(logs / "inspect/stumbling.eval", logs / "inspect/limited.eval")

    rows = {row["instance_id"]: row for row in stumbling.rows("stumbling")}
    assert (rows["s1"]["outcome"], rows["s1"]["values"]["accuracy:match"]) == ("infra_failed", None)
    assert "out of cheese" in rows["s1"]["error"]
    assert stumbling.status == "incomplete"
    (one,) = transcripts(limited, "limited")
    assert (one.outcome, one.stop_reason) == ("limit_reached", "max_turns")
    assert any(isinstance(event, LimitEvent) for event in one.events)


def test_two_logs_of_one_task_are_compared(desk, logs):
    runs = desk.take(logs / "inspect/plain-sums.eval", logs / "inspect/plain-sums.json")

    code, _, err = desk.ended("compare", *(run.run_id for run in runs))
    assert code == 2 and "sampling" in err  # two epochs against one

    (row,) = compare(*runs, allow_different=["sampling"]).tasks
    assert (row.score_a, row.score_b, row.verdict.n) == (0.5, 0.75, 4)


def test_what_is_assumed_and_left_behind_is_said(desk, logs):
    printed = desk.cli("results", "import", logs / "inspect/plain-sums.eval")

    assert "does not say whether more of mean is better" in printed
    assert "left behind: events of the type 'state' (16)" in printed
    (run,) = desk.take(logs / "inspect/plain-sums.eval", "--lower-is-better", "mean:length")
    better = {m["key"]: m["higher_is_better"] for m in run.task_record("plain_sums")["metrics"]}
    assert better["mean:length"] is False and better["mean:manner/kind"] is True


def test_a_damaged_archive_is_refused_by_name(desk, logs, tmp_path):
    data = bytearray((logs / "inspect/letters.eval").read_bytes())
    with zipfile.ZipFile(logs / "inspect/letters.eval") as archive:
        entry = next(i for i in archive.infolist() if i.filename.startswith("samples/"))
    data[entry.header_offset + 400] ^= 0xFF
    (tmp_path / "broken.eval").write_bytes(data)

    code, _, err = desk.ended("results", "import", tmp_path / "broken.eval")

    assert code == 1 and "broken.eval: samples/" in err and "cannot be read" in err
    assert desk.cli("results", "list").startswith("no runs")


def test_a_log_that_was_cut_short_has_what_it_has(desk, logs, tmp_path):
    """As Inspect leaves it when it is killed: no header, no summaries, some samples."""
    source = InspectLog(logs / "inspect/letters.eval")
    with zipfile.ZipFile(tmp_path / "cut.eval", "w") as archive:
        begun = {"version": 2, "eval": source.header["eval"], "plan": source.header["plan"]}
        archive.writestr("_journal/start.json", json.dumps(begun))
        sample = source._entry("samples/sky_epoch_1.json")
        archive.writestr("samples/sky_epoch_1.json", json.dumps(sample))

    (run,) = desk.take(tmp_path / "cut.eval")

    assert (run.status, run.record["error"]) == ("incomplete", "it was started")
    (score,) = run.scores()
    assert (score.value, score.n_scored, score.n_expected) == (1.0, 1, 2)

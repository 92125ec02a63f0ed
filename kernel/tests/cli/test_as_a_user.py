"""What a person reads: every number with what it needs to be understood."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.cli.table import table

ODD = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.evals.suites import Suite, register as register_suite


class Sometimes(ExactMatchScorer):
    name = "sometimes"

    def score(self, instance, output):
        if int(instance.metadata["id"]) % 3 == 0:
            raise ValueError("no\\nidea \\x1b[31m")
        return 1.0


class Mute(AccuracyMetric):
    name = "mute"

    def value(self, *args, **kwargs):
        return None


class Numbers(Task):
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)
    n = 9

    @property
    def instances(self):
        for i in range(self.n):
            yield Instance(question=f"{i}?", gold_answer=str(i), metadata={"id": str(i)})


register("plain")(type("Plain", (Numbers,), {}))
register("sometimes")(type("Often", (Numbers,), {"metrics": (AccuracyMetric(scorer=Sometimes),)}))
register("mute")(type("Silent", (Numbers,), {"metrics": (Mute(scorer=ExactMatchScorer),)}))
register("none")(type("Nothing", (Numbers,), {"n": 0}))
register_suite(Suite(name="hollow", tasks=()))
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd täsks.py"
    path.write_text(ODD)
    return path


def test_a_comparison_says_what_neither_run_has(bench: Any, odd: Path) -> None:
    run = ("run", "--plugin", odd, "-t", "sometimes", "--fail-if-missing", "50", "-m")
    assert bench.cli(*run, "mock").code == 0
    assert bench.cli(*run, "mock:other").code == 0

    found = bench.cli("compare", "model=mock", "model=mock:other")

    assert "note: sometimes: left out for want of a score: 3 questions in A, 3 in B" in found.out
    row = bench.cli("compare", "model=mock", "model=mock:other", "--json").json["tasks"][0]
    assert (row["missing_a"], row["missing_b"], row["verdict"]["n"]) == (3, 3, 6)


def test_a_run_compared_with_itself_is_noticed(bench: Any) -> None:
    bench.cli("run", "-m", "mock", "-t", "sums")

    assert "note: A and B are the same run" in bench.cli("compare", "latest", "latest").out


def test_questions_that_flipped_are_counted_for_what_they_are(bench: Any) -> None:
    for skill in (0.3, 0.9):
        chosen = ("-o", f"provider.kwargs.skill={skill}", "--name", skill)
        bench.cli("run", "-m", "mock", "-t", "sums", *chosen)
    compare = ("compare", "name=0.3", "name=0.9", "-n", "1", "--show")
    wins, losses, _ = re.findall(r"(\d+)/(\d+)/(\d+)", bench.cli(*compare, "all").out)[0]

    better, worse = f"{wins} questions on which B is better", f"{losses} questions on which B is w"
    assert f"sums: {better}, the largest difference first" in bench.cli(*compare, "improved").out
    assert f"sums: {worse}" in bench.cli(*compare, "regressed").out


def test_a_score_says_when_less_is_more(bench: Any) -> None:
    assert "lower is better: bits_per_byte" in bench.cli("run", "-m", "mock", "-t", "prose").out
    assert "lower is better: bits_per_byte" in bench.cli("compare", "latest", "latest").out
    assert "lower is better" not in bench.cli("run", "-m", "mock", "-t", "sums").out


def test_how_instances_ended_is_said_where_it_matters(bench: Any, odd: Path) -> None:
    cut = ("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.faults.truncate=0.5")
    assert re.search(r"outcomes of sums: \d+ scored, \d+ truncated", bench.cli(*cut).out)

    mute = bench.cli("run", "--plugin", odd, "-m", "mock", "-t", "mute")
    assert mute.code == 1
    assert "missing in mute: 9 have no value of mute" in mute.out


def test_a_running_score_says_what_it_lacks(bench: Any, odd: Path) -> None:
    shown = bench.cli("run", "--plugin", odd, "-m", "mock", "-t", "sometimes")

    assert "sometimes: finished 9" in shown.err
    assert "sometimes: 3 of 9 have no score" in shown.err
    assert "(sometimes: ValueError: no idea \\u001b[31m)" in shown.out
    assert "mend the scorer and run the same command" in shown.out
    assert "try the failed ones again" not in shown.out


def test_an_interval_ends_where_scores_do(bench: Any) -> None:
    run = bench.evaluate("both", limit=3)

    for score in run.scores():
        assert 0 <= score.ci_low <= score.value <= score.ci_high <= 1, score


def test_speed_has_units_and_leaves_out_what_was_not_timed(bench: Any) -> None:
    import json

    bench.cli("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.latency=0.01")
    path = next(Path("results/runs").glob("2*/lock.json"))
    record = json.loads(path.read_text())
    record["sessions"].insert(
        0, {"started": record["sessions"][0]["started"], "argv": []}
    )  # one was killed
    record["sessions"][1]["answered"] = 10
    path.write_text(json.dumps(record))

    shown = bench.cli("results", "metrics", "latest")
    assert re.search(r"load +\S+ s\n +evaluate +\S+ s\n", shown.out)
    assert re.search(r"latency +p50 \S+ s, p90 \S+ s, p99 \S+ s", shown.out)
    measured = bench.cli("results", "metrics", "latest", "--json").json
    assert measured["instances_per_second"] == pytest.approx(10 / measured["evaluate"])

    bench.cli(
        "run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.latency=0.01", "--name", "b"
    )
    assert re.search(r"instances per second +-\n", bench.cli("results", "metrics", "name=b").out)


def test_numbers_of_instances_are_checked(bench: Any) -> None:
    for wrong in (("-n", "0"), ("-n", "-1"), ("-s", "-1")):
        assert bench.cli("task", "inspect", "sums", *wrong).code == 2


def test_a_list_of_runs_tells_none_from_no_match(bench: Any) -> None:
    assert "no runs in results" in bench.cli("results", "list").out
    bench.cli("run", "-m", "mock", "-t", "sums")
    assert "no run in results matches" in bench.cli("results", "list", "--group", "x").out


def test_a_name_means_one_thing(bench: Any, odd: Path) -> None:
    clash = bench.folder / "clash.py"
    clash.write_text(
        "from olmo_eval.evals.suites import Suite, register\n"
        "register(Suite(name='sums', tasks=('plain',)))\n"
    )
    run = ("run", "--plugin", odd, "--plugin", clash, "-m", "mock", "-t")

    for name in ("sums", "both"):  # of which sums is a member
        refused = bench.cli(*run, name)
        assert refused.code == 2
        assert "'sums' is a suite of clash.py and a task of sums.py" in refused.err
    listed = bench.cli("suites", "--plugin", clash)
    assert listed.code == 0
    assert re.search(r"^both +sums.py \S+ +- ", listed.out, re.MULTILINE)
    assert "note: sums.py:both: 'sums' is a suite of clash.py and a task of sums.py" in listed.err
    assert bench.cli(*run, "clash.py:sums").code == 0
    assert bench.cli(*run, "sums.py:sums").code == 0


def test_what_is_empty_is_refused_and_named(bench: Any, odd: Path) -> None:
    run = ("run", "--plugin", odd, "-m", "mock", "-t")

    assert "suite 'hollow' has no members" in bench.cli(*run, "hollow").err
    assert "task 'none' has no instances\n" in bench.cli(*run, "none").err


def test_settings_that_contradict_each_other_are_refused(bench: Any) -> None:
    run = ("run", "-m", "mock", "-t", "sums", "-o")

    refused = bench.cli(*run, "provider.kind=replay")
    assert refused.code == 2
    assert "'provider.kind=replay' contradicts -m mock" in refused.err
    assert bench.cli(*run, "provider.kind=mock").code == 0


def test_a_hint_leads_from_what_was_written_to_what_was_meant(bench: Any) -> None:
    bench.cli("run", "-m", "mock:step7", "-t", "sums")

    assert "model=mock:step7,latest" in bench.cli("results", "show", "mock:step7").err
    assert "`olmo-eval suite inspect both`" in bench.cli("task", "inspect", "both").err
    Path(next(Path("results/runs").glob("2*/metrics.parquet"))).write_text("torn")
    assert "--fresh makes the run anew" in bench.cli("results", "show", "latest").err


def test_python_shows_hints_too(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from olmo_eval.errors import MissingDependencyError, UnknownNameError

    with pytest.raises(UnknownNameError) as unknown:
        bench.evaluate("sms")
    assert unknown.value.__notes__[0].startswith("did you mean sums")
    run = bench.evaluate("sums")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pandas") as missing:
        run.to_pandas()
    assert missing.value.hint == "pip install 'olmo-eval[pandas]'"


def test_plan_tells_other_settings_from_other_tasks(bench: Any) -> None:
    bench.cli("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.skill=0.5")

    assert "earlier runs had other weights" in bench.cli("plan", "-m", "mock", "-t", "sums").out
    assert "no earlier run of this model" in bench.cli("plan", "-m", "mock", "-t", "pick").out


WIDE = [["ab", "1"], ["äb", "20"], ["中文", "3"], ["e\u0301", "400"], ["[bold]:x:[/]", ""]]


def test_tables_keep_their_columns_whatever_they_hold(capsys: pytest.CaptureFixture[str]) -> None:
    table([("name", "left"), ("n", "right")], WIDE)

    assert capsys.readouterr().out.splitlines() == [
        "name            n",
        "------------  ---",
        "ab              1",
        "äb             20",
        "中文            3",  # two columns each
        "e\u0301             400",  # the accent takes none
        "[bold]:x:[/]",
    ]


def test_tables_in_markdown_say_on_which_side_cells_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table([("name", "left"), ("n", "right")], [["a", "1"]], markdown=True)

    assert capsys.readouterr().out == "| name | n |\n|------|--:|\n| a    | 1 |\n"


def test_a_row_stands_on_one_line_however_long_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    table([("name", "left"), ("n", "right")], [["long " * 100, "1"]], folding=["name"])

    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_matrix_says_how_many_questions(bench: Any) -> None:
    for name in "abc":
        bench.cli("run", "-m", f"mock:{name}", "-t", "sums", "-t", "prose")

    shown = bench.cli("compare", *(f"model=mock:{name}" for name in "abc")).out
    assert "column minus row on 40 questions" in shown
    assert "lower is better: bits_per_byte" in shown


def test_a_plugin_file_is_loaded_once_and_never_stale(bench: Any) -> None:
    from olmo_eval.errors import UsageError

    made = [bench.folder / name / "tasks.py" for name in ("one", "two")]
    for path, name in zip(made, ("first", "second"), strict=True):
        path.parent.mkdir()
        path.write_text(ODD.split("register(")[0] + f"register({name!r})(Numbers)\n")
    for path, name in zip(made * 2, ("first", "second") * 2, strict=True):
        assert bench.evaluate(name, plugin=[str(path)]).record["status"] == "complete"

    made[0].write_text(made[0].read_text().replace("n = 9", "n = 8"))
    with pytest.raises(UsageError, match="has changed since this process loaded it"):
        bench.evaluate("first", plugin=[str(made[0])])


def test_a_template_that_names_nothing_is_noticed(bench: Any) -> None:
    run = ("run", "-m", "mock", "-t", "sums", "--dry-run", "-o")

    wrong = bench.cli(*run, "formatter.template=Q: {qestion}")
    assert "]: {qestion} of 'formatter.template=Q: {qestion}' stands in the" in wrong.err
    assert "note" not in bench.cli(*run, "formatter.template=Q: {question} {}").err

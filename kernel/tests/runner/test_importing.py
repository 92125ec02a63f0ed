"""Runs of other programs in the store: their scores, their lock, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare, plugins
from olmo_eval.results.store import Store

PACK = Path(__file__).parent.parent / "packs/diary.py"


@pytest.fixture
def diary(bench: Any) -> Any:
    """Writes a log and imports it."""
    plugins.manager().load(str(PACK))

    def take(*arguments: object, name: str = "one", **told: Any) -> Any:
        content = {
            "model": "m",
            "metrics": [{"name": "right", "higher_is_better": True, "bounds": [0, 1]}],
            "values": [{"right:me": float(n % 2)} for n in range(8)],
            **told,
        }
        Path(f"{name}.diary").write_text(json.dumps(content))
        return bench.cli("results", "import", f"{name}.diary", *arguments)

    return take


def latest() -> Any:
    return Store("results").runs()[-1]


def test_an_imported_run_is_like_any_other(diary: Any, bench: Any) -> None:
    printed = diary("--group", "g", "--name", "n", "--step", 7, doodles=3)

    assert printed.code == 0 and "left behind: doodles (3)" in printed.out
    run = latest()
    assert (run.facts.kind, run.facts.group, run.facts.step, run.status) == (
        "import", "g", 7, "complete"
    )  # fmt: skip
    (score,) = run.scores()
    assert (score.value, score.n_scored) == (0.5, 8) and score.ci_low < 0.5 < score.ci_high
    assert run.record["imported_from"]["losses"] == {"doodles": 3}
    assert run.record["lock"]["source"]["files"][0]["name"] == "one.diary"
    assert run.record["plugins"]["importers"]["diary"]["distribution"].startswith(str(PACK.name))
    assert not Path(run.location, "journal").exists()
    assert "m" in bench.cli("results", "list", "--group", "g").out
    assert bench.cli("results", "instances", "latest", "-n", 1).code == 0
    assert bench.cli("results", "metrics", "latest").code == 0


def test_imported_runs_are_compared_unless_they_differ_in_what_they_are(diary: Any) -> None:
    diary(inputs={"sampling": {"t": 0}})
    diary(inputs={"sampling": {"t": 0}}, name="two", values=[{"right:me": 1.0}] * 8)
    diary(inputs={"sampling": {"t": 1}}, name="three")
    a, b, c = Store("results").runs()

    (row,) = compare(a, b).tasks
    assert (row.verdict.wins, row.verdict.losses, row.verdict.ties) == (4, 0, 4)
    with pytest.raises(Exception, match="diary: sampling differ"):
        compare(a, c)


def test_a_missing_value_is_missing(diary: Any) -> None:
    printed = diary(values=[{"right:me": 1.0}, {"right:me": None}])

    assert "1 of 2" in printed.out and "0.5000 to 1.0000" in printed.out
    assert latest().status == "incomplete"


def test_what_the_log_reports_stands_where_instances_do_not_make_it(diary: Any) -> None:
    metrics = [{"name": "right", "reported": 0.5}, {"name": "corpus", "reported": 0.25}]
    printed = diary(metrics=metrics, values=[{"right:me": float(n % 2)} for n in range(4)])

    right, corpus = latest().scores()
    assert (right.value, corpus.value) == (0.5, 0.25)
    assert right.stderr is not None and corpus.stderr is None
    assert "whether more of right is better" in printed.out
    assert "no mean of its instances' values" in printed.out


def test_a_value_that_is_not_what_the_log_reports_is_not_compared(diary: Any) -> None:
    diary(metrics=[{"name": "right", "higher_is_better": True, "reported": 0.9}])
    run = latest()

    assert run.scores()[0].value == 0.9
    with pytest.raises(Exception, match="cannot be paired"):
        compare(run, run)


def test_weights_and_transforms_are_those_of_metrics(diary: Any) -> None:
    metric = {"name": "ppl", "higher_is_better": False, "transform": "exp"}
    diary(metrics=[metric], values=[{"ppl:me": 0.0}, {"ppl:me": 2.0}])

    (score,) = latest().scores()
    assert score.value == pytest.approx(2.718281828) and not score.higher_is_better


def test_options_say_what_the_log_does_not(diary: Any) -> None:
    metrics = [{"name": "right"}, {"name": "loss"}]
    values = [{"right:me": 1.0, "loss:me": 0.5}] * 2
    diary("--lower-is-better", "loss", "--primary", "loss", metrics=metrics, values=values)

    first, second = latest().scores()
    assert (first.metric, first.primary, first.higher_is_better) == ("loss", True, False)
    assert (second.metric, second.higher_is_better) == ("right", True)
    wrong = diary("--lower-is-better", "lost", metrics=metrics, values=values, name="two")
    assert wrong.code == 2 and "no metric 'lost'" in wrong.err and "loss" in wrong.err


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"ids": ["a", "a"]}, "two instances have the id 'a'"),
        ({"values": [{"wrong:me": 1.0}]}, "'wrong:me', which is none of the task's metrics"),
    ],
)
def test_a_log_that_is_wrong_leaves_nothing(diary: Any, told: Any, complaint: str) -> None:
    printed = diary(**{"values": [{"right:me": 1.0}] * 2, **told})

    assert printed.code == 1 and complaint in printed.err
    assert Store("results").runs() == []
    assert not [p for p in Path("results/runs").iterdir() if not p.name.startswith(".")]


def test_what_was_imported_is_found_again(diary: Any) -> None:
    assert diary().out != diary().out and "imported before" in diary().out
    assert len(Store("results").runs()) == 1
    diary("--fresh")
    diary("--group", "other")
    assert len(Store("results").runs()) == 3


def test_an_exporter_of_a_plugin_writes_transcripts(diary: Any, bench: Any) -> None:
    diary()

    printed = bench.cli(
        "results", "transcript", "latest", "--format", "shout", "-o", "out/said.jsonl"
    )

    assert (
        printed.out == "8 transcripts written to out/said.jsonl\n  no place for: lower case (8)\n"
    )
    assert Path("out/said.jsonl").read_text() == '{"said":"YES"}\n' * 8
    assert (
        "diary" in bench.cli("importers").out
        and "Answers in capitals" in bench.cli("exporters").out
    )
    assert bench.cli("results", "import", "out/said.jsonl").code == 2


def test_secrets_of_a_log_are_not_kept(diary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret-value")
    diary(model="m", inputs={"arguments": {"note": "uses sk-very-secret-value"}})

    folder = Path(latest().location)
    assert not [p for p in folder.rglob("*") if p.is_file() and b"very-secret" in p.read_bytes()]


@pytest.mark.engine
def test_a_store_at_a_url_takes_imports(
    s3: Any, bench: Any, diary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="evals")
    monkeypatch.setenv("OLMO_EVAL_RESULTS", "s3://evals/r")

    assert diary().code == 0 and "imported before" in diary().out

    (run,) = Store("s3://evals/r").runs()
    assert (run.status, run.scores()[0].value) == ("complete", 0.5)
    kept = bench.cli("results", "prune", "--model", "m", "--yes")
    assert "1 run removed" in kept.out and Store("s3://evals/r").runs() == []

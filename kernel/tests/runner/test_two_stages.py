"""Answers first, scores second: what waits for what, and what happens again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results import journal
from olmo_eval.results.store import Run, Store

PACK = str(Path(__file__).parent.parent / "packs/grading.py")
JUDGE = {
    "judges": {"judge": {"kind": "moody", "provider": "judge"}},
    "auxiliary_providers": {"judge": {"kind": "mock", "model": "mock"}},
}


@pytest.fixture
def run(bench: Any) -> Callable[..., Run]:
    def make(*tasks: str, **settings: Any) -> Run:
        made: Run = bench.evaluate(*tasks, model="asked:x", plugin=[PACK], **settings)
        return made

    return make


def lines(name: str) -> list[str]:
    path = Path(name)
    return path.read_text().splitlines() if path.exists() else []


def outcomes(made: Run, task: str) -> dict[str, int]:
    return dict(Counter(made.instances(task)["outcome"].to_pylist()))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start(bench: Any, *arguments: str) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = bench.start("run", "--plugin", PACK, *arguments)
    return process


def test_a_slow_scorer_does_not_hold_the_engine(bench: Any) -> None:
    process = start(bench, "-m", "asked:x", "-t", "waited", "-o", "scoring_concurrency=2")

    wait_until(lambda: len(lines("asked.log")) == 40)  # with 4 places in the engine, and no score
    assert not lines("scored.log")
    Path("go").touch()
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    (made,) = Store("results").runs()
    assert outcomes(made, "waited") == {"scored": 40}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_answers_that_were_not_scored_are_not_asked_again(bench: Any, number: int) -> None:
    command = ("-m", "asked:x", "-t", "waited", "-o", "scoring_concurrency=2")
    process = start(bench, *command)
    wait_until(lambda: len(lines("asked.log")) == 40)
    time.sleep(0.2)  # the last answers are on their way to the journal
    process.send_signal(number)
    Path("go").touch()
    process.communicate(timeout=60)
    assert process.returncode in (-number, 130)

    again = bench.command("run", "--plugin", PACK, *command)

    assert again.code == 0, again.err
    assert "are answered and yet to be scored" in again.err
    assert len(lines("asked.log")) == 40
    (made,) = Store("results").runs()
    assert outcomes(made, "waited") == {"scored": 40}


def test_a_judge_that_was_down_is_asked_again_and_the_model_is_not(run: Any) -> None:
    Path("down").touch()
    failed = run("judged", harness=JUDGE)
    assert outcomes(failed, "judged") == {"judge_failed": 40}
    assert failed.status == "incomplete"
    Path("down").unlink()

    made = run("judged", harness=JUDGE)

    assert made.run_id == failed.run_id and made.status == "complete"
    assert outcomes(made, "judged") == {"scored": 40}
    assert len(lines("asked.log")) == 40


def test_a_judge_that_stays_down_is_not_waited_for_again_and_again(run: Any) -> None:
    Path("down").touch()
    failed = run("judged", harness={**JUDGE, "scoring_concurrency": 1})

    assert len(lines("asked.log")) == 40  # the model is asked on
    assert len(lines("judged.log")) == 20
    errors = failed.instances("judged")["error"].to_pylist()
    assert sum("not tried, as 20 in a row failed" in error for error in errors) == 20


def test_a_judge_that_is_down_keeps_no_other_task_from_its_scores(run: Any) -> None:
    Path("down").touch()
    Path("go").touch()
    made = run("judged", "waited", harness={**JUDGE, "scoring_concurrency": 1})

    assert outcomes(made, "judged") == {"judge_failed": 40}
    assert outcomes(made, "waited") == {"scored": 40}


def test_a_judges_reply_is_kept_beside_its_output(run: Any) -> None:
    made = run("judged", harness=JUDGE)

    (row, *_) = made.rows("judged")
    (output,) = row["outputs"]
    assert output["metadata"] is None
    (kept,) = json.loads(output["evidence"]).values()
    assert "right" in str(kept)


def test_what_was_scored_alike_is_not_scored_again(run: Any) -> None:
    run("judged", harness=JUDGE, limit=10)
    assert len(lines("judged.log")) == 10

    made = run("judged", harness=JUDGE)

    assert (len(lines("asked.log")), len(lines("judged.log"))) == (40, 40)
    assert outcomes(made, "judged") == {"scored": 40}
    kept = [json.loads(row["outputs"][0]["evidence"]) for row in made.rows("judged")]
    assert len(kept) == 40 and all(kept)


def test_another_judge_scores_the_same_answers_anew(run: Any) -> None:
    run("judged", harness=JUDGE)
    other = {**JUDGE, "auxiliary_providers": {"judge": {"kind": "mock", "model": "other"}}}
    run("judged", harness=other)

    assert (len(lines("asked.log")), len(lines("judged.log"))) == (40, 80)


def test_a_kept_answer_is_complete(run: Any) -> None:
    for name in ("first", "second", "third"):
        made = run("read", name=name, reuse=True)
        assert outcomes(made, "read") == {"scored": 40}
    assert (len(lines("asked.log")), len(lines("scored.log"))) == (40, 40)

    (sample, *_) = made.rows("read")
    assert json.loads(sample["outputs"][0]["usage"])["prompt_tokens"] == 7
    assert sample["prompt_tokens"] is None  # it cost this run nothing


def test_a_rescore_scores_again(run: Any, bench: Any) -> None:
    made = run("read")
    done = bench.cli("rescore", "--plugin", PACK, made.run_id)

    assert done.code == 0, done.err
    assert len(lines("scored.log")) == 80
    assert len(lines("asked.log")) == 40


def test_scorers_that_compute_have_processes_of_their_own(run: Any) -> None:
    made = run("computed")

    errors = {r["instance_id"]: r["error"] for r in made.rows("computed") if r["error"]}
    assert errors["s3"] == "computes: took longer than 0.5 s"
    assert "SystemExit" in errors["s4"] or "sys.exit" in errors["s4"]
    assert "ended its process" in errors["s5"]
    assert set(errors) == {"s3", "s4", "s5"}
    assert len(lines("pids.log")) == 37
    assert str(os.getpid()) not in lines("pids.log")


def test_a_script_that_evaluates_is_not_run_by_its_workers(bench: Any) -> None:
    script = bench.folder / "train.py"
    script.write_text(
        "from pathlib import Path\n"
        "from olmo_eval import evaluate\n"
        "with Path('begun.log').open('a') as log:\n"
        "    log.write('begun\\n')\n"
        f"run = evaluate('asked:x', 'computed', plugin=[{PACK!r}], limit=2)\n"
        "print(run.status, __file__)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=bench.folder, capture_output=True, text=True, timeout=120
    )

    assert done.stdout.split()[1:] == [str(script)], done.stderr
    assert lines("begun.log") == ["begun"]


def test_the_journal_keeps_an_answer_and_its_score_as_two_records(run: Any) -> None:
    Path("down").touch()
    made = run("judged", harness=JUDGE, limit=3)

    path = Path(made.location) / "journal/records.jsonl"
    kinds = Counter(row["kind"] for _, _, row in journal.read(path) if row is not None)
    assert kinds == {"answer": 3, "score": 3}


@pytest.mark.parametrize("lost", ["lock.json", "answers/read.parquet", "instances/read.parquet"])
def test_a_run_that_cannot_be_read_lends_nothing(run: Any, lost: str) -> None:
    first = run("read", name="first")
    (Path(first.location) / lost).write_bytes(b"damaged")

    made = run("read", name="second")

    assert made.status == "complete"
    assert len(lines("asked.log")) == 80

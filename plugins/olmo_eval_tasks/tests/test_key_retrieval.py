"""The external eval key_retrieval: its lists, and a whole run of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.cli.main import main
from olmo_eval.errors import UsageError
from olmo_eval.results.store import Store
from olmo_eval_tasks.external.key_retrieval import questions


def test_every_question_can_be_answered_from_its_list() -> None:
    made = list(questions(pairs=50, n=20, seed=1))

    for question in made:
        key = question.prompt.rsplit("\n", 1)[1].rstrip(":")
        assert question.prompt.split("\n\n")[0].count(f"{key}: {question.value}") == 1
    assert [q.place for q in made] == sorted(q.place for q in made)
    assert made == list(questions(pairs=50, n=20, seed=1))
    assert made != list(questions(pairs=50, n=20, seed=2))


def test_impossible_lists_are_refused() -> None:
    with pytest.raises(UsageError, match="not 0, 5"):
        list(questions(pairs=0, n=5, seed=0))


def test_a_run_lands_in_the_usual_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["external", "run", "key_retrieval", "-m", "mock", "-a", "pairs=[5, 9]"]

    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-a", "questions=4", "--results", str(tmp_path)])
    (run,) = Store(str(tmp_path)).runs()

    assert ended.value.code == 0
    assert "accuracy_9_pairs" in capsys.readouterr().out
    assert {s.metric: s.n_scored for s in run.scores() if s.primary} == {"accuracy": 8}
    assert run.scores()[0].value == 0.0  # the mock knows no list
    assert run.instances("key_retrieval").num_rows == 8

"""Questions about one text are a cluster, so that a standard error does not take them for
independent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval.data import DataLoader
from olmo_eval.evals.tasks.common import build_task


@pytest.mark.usefixtures("invented_mirror")
@pytest.mark.parametrize(
    ("spec", "question", "text"),
    [
        ("boolq", "question", "passage"),
        ("drop", "question", "passage"),
        ("drop:mc", "question_original", "passage_original"),
        ("gsm_symbolic", "question", "id"),
        ("lab_bench_protocolqa", "question", "protocol"),
        ("qasper_yesno", "question", "context"),
        ("sciriff_yesno", "question", "context"),
        ("squad", "question", "context"),
        ("squad:rc", "question_original", "context_original"),
    ],
)
def test_questions_about_one_text_are_a_cluster(spec: str, question: str, text: str) -> None:
    task = build_task(spec)
    row: dict[str, Any] = next(iter(DataLoader().load(task.config.get_data_source())))

    def cluster(**changed: str) -> str:
        instance = task.process_doc({**row, **changed})
        assert instance is not None
        return str(instance.metadata["cluster"])

    assert cluster() == cluster(**{question: "Another question?"})
    assert cluster() != cluster(**{text: "Another text."})


def test_a_conversation_is_a_cluster(invented_mirror: Path) -> None:
    first, second = list(build_task("coqa").instances)[:2]

    assert first.question in second.question
    assert first.metadata["cluster"] == second.metadata["cluster"]

"""The conformance kit on invented rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.evals.tasks.check import check_task
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.testing.task import describe

SPECS = (
    "basic_skills_coding:olmes",
    "basic_skills_coding:bpb",
    "boolq",
    "coqa:olmo3base",
    "coqa:mc",
    "coqa:bpb:olmo3base",
    "drop",
    "drop:bpb:olmo3base",
    "drop:mc:olmo3base",
    "geneturing_gene_alias",
    "gpqa_diamond_biology",
    "gpqa_main:mc",
    "gpqa_extended:bpb",
    "jeopardy:olmo3base",
    "jeopardy:rc",
    "lab_bench_protocolqa",
    "lab_bench_seqqa:olmo3base",
    "lab_bench_seqqa:bpb",
    "lambada",
    "medmcqa:olmo3base",
    "medqa",
    "medqa:mc",
    "medqa_en:olmo3base",
    "mmlu_pro",
    "mmlu_pro_law:mc",
    "mmlu_redux_anatomy",
    "mmlu_redux_anatomy:rc",
    "naturalqs",
    "naturalqs:rc",
    "popqa:15shot",
    "qasper_yesno:olmo3base",
    "sciq:olmo3base",
    "sciq:bpb:olmo3base",
    "sciriff_yesno",
    "simpleqa",
    "socialiqa:mc_olmo3base",
    "squad",
    "squad:bpb:olmo3base",
    "triviaqa",
)


@pytest.mark.parametrize("spec", SPECS)
def test_right_answers_score_1_and_nothing_else_does(spec: str, invented_mirror: Path) -> None:
    found = check_task(build_task(spec)).problems

    # The invented rows are a handful: as many as the published data has, they cannot be.
    serious = [finding for finding in found if finding.check != "instances"]
    assert not serious, "\n" + describe(serious)

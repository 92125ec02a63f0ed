"""LitSearch: questions that a paper answers, and the papers to be found.

- Data: ``princeton-nlp/LitSearch``, subset query, split full (there is no other), 597 questions
  with the Semantic Scholar corpus ids of the right papers. ``litsearch_rerank`` reads
  ``allenai/litsearch-rerank-pools``, split train: a ``query`` with its ``candidates`` (each with
  ``corpus_id``, ``title``, ``abstract``) and the right ``corpusids``, of which those count that are
  among the candidates.
- Prompt: the question, and in what form to answer; to rerank, the numbered candidates as well. The
  texts are ours.
- Shots: none.
- Extraction: the last list of numbers in square brackets: corpus ids, or numbers of candidates.
- Metric: ``litsearch`` gives the share of questions for which any right paper is named, and the
  mean share of the right papers that are; only a model with a search tool that tells corpus ids can
  name them. ``litsearch_rerank`` gives the share of the right papers among the first 5 and 20.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.found import FoundRate, GoldRecall, RecallAtK

CARD = Card(
    citation="Ajith et al. 2024, LitSearch: A Retrieval Benchmark for Scientific Literature Search",
    url="https://arxiv.org/abs/2407.18940",
    licence="MIT",
)
_LIST = re.compile(r"\[\s*\d+(?:\s*,\s*\d+)*\s*\]")


def last_list(text: str) -> list[int] | None:
    """The numbers of the last list such as ``[3, 14]`` in a text, or None."""
    found = _LIST.findall(text)
    return [int(number) for number in re.findall(r"\d+", found[-1])] if found else None


@register("litsearch")
class LitSearch(Task):
    """Questions about the literature, answered with the papers that a search finds."""

    data_source = DataSource(path="princeton-nlp/LitSearch", subset="query", split="full")
    expected_instances: ClassVar[int | Mapping[str, int] | None] = 597
    formatter = ChatFormatter(
        user_template="Find the papers that answer this: {question}\n\nEnd with a list of their "
        "Semantic Scholar corpus ids in square brackets, the best one first, such as [123, 456]."
    )
    sampling_params = SamplingParams(max_tokens=1024)
    metrics: tuple[Metric, ...] = (FoundRate(), GoldRecall())
    primary_metric = "found_rate"
    lenient_extraction = False
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        papers = [int(paper) for paper in doc["corpusids"]]
        return Instance(
            question=doc["query"],
            gold_answer=papers,
            metadata={"all_answers": papers, "query_set": doc.get("query_set")},
        )

    def extract_answer(self, output: LMOutput) -> list[int] | None:
        return last_list(output.text)

    def oracle(self, instance: Instance) -> str:
        return str(instance.metadata["all_answers"])


@register("litsearch_rerank")
class LitSearchRerank(LitSearch):
    """Questions about the literature, answered with an order of given papers."""

    data_source = DataSource(path="allenai/litsearch-rerank-pools", split="train")
    expected_instances = None
    formatter = ChatFormatter(
        user_template="Order these papers by how well they answer the question, the best one "
        "first.\n\nQuestion: {question}\n\n{papers}\n\nEnd with a list of their numbers in square "
        "brackets, such as [3, 1, 2]."
    )
    sampling_params = SamplingParams(max_tokens=None)
    metrics = (RecallAtK(k=5), RecallAtK(k=20))
    primary_metric = "recall@5"

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        right = {str(paper) for paper in doc["corpusids"]}
        papers = doc["candidates"]
        gold = [n for n, paper in enumerate(papers, 1) if str(paper["corpus_id"]) in right]
        shown = (f"{n}. {p['title']}\n{p.get('abstract') or ''}" for n, p in enumerate(papers, 1))
        return Instance(
            question=doc["query"],
            gold_answer=gold,
            metadata={"all_answers": gold, "papers": "\n\n".join(map(str.strip, shown))},
        )

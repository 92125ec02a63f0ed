"""ZebraLogic: logic grid puzzles, from two houses with two attributes to six with six.

- Data: ``allenai/ZebraLogicBench-private``, subset grid_mode, test split, 1,000 puzzles. The
  public ``allenai/ZebraLogicBench`` has the same puzzles without their solutions.
- Prompt: what to do and in what form to answer, with a worked example, then the puzzle. The text
  is ours: the published one is not known to us.
- Shots: none.
- Extraction: the last JSON object of the output, ``{"solution": {"House 1": {"Name": ...}}}``.
- Metric: the share of puzzles all of whose cells are right, the share of all cells that are right,
  and the share of answers in which there is a grid.
- ``chat`` asks in a chat, with room for 16,384 tokens; its only stop sequence is taken to be the
  first of the two of the plain task.
"""

from __future__ import annotations

import json
from typing import Any

from olmo_eval.common.formatters import ChatFormatter, GenerationFormatter
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.objects import last_object
from olmo_eval.evals.tasks.common import Task, register, register_variant
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.zebra import CellAccuracy, ParsedRate, PuzzleAccuracy, read_grid

PROMPT = """\
Solve a logic puzzle about houses in a row and who or what belongs to each of them. Think first, \
then answer with one JSON object and nothing after it. It has the key "solution"; under it every \
house, from "House 1" on, has its attributes, each with its value as the puzzle writes it.

Example: There are two houses, numbered 1 and 2 from left to right. A different person lives in \
each: Ann or Bo. Each drinks something different: tea or milk. The clues: 1. Bo does not live in \
house 1. 2. Ann drinks milk.
Answer: Bo is not in house 1, so Ann is, and Bo is in house 2. Ann drinks milk, so Bo drinks tea.
{"solution": {"House 1": {"Name": "Ann", "Drink": "milk"}, "House 2": {"Name": "Bo", "Drink": \
"tea"}}}

Problem: {question}

The attributes are, for each house: {attributes}.
Answer:"""


@register("zebralogic")
class ZebraLogic(Task):
    """Logic grid puzzles, answered with the grid as JSON."""

    data_source = DataSource(
        path="allenai/ZebraLogicBench-private", subset="grid_mode", split="test"
    )
    expected_instances = 1_000
    formatter = GenerationFormatter(template=PROMPT)
    sampling_params = SamplingParams(max_tokens=4096, stop_sequences=("Problem:", "\n\n"))
    metrics = (PuzzleAccuracy(), CellAccuracy(), ParsedRate())
    primary_metric = "puzzle_accuracy"
    lenient_extraction = False
    answer_in_context = True  # every value of the grid stands in the puzzle
    card = Card(
        citation="Lin et al. 2025, ZebraLogic: On the Scaling Limits of LLMs for Logical Reasoning",
        url="https://arxiv.org/abs/2502.01100",
        access="The solutions are private: ask the authors for access on the data set's page.",
        defects=("The plain task's blank-line stop cuts answers that think in paragraphs.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        header, *attributes = doc["solution"]["header"]
        rows = doc["solution"]["rows"]
        grid = {
            f"House {row[0]}".replace("House House", "House"): dict(
                zip(attributes, row[1:], strict=True)
            )
            for row in rows
        }
        if header.strip().casefold() != "house":
            raise ValueError(f"the first column of the solution is {header!r}, not House")
        return Instance(
            question=doc["puzzle"],
            gold_answer=grid,
            metadata={"id": doc["id"], "size": doc["size"], "attributes": ", ".join(attributes)},
        )

    def extract_answer(self, output: LMOutput) -> dict[str, Any] | None:
        found = last_object(output.text)
        return found if read_grid(found) else None

    def oracle(self, instance: Instance) -> str:
        return json.dumps({"solution": instance.gold_answer})


register_variant(
    "zebralogic",
    "chat",
    formatter=ChatFormatter(user_template=PROMPT),
    max_tokens=16_384,
    stop_sequences=("Problem:",),
)

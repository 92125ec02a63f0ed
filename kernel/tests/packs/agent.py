"""An agent that lives through one event of every type, and one that says nothing but a lot."""

from __future__ import annotations

from typing import Any

import olmo_eval
from olmo_eval.agents import Episode, Scaffold
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import (
    CommandEvent,
    ErrorEvent,
    Instance,
    LimitEvent,
    LMOutput,
    LMRequest,
    NoteEvent,
    ReasoningEvent,
    SamplingParams,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
)
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


@register("errands")
class Errands(Task):
    data_source = DataSource(path="./sums", split="test")
    formatter = ChatFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)
    sampling_params = SamplingParams(temperature=0.5, num_samples=2)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})


class Runner(Scaffold):
    """Records everything that can happen, and answers."""

    name = "errand_runner"

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        episode.record(NoteEvent(f"of {episode.instance.id}"))
        (output,) = await episode.generate(request, params)
        for event in (
            ReasoningEvent("hm"),
            ToolCallEvent(ToolCall("c1", "look", '{"at": "it"}')),
            ToolCallEvent(ToolCall("c2", "touch")),
            ToolResultEvent(ToolResult("c2", "ouch", error=True)),
            CommandEvent(("ls", "-l"), 2, "none", truncated=True, seconds=0.5),
            ToolResultEvent(ToolResult("c1", "nothing")),
            ErrorEvent("the network is down"),
            LimitEvent("max_turns"),
        ):
            episode.record(event)
        return output


@olmo_eval.hookimpl
def register_scaffolds(register: Any) -> None:
    register("errand_runner", Runner)

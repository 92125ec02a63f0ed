"""A plugin that does everything wrong with secrets: they are in its answers, errors and records."""

from __future__ import annotations

import os

from attrs import evolve, frozen

import olmo_eval
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import tool
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, JudgeScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, ToolCall
from olmo_eval.data import DataSource
from olmo_eval.errors import ProviderError
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.judges.judge import Judge, JudgeError
from olmo_eval.providers.mock import MockProvider


class LeakyProvider(MockProvider):
    """Repeats its settings in answers and errors, as debugging services do."""

    def __init__(self, config):
        super().__init__(evolve(config, kwargs={}))
        self.full = config

    @classmethod
    def capabilities_for(cls, config):
        return cls.capabilities

    def describe(self):
        return {**super().describe(), "endpoint": self.full.base_url, "headers": self._headers()}

    def _headers(self):
        return dict(self.full.kwargs.get("headers", {}))

    async def generate(self, request, params):
        known = f"{self.full.base_url} {self.full.kwargs} {os.environ['ACME_API_KEY']}"
        text = request.prompt or request.messages[-1]["content"]
        if "fail" in text:
            raise ProviderError(f"401 Unauthorized: {known}")
        metadata = {"raw_headers": self._headers()}
        return [LMOutput(known, finish_reason="stop", metadata=metadata)] * params.num_samples


@frozen
class LeakyScorer(Scorer):
    name = "leaky"

    def score(self, instance, output):
        if "score" in instance.question:
            raise RuntimeError(f"cannot log in with {os.environ['SCORER_PASSWORD']}")
        return 1.0


class LeakyJudge(Judge):
    name = "leaky"

    def __init__(self, ask, **settings):
        super().__init__(ask)
        self.settings = settings

    async def grade(self, instance, output):
        raise JudgeError(f"the judge refuses {self.settings}")


@tool
def look_up(query: str) -> str:
    """Look something up."""
    signed = f"https://files.example.com/x?X-Amz-Signature={os.environ['SIGNED']}&sig={query}"
    raise RuntimeError(f"GET {signed} failed for {os.environ['TOOL_TOKEN']}")


class LeakyLoop(Scaffold):
    name = "leaky"

    async def run(self, request, params, context):
        await context.generate(request, params)
        argument = '{"query": "weather"}'
        result = await context.call_tool(ToolCall("1", "look_up", argument))
        return LMOutput(f"The tool said: {result.content}", finish_reason="stop")


@register("leaky")
class Leaky(Task):
    """Questions that go well, fail at the provider, fail at the scorer."""

    data_source = DataSource(path=os.environ["LEAKY_DATA"])
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer), AccuracyMetric(scorer=LeakyScorer))

    def process_doc(self, doc, index=0):
        if "broken" in doc["question"]:
            raise ValueError(f"no answer for {os.environ['ACME_API_KEY']}")
        return Instance(doc["question"], doc["answer"])


@register("leaky_judged")
class LeakyJudged(Leaky):
    metrics = (AccuracyMetric(scorer=ExactMatchScorer), AccuracyMetric(scorer=JudgeScorer))


@olmo_eval.hookimpl
def register_providers(register):
    register("leaky", LeakyProvider)


@olmo_eval.hookimpl
def register_judges(register):
    register("leaky", LeakyJudge)


@olmo_eval.hookimpl
def register_tools(register):
    register("look_up", look_up)


@olmo_eval.hookimpl
def register_scaffolds(register):
    register("leaky", LeakyLoop)


@olmo_eval.hookimpl
def run_started(run):
    raise RuntimeError(f"the tracker refused {os.environ['TRACKER_SECRET']}")

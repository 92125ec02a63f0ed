"""A task for the small model that has learnt to call ``add``, and the tool."""

import olmo_eval
from olmo_eval.agents import tool
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.tasks.common import Task, register


@tool
def add(a: int, b: int) -> int:
    """adds two numbers"""
    return a + b


@register("adder")
class Adder(Task):
    formatter = ChatFormatter()
    sampling_params = SamplingParams(max_tokens=80)
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    @property
    def instances(self):
        for question, total in (("2 and 3", 5), ("7 and 1", 8), ("4 and 5", 9)):
            yield Instance(question, f"It is {total}.", metadata={"id": question})


@olmo_eval.hookimpl
def register_tools(register):
    register("add", add)

"""Tools, and questions that say which calls are right."""

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric, ToolAccuracyMetric
from olmo_eval.common.scorers import ToolArgumentScorer, ToolSequenceScorer
from olmo_eval.common.types import Function, Instance, ToolCall, ToolSchema
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.harness import harness_config, register_harness_preset
from olmo_eval.harness.tools import get_tools, registered_tool

WEATHER = ToolSchema(
    name="weather",
    description="Weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)


@registered_tool(name="acme_double", description="Twice a number.")
async def double(number: int) -> str:
    return str(2 * number)


register_harness_preset(
    "acme_tools", harness_config("acme_tools", tools=get_tools(["acme_double"]))
)


@register("tool_calls")
class Calls(Task):
    formatter = ChatFormatter(system_prompt="Use tools.")
    metrics = (
        ToolAccuracyMetric(),
        AccuracyMetric(scorer=ToolArgumentScorer(name="tool_argument")),
        AccuracyMetric(scorer=ToolSequenceScorer(strict_order=False)),
    )

    @property
    def instances(self):
        for city in ("Rome", "Oslo"):
            call = ToolCall(
                id="1", type="function", function=Function("weather", f'{{"city": "{city}"}}')
            )
            yield Instance(
                question=f"Weather of {city}?", tools=(WEATHER,), expected_tool_calls=(call,)
            )
        yield Instance(question="Hello!", tools=(WEATHER,), should_abstain=True)

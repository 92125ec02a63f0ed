"""Tools in text, for models that cannot call them: the ReAct format.

The system prompt describes the tools, and the model writes on each turn either ::

    Thought: what it thinks
    Action: the name of a tool
    Action Input: {"its": "arguments, as a JSON object"}

and is told ``Observation: what the tool returned`` in the next user message, or ::

    Thought: what it thinks
    Final Answer: the answer

Each keyword begins a line. What is neither is not guessed at: the model is told what is wrong.

Source: Yao et al. 2023, ReAct: Synergizing Reasoning and Acting in Language Models,
arXiv:2210.03629; the keywords are those of LangChain's agents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from attrs import evolve, frozen

from olmo_eval.common.types import LMRequest, Message, SamplingParams, ToolSchema

#: where a model would go on with what only a tool can tell it
STOP = "\nObservation:"

_INSTRUCTIONS = """\
You can use these tools:

{tools}

To use a tool, write exactly this, with the arguments as one JSON object, and stop:

Thought: what you think
Action: the name of the tool, one of {names}
Action Input: {{"argument": "value"}}

You will be told its result as an observation. Use one tool at a time, as often as you need.
When you know the answer, write exactly this:

Thought: what you think
Final Answer: your answer, in the form in which it was asked for"""

_ONLY_ACTIONS = "\n\nUse a tool before you give your answer."
_KEYWORD = re.compile(r"^[ \t]*(Action Input|Action|Final Answer)[ \t]*:[ \t]*", re.MULTILINE)
_AGAIN = (
    "Write either `Action:` with the name of a tool and `Action Input:` with a JSON object, or "
    "`Final Answer:` with your answer."
)


@frozen
class Action:
    """A tool to be called, with its arguments as JSON text."""

    tool: str
    arguments: str


@frozen
class Answer:
    """The final answer."""

    text: str


@frozen
class Malformed:
    """Something else; ``problem`` says to the model what is wrong."""

    problem: str


def offered(request: LMRequest) -> LMRequest:
    """``request`` with its tools in the system prompt."""
    names = ", ".join(tool.name for tool in request.tools)
    told = _INSTRUCTIONS.format(tools=_described(request.tools), names=names)
    told += _ONLY_ACTIONS if request.tool_choice == "required" else ""
    prompt = f"{request.system_prompt}\n\n{told}" if request.system_prompt else told
    return evolve(request.without_system(), tools=(), tool_choice="auto", system_prompt=prompt)


def _described(tools: Iterable[ToolSchema]) -> str:
    lines = []
    for tool in tools:
        lines.append(f"- {tool.name}: {' '.join(tool.description.split())}")
        lines.append(f"  arguments: {json.dumps(tool.parameters, ensure_ascii=False)}")
    return "\n".join(lines)


def sampled(params: SamplingParams) -> SamplingParams:
    """``params`` that end a text before the model makes up what a tool returned."""
    return evolve(params, stop_sequences=(*(params.stop_sequences or ()), STOP))


def spoken(text: str) -> str:
    """``text`` without what the model made up of its tool's result, where nothing stopped it."""
    return text.partition(STOP)[0]


def read(text: str) -> Action | Answer | Malformed:
    """What the model wrote."""
    marks = list(_KEYWORD.finditer(text))
    keywords = [mark[1] for mark in marks]
    if keywords[:1] == ["Final Answer"]:
        return Answer(text[marks[0].end() :].strip())
    if keywords == ["Action", "Action Input"]:
        name = text[marks[0].end() : marks[1].start()].strip()
        return _action(name, _unfenced(text[marks[1].end() :].strip()))
    if not keywords:
        return Malformed(f"There is no action and no answer. {_AGAIN}")
    if "Final Answer" in keywords:
        return Malformed(f"There are an action and an answer at once. {_AGAIN}")
    if keywords.count("Action") > 1:
        return Malformed(f"There are {keywords.count('Action')} actions. {_AGAIN}")
    missing = "Action" if "Action" not in keywords else "Action Input"
    order = f"`{missing}:` is missing" if missing not in keywords else "`Action:` comes first"
    return Malformed(f"{order}. {_AGAIN}")


def _action(name: str, arguments: str) -> Action | Malformed:
    if not name or "\n" in name:
        return Malformed("`Action:` takes the name of one tool and nothing else.")
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError) as error:
        return Malformed(f"`Action Input:` is not valid JSON: {error}.")
    if not isinstance(found, dict):
        return Malformed("`Action Input:` must be a JSON object.")
    return Action(name, arguments)


def _unfenced(text: str) -> str:
    """``text`` without the code fence that many models put around JSON."""
    found = re.fullmatch(r"```(?:json)?\s*\n(.*?)\n?```", text, re.DOTALL)
    return found[1].strip() if found else text


def observation(text: str) -> Message:
    """What the model is told after an action."""
    return {"role": "user", "content": f"Observation: {text}"}

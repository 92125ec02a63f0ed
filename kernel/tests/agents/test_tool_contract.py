"""The kit for tools finds what is wrong with one, and nothing wrong with a good one."""

from __future__ import annotations

import itertools
import time
from typing import Any

import anyio
import pytest

from olmo_eval.agents import Tool, tool
from olmo_eval.common.types import ToolSchema
from olmo_eval.testing.tool import CHECKS, Subject, check_tool, tool_contract


@tool
async def repeat(text: str, times: int = 1, seconds: float = 0.0) -> str:
    """Repeat a text.

    Args:
        text: What to repeat.
        times: How often.
        seconds: How long to think about it.
    """
    await anyio.sleep(seconds)
    return text * times


test_a_good_tool = tool_contract(
    repeat, {"text": "abc", "times": 100}, slow={"text": "a", "seconds": 30.0}
)


@tool
def undescribed(text: str) -> str:
    """Say something."""
    return text


@tool
def silent(text: str) -> str:
    return text


numbers = itertools.count()


@tool
def shared(text: str) -> str:
    """Count, for everybody together.

    Args:
        text: Anything.
    """
    return f"{text} {next(numbers)}"


@tool
def failing(text: str) -> str:
    """Fail.

    Args:
        text: Anything.
    """
    raise ValueError("no")


@tool
def deaf(text: str) -> str:
    """Take time, and break by it.

    Args:
        text: A number of seconds.
    """
    time.sleep(float(text))
    return text


def credulous(**arguments: Any) -> str:
    return str(arguments)


OPEN = Tool(
    ToolSchema("open", "Takes anything.", {"type": "object", "additionalProperties": True}),
    credulous,
)
MISNAMED = Tool(ToolSchema("not a name", "Says it.", {"type": "object"}), credulous)


@pytest.mark.parametrize(
    ("subject", "check", "found"),
    [
        (Subject(undescribed, {"text": "a"}), "its_schema_tells_a_model_enough",
         "the argument text has no description"),
        (Subject(silent, {"text": "a"}), "its_schema_tells_a_model_enough",
         "the tool has no description"),
        (Subject(MISNAMED, {}), "its_schema_tells_a_model_enough",
         "services do not take the name 'not a name'"),
        (Subject(failing, {"text": "a"}), "a_call_is_answered", "failing failed: no"),
        (Subject(repeat, {"test": "a"}), "a_call_is_answered", "has no test|lacks text"),
        (Subject(shared, {"text": "a"}), "episodes_do_not_meet", "answered differently"),
        (Subject(OPEN, {}), "mistakes_are_told", "'no_such_argument': 1} was taken"),
        (Subject(deaf, {"text": "0"}, {"text": "0.1"}), "its_time_is_limited", "0.1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_is_found(subject: Subject, check: str, found: str) -> None:
    assert check in CHECKS
    with pytest.raises(AssertionError, match=found):
        anyio.run(check_tool, subject, check)

"""The tool ``submit``: the end of the episode, with its answer."""

from __future__ import annotations

from olmo_eval.agents.limits import Submitted
from olmo_eval.agents.tools import tool


@tool
async def submit(answer: str = "") -> str:
    """Give your final answer and end the work. Nothing can be done after it.

    Args:
        answer: The answer to the question, in the form it asks for. Leave it out where you have
            said it before, or the work is in files.
    """
    raise Submitted(answer or None)

"""The answer of a text that thinks aloud: ``<think>...</think>`` and the like.

Extraction and scorers need none of this: what a model thought is told apart before they look
(``LMOutput.reasoning``). These are for texts from elsewhere.
"""

from __future__ import annotations

import re

from olmo_eval.common.thinking import TAGS, Parted, part

__all__ = ["TAGS", "Parted", "extract_think_answer", "extract_think_answer_only", "part"]

_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)


def extract_think_answer(text: str) -> str:
    """What follows the thoughts in ``text``, stripped; "" where the last one is never closed.

    A text without any thought is an answer as a whole. Where the answer stands between ``<answer>``
    tags, as DeepSeek-R1's prompt asks (Guo et al. 2025), it is what stands between the last ones.
    """
    answer = part(text).answer.strip()
    marked = _ANSWER.findall(answer)
    return str(marked[-1]).strip() if marked else answer


def extract_think_answer_only(text: str) -> str:
    """``extract_think_answer`` of a text that must think: "" where it holds no closed thought."""
    parted = part(text)
    return extract_think_answer(text) if parted.reasoning is not None and parted.closed else ""

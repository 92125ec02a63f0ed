"""One question of a benchmark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from olmo_eval.common.replaceable import replaceable
from olmo_eval.common.sequences import items_or_none
from olmo_eval.common.types.environment import EnvironmentSpec


class Split(StrEnum):
    """The usual names of a data set's parts; any other string is allowed where a split is."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    DEV = "dev"
    ALL = "all"


def _text(value: Any) -> str:
    """Text, or a number as text: data files hold both. Anything else is no question or choice."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"expected text, got {value!r:.80}")


def _texts_or_none(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        raise TypeError(f"expected a list of choices, got the text {value!r:.80}")
    return None if value is None else tuple(map(_text, value))


@replaceable
@frozen
class Instance:
    """One question, with what is needed to ask it and to judge the answer.

    Conventional keys of ``metadata``:

    - ``id``: the stable identifier that the data gives (a string or an integer);
    - ``gold_idx``: index of the right choice in ``choices``;
    - ``all_answers``: every accepted answer, where there are several; a list as ``gold_answer``
      says the same, and few-shot examples show the first of them;
    - ``cluster``: identifier shared by questions that are not independent (one passage, one
      document); standard errors are clustered on it;
    - ``answer_prefix``: text put before the answer in few-shot examples.

    ``tools`` are what this question offers the model besides the harness's own: schemas
    (``ToolSchema``, or OpenAI's shape), or tools that can be run. ``environment`` says in what
    environment the question is worked on; None takes the harness's sandboxes as they are.

    What a scorer of an agent compares with: ``expected_tool_calls``, in order; ``should_abstain``,
    whether calling no tool is right; ``required_trajectory``, names of the tools that must be
    called; ``initial_state`` and ``expected_final_state`` of the world that it works in.
    """

    question: str = field(converter=_text)
    gold_answer: Any = None
    choices: tuple[str, ...] | None = field(default=None, converter=_texts_or_none)
    metadata: Mapping[str, Any] = field(factory=dict)
    tools: tuple[Any, ...] | None = field(default=None, converter=items_or_none)
    expected_tool_calls: tuple[Any, ...] | None = field(default=None, converter=items_or_none)
    should_abstain: bool | None = None
    required_trajectory: tuple[Any, ...] | None = field(default=None, converter=items_or_none)
    initial_state: Any = None
    expected_final_state: Any = None
    environment: EnvironmentSpec | None = None

    @property
    def id(self) -> str:
        """The identifier the data gives (``metadata["id"]``), else one made of the content."""
        given = self.metadata.get("id")
        return self.content_id if given is None else str(given)

    @property
    def content_id(self) -> str:
        """12 hexadecimal digits of the SHA-256 of question, choices and gold answer."""
        content = json.dumps([self.question, self.choices, str(self.gold_answer)])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @property
    def gold_index(self) -> int | None:
        """Index of the right choice, from ``metadata["gold_idx"]``, or None."""
        index = self.metadata.get("gold_idx")
        return None if index is None else int(index)

    @property
    def gold_text(self) -> str:
        """The right answer as text: the gold choice where there are choices, the first of several
        gold answers."""
        index = self.gold_index
        if self.choices and index is not None:
            return self.choices[index]
        gold = self.gold_answer
        if isinstance(gold, list | tuple):  # several are accepted: the first stands for them
            gold = gold[0] if gold else None
        return "" if gold is None else str(gold)

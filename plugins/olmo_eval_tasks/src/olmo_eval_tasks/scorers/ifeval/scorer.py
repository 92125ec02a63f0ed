"""The scorer ``ifeval``."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from attrs import frozen

from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval_tasks.scorers.ifeval.instructions import INSTRUCTIONS
from olmo_eval_tasks.scorers.ifeval.verdicts import Verdicts, asked


@frozen
class IFEvalScorer(AsyncScorer):
    """1 where every instruction of the prompt is followed, strictly.

    The verdict on each instruction is recorded beside the output under ``ifeval``: ``strict`` and
    ``loose``, in the order of ``instructions``. The metrics of this package are made of these.
    """

    name: str = "ifeval"
    reads = "text"
    time_limit = 60.0

    def follows(self, name: str, given: Any, prompt: str, text: str) -> bool:
        """Whether ``text`` follows the instruction ``name``.

        Raises:
            ValueError: there is no such instruction, or its arguments are not what it takes.
        """
        check = INSTRUCTIONS.get(name)
        if check is None:
            raise ValueError(f"unknown instruction {name!r}")
        try:
            return check(text, **given)
        except TypeError as error:
            raise ValueError(f"instruction {name!r}: {error}") from error

    def verdicts(self, instance: Instance, output: LMOutput) -> Verdicts:
        """The verdict on every instruction, strict and loose."""
        return Verdicts.of(instance, answer_of(output), self.follows)

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float(all(self.verdicts(instance, output).strict))

    async def score_async(self, instance: Instance, output: LMOutput, episode: Any) -> float:
        # In a thread: telling a language takes long enough to keep others waiting.
        verdicts = await anyio.to_thread.run_sync(
            self.verdicts, instance, output, abandon_on_cancel=True
        )
        names = [name for name, _ in asked(instance)]
        episode.record(
            self.name,
            {
                "instructions": names,
                "strict": list(verdicts.strict),
                "loose": list(verdicts.loose),
            },
        )
        return float(all(verdicts.strict))


def answer_of(output: LMOutput) -> str:
    """What is checked: the answer that the task extracted, else the whole text."""
    answer = output.extracted_answer
    return answer if isinstance(answer, str) else output.text

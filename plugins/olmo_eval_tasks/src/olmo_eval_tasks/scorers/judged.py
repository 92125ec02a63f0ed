"""What scorers that put a question of their own to a judge's model have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from olmo_eval.common.scorers import JudgeScorer
from olmo_eval.common.scorers.text import answer_text
from olmo_eval.common.text import fill_quoting
from olmo_eval.common.types import LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.evals.extract.objects import last_object
from olmo_eval.judges.judge import JudgeError


@frozen
class AskingScorer(JudgeScorer):
    """Base of scorers that ask the model of the harness's judge with a text of their own.

    ``template`` takes the place of that text, where somebody has another one; it names the same
    ``{fields}``. A judge that cannot be asked, is cut off, or whose reply cannot be read is a
    ``JudgeError``: the outcome is ``judge_failed``, never a score.
    """

    template: str | None = None

    #: the text that is asked where no ``template`` is given; a change of it raises ``version``
    question: ClassVar[str] = ""
    max_tokens: ClassVar[int] = 2048

    async def ask(self, episode: Any, values: Mapping[str, Any], question: str = "") -> str:
        """The judge's reply to ``question``, or the scorer's own, with ``values`` in its fields.

        Raises:
            JudgeError: the judge's model could not be asked, or its reply was cut or empty.
        """
        text = fill_quoting(self.template or question or self.question, values)
        request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": text},))
        params = SamplingParams(max_tokens=self.max_tokens, temperature=0.0)
        return str((await episode.judge(self.judge).generate(request, params)).text)


def given_answer(output: LMOutput) -> str:
    """The answer that is judged; an output without one is judged as an empty answer."""
    return answer_text(output) or ""


def last_line(reply: str) -> str:
    """The last line of a reply that says something, without Markdown's marks."""
    lines = [line for line in reply.splitlines() if line.strip()]
    return lines[-1].strip().strip("*`#_ ") if lines else ""


def json_reply(reply: str) -> dict[str, Any]:
    """The JSON object in a judge's reply.

    Raises:
        JudgeError: there is none.
    """
    found = last_object(reply)
    if found is None:
        raise JudgeError(f"the judge's reply has no JSON object: {reply.strip()[:200]!r}")
    return found

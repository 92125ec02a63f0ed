"""Scorers that ask a model about an answer, with a question of their own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import field, frozen

from olmo_eval.common.scorers.forms import ContextScorer
from olmo_eval.common.text import fill, template_values
from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import JudgeError

#: from a prompt to the judge's reply
JudgeFn = Callable[[str], Awaitable[str] | str]

_QUESTION = (
    "Question: {question}\n\nReference answer: {answer}\n\nProposed answer: {response}\n\n"
    "Is the proposed answer correct? Reply with one word, yes or no."
)


@frozen
class LLMJudgeScorer(ContextScorer):
    """1 where a model finds the answer correct.

    The model is the harness's auxiliary provider ``provider_name`` (``judge`` where nothing is
    said), or ``judge_fn``, a function from a prompt to a reply. Subclasses say what is asked
    (``format_judge_prompt``) and how the reply is read (``parse_judge_response``). What was replied
    is recorded beside the score; a reply that cannot be read is the outcome ``judge_failed``, never
    a score.
    """

    name: str = "llm_judge"
    reads = "text"
    provider_name: str | None = None
    judge_fn: JudgeFn | None = field(default=None, eq=False)

    @property
    def requires(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset() if self.judge_fn else frozenset({f"model:{self._model}"})

    @property
    def _model(self) -> str:
        return self.provider_name or "judge"

    def format_judge_prompt(self, instance: Instance, output: LMOutput) -> str:
        """What the judge is asked."""
        return fill(_QUESTION, template_values(instance, response=_answer(output)))

    def parse_judge_response(self, response: str) -> float:
        """The score that a reply gives: its first word is yes or no.

        Raises:
            JudgeError: it is neither.
        """
        word = re.match(r"\W*(yes|no)\b", response, re.IGNORECASE)
        if word is None:
            raise JudgeError(f"the judge replied neither yes nor no: {response!r:.80}")
        return float(word.group(1).lower() == "yes")

    async def ascore_with_context(
        self, instance: Instance, output: LMOutput, context: Any
    ) -> float:
        reply = await self._ask(self.format_judge_prompt(instance, output), context)
        score = float(self.parse_judge_response(reply))
        context.record(self.name, {"score": score, "reply": reply})
        return score

    async def _ask(self, prompt: str, context: Any) -> str:
        if self.judge_fn is not None:
            said = self.judge_fn(prompt)
            return str(await said if inspect.isawaitable(said) else said)
        request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": prompt},))
        params = SamplingParams(max_tokens=1024)
        outputs = await context.model(self._model).generate(request, params)
        return str(outputs[0].text)


def _answer(output: LMOutput) -> str:
    return output.text if output.extracted_answer is None else str(output.extracted_answer)


_RATING = (
    "{rubric}\n\nQuestion: {question}\n\nResponse: {response}\n\n"
    "Rate the response from 0 to {max_score}. End with one line of the form 'Score: N'."
)


@frozen
class RubricJudgeScorer(LLMJudgeScorer):
    """A model's rating by a ``rubric``, divided by ``max_score``.

    ``score_pattern`` finds the rating in the reply; where it finds none, ``default_score`` (a
    rating too) counts if it is given, and the outcome is ``judge_failed`` otherwise.
    """

    name: str = "rubric_judge"
    rubric: str = ""
    score_pattern: str = r"Score:\s*(\d+(?:\.\d+)?)"
    max_score: float = 10.0
    default_score: float | None = None

    def format_judge_prompt(self, instance: Instance, output: LMOutput) -> str:
        more = {"rubric": self.rubric, "max_score": f"{self.max_score:g}"}
        return fill(_RATING, template_values(instance, response=_answer(output), **more))

    def get_raw_score(self, response: str) -> float:
        """The rating in a reply, from 0 to ``max_score``.

        Raises:
            JudgeError: there is none.
        """
        found = re.findall(self.score_pattern, response)
        if found:
            return min(float(found[-1]), self.max_score)
        if self.default_score is None:
            raise JudgeError(f"the judge's reply has no rating: {response!r:.80}")
        return self.default_score

    def parse_judge_response(self, response: str) -> float:
        return self.get_raw_score(response) / self.max_score

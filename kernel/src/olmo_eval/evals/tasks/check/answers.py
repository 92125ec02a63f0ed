"""Made-up answers of a model, right, wrong or empty, and what the task's metrics make of them."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.scorers.base import NoGoldError
from olmo_eval.common.sequences import items
from olmo_eval.common.types import Instance, LMOutput, LMRequest, Response
from olmo_eval.evals.tasks.check.subject import Item, Subject

#: log-probability a byte of the preferred continuation, of the others, and without the question
_LIKELY, _UNLIKELY, _ANYWAY = -0.001, -5.0, -2.0
#: turns of a conversation that are answered here at most
_TURNS = 100


class Answers:
    """Answers to a subject's questions and their values.

    Metrics whose scorer needs a judge or a sandbox are left out; ``unchecked`` says what each
    of those scorers needs.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.task = subject.task

    @cached_property
    def unchecked(self) -> dict[str, str]:
        """Scorers that cannot run here: name -> what they need."""
        return {s.name: need for s in self.task.scorers_once if (need := _needs(s))}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(m for m in self.task.config.metrics if m.scorer.name not in self.unchecked)

    @cached_property
    def accuracies(self) -> tuple[Metric, ...]:
        """Metrics where a right answer is worth their highest value."""
        return tuple(m for m in self.metrics if m.higher_is_better and m.bounds[1] is not None)

    @cached_property
    def _scorers(self) -> tuple[Scorer, ...]:
        return tuple(s for s in self.task.scorers_once if s.name not in self.unchecked)

    def is_primary(self, metric: Metric) -> bool:
        return metric.key == self.task.config.primary().key

    # -- answering

    def written(self, item: Item, text: str) -> Response:
        """The response of a model that writes ``text``, in every sample and every turn."""
        known = {"answers": self._turns(item.instance, text)} if self.task.converses else {}
        output = self.task.extracted(LMOutput(text, finish_reason="stop", metadata=known))
        samples = self.task.get_sampling_params(item.instance).num_samples
        return self.scored(item, (output,) * samples)

    def _turns(self, instance: Instance, text: str) -> list[str]:
        answers = [text]
        while len(answers) < _TURNS and self.task.next_message(instance, tuple(answers)):
            answers.append(text)
        return answers

    def preferring(self, item: Item, choice: int) -> Response:
        """The response of a model that finds continuation number ``choice`` the likeliest."""
        request = self.subject.request(item)
        return self.scored(item, likelihoods(item.instance, request, choice))

    def scored(self, item: Item, outputs: tuple[LMOutput, ...]) -> Response:
        request = self.subject.request(item)
        scores = {}
        for scorer in self._scorers:
            with suppress(NoGoldError):
                scores[scorer.name] = tuple(float(scorer.score(item.instance, o)) for o in outputs)
        return Response(item.name, item.instance, request, outputs, scores)

    def value(self, metric: Metric, response: Response) -> float | None:
        """What ``metric`` makes of ``response``; None too where there is no gold answer."""
        if metric.scorer.name not in response.scores:
            return None
        with suppress(NoGoldError):  # check_gold says of which instances
            return metric.value(response)
        return None

    def oracle(self, item: Item) -> Response | None:
        """The response of a model that knows the answer; None where nobody can say."""
        if self.subject.scored_by_likelihood:
            if not self.subject.request(item).continuations:
                return None
            return self.preferring(item, item.instance.gold_index or 0)
        text = self.task.oracle(item.instance)
        return None if text is None else self.written(item, text)


def likelihoods(instance: Instance, request: LMRequest, choice: int) -> tuple[LMOutput, ...]:
    """Log-likelihoods that prefer continuation ``choice`` in every normalisation of the field."""
    n = len(instance.choices or ()) or len(request.continuations)
    outputs = []
    for index, text in enumerate(request.continuations):
        strength = _ANYWAY if index >= n else _LIKELY if index == choice else _UNLIKELY
        size = max(1, len(text.encode("utf-8", "surrogatepass")))
        outputs.append(
            LMOutput(
                text,
                sum_logprob=strength * size,
                num_tokens=-(-size // 4),
                is_greedy=index == choice,
            )
        )
    return tuple(outputs)


def _needs(scorer: Scorer) -> str:
    """What a scorer needs that a check does not have."""
    if scorer.requires:
        return ", ".join(sorted(items(scorer.requires)))
    if scorer.judges_work:
        return "an agent's work"
    return "the harness" if isinstance(scorer, AsyncScorer) else ""

"""From outputs to scores, values and an outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable

from attrs import evolve

from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.scorers.likelihood import require_finite
from olmo_eval.common.types import Instance, LMOutput, LMRequest, Outcome, Response
from olmo_eval.common.types.response import NON_FINITE
from olmo_eval.errors import ProviderError
from olmo_eval.evals.tasks.common import Task
from olmo_eval.faults import reason
from olmo_eval.harness.answered import Answered
from olmo_eval.harness.runtime import natural_outcome
from olmo_eval.judges.judge import JudgeError
from olmo_eval.runner.timelimit import EscapedError, OutOfTimeError, TimeLimits
from olmo_eval.sandbox import SandboxError


class ScoringFailed(Exception):
    """Scoring of one instance failed; ``outcome`` says how, the text says why.

    ``scores`` are those of the scorers that did not fail.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.scores: dict[str, tuple[float, ...]] = {}


async def extract(
    task: Task, request: LMRequest, outputs: tuple[LMOutput, ...], limits: TimeLimits
) -> tuple[LMOutput, ...]:
    """The outputs with their answers extracted; scored continuations need none.

    Raises:
        ScoringFailed: the task's extraction raised, or did not return in time.
    """
    if request.request_type.scored:
        return outputs
    try:
        seconds = limits.seconds()
        return tuple([await limits.call(seconds, task.extracted, output) for output in outputs])
    except Exception as error:
        raise ScoringFailed(Outcome.SCORER_FAILED, f"extraction: {describe(error)}") from error


def refuse_non_finite(outputs: Iterable[LMOutput]) -> None:
    """Refuse outputs of which a log-probability is NaN or infinite: no metric may be made of them,
    whatever it looks at. Asking again would give the same, so that is not done.

    Raises:
        ScoringFailed: naming the number.
    """
    try:
        for output in outputs:
            require_finite(output)
    except ValueError as error:
        raise ScoringFailed(Outcome.SCORER_FAILED, f"{NON_FINITE}: {error}") from error


async def score(
    scorers: tuple[Scorer, ...],
    instance: Instance,
    outputs: tuple[LMOutput, ...],
    answered: Answered,
    limits: TimeLimits,
) -> tuple[dict[str, tuple[float, ...]], tuple[LMOutput, ...]]:
    """Every scorer's number for every output, and the outputs with what scorers recorded.

    Raises:
        ScoringFailed: a judge or a sandbox failed, or a scorer; the other scorers are heard all
            the same, so that a score never hangs on another.
    """
    scores: dict[str, tuple[float, ...]] = {}
    failed: ScoringFailed | None = None
    for scorer in scorers:
        try:
            numbers, outputs = await _score_one(scorer, instance, outputs, answered, limits)
        except ScoringFailed as failure:
            failed = failed or failure
            if failure.outcome is not Outcome.SCORER_FAILED:
                break  # tried again when the run is resumed
            continue
        scores[scorer.name] = tuple(numbers)
    if failed is not None:
        failed.scores = scores
        raise failed
    return scores, outputs


async def _score_one(
    scorer: Scorer,
    instance: Instance,
    outputs: tuple[LMOutput, ...],
    answered: Answered,
    limits: TimeLimits,
) -> tuple[list[float], tuple[LMOutput, ...]]:
    try:
        if isinstance(scorer, AsyncScorer):
            return await _score_async(scorer, instance, outputs, answered, limits)
        call = limits.call_in_thread if scorer.cpu_bound else limits.call
        seconds = limits.seconds(scorer)
        return [float(await call(seconds, scorer.score, instance, o)) for o in outputs], outputs
    except JudgeError as error:
        raise ScoringFailed(Outcome.JUDGE_FAILED, f"{scorer.name}: {error}") from error
    except (SandboxError, ProviderError) as error:
        raise ScoringFailed(Outcome.INFRA_FAILED, f"{scorer.name}: {error}") from error
    except Exception as error:
        reason = f"{scorer.name}: {describe(error)}"
        raise ScoringFailed(Outcome.SCORER_FAILED, reason) from error


async def _score_async(
    scorer: AsyncScorer,
    instance: Instance,
    outputs: tuple[LMOutput, ...],
    answered: Answered,
    limits: TimeLimits,
) -> tuple[list[float], tuple[LMOutput, ...]]:
    """Numbers of a scorer that calls a judge or runs code; its evidence goes with the output."""

    async def score_one(index: int, output: LMOutput) -> tuple[float, LMOutput]:
        async with answered.episode(index, scorer) as episode:
            number = float(await scorer.score_async(instance, output, episode))
            metadata = {**output.metadata, **episode.evidence}
            return number, evolve(output, metadata=metadata) if episode.evidence else output

    seconds = limits.seconds(scorer)
    scored = [await limits.wait(seconds, score_one(i, o)) for i, o in enumerate(outputs)]
    return [number for number, _ in scored], tuple(output for _, output in scored)


async def values_in_time(
    task: Task, response: Response, limits: TimeLimits
) -> tuple[dict[str, float | None], dict[str, float], str]:
    """``values``; none of them where that does not return in time."""
    try:
        return await limits.call(limits.seconds(), values, task, response)
    except (OutOfTimeError, EscapedError) as error:
        return {m.key: None for m in task.config.metrics}, {}, f"metrics: {describe(error)}"


def values(task: Task, response: Response) -> tuple[dict[str, float | None], dict[str, float], str]:
    """Every metric's value and weight for this response, and why one is missing, if one is."""
    found: dict[str, float | None] = {}
    weights: dict[str, float] = {}
    problem = ""
    for metric in task.config.metrics:
        if response.error is not None and metric.scorer.name not in response.scores:
            found[metric.key] = None
            continue
        try:
            value = _finite(metric.value(response))
            if metric.weighted and value is not None:
                weights[metric.key] = _positive(metric.weight(response))
            found[metric.key] = value
        except (Exception, SystemExit) as error:
            found[metric.key] = None
            problem = problem or f"{metric.metric_name}: {describe(error)}"
    return found, weights, problem


def _finite(value: float | None) -> float | None:
    """``value``; raises ValueError where no mean could be made of it."""
    if value is not None and not math.isfinite(value):
        raise ValueError(f"its value is {value}")
    return value


def _positive(weight: float) -> float:
    """``weight``; raises ValueError where no mean could be made with it."""
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"its weight is {weight}")
    return weight


#: of several samples' outcomes, the first of these stands for the instance
_TELLING = (Outcome.REFUSED, Outcome.LIMIT_REACHED, Outcome.TRUNCATED)


def answered_outcome(request: LMRequest, outputs: tuple[LMOutput, ...]) -> Outcome:
    """How an instance ended whose outputs were scored without trouble."""
    if request.request_type.scored:
        return Outcome.SCORED
    found = {natural_outcome(output) for output in outputs}
    for outcome in _TELLING:
        if outcome in found:
            return outcome
    if all(output.extracted_answer is None for output in outputs):
        return Outcome.EXTRACTION_FAILED
    return Outcome.SCORED


def describe(error: BaseException) -> str:
    """One line about an exception, and not a long one."""
    return " ".join(reason(error).split())[:500]

"""From outputs to scores, values and an outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.scorers.likelihood import require_finite, with_scored_context
from olmo_eval.common.types import Instance, LMOutput, LMRequest, Outcome, Response
from olmo_eval.common.types.response import NON_FINITE
from olmo_eval.errors import ProviderError
from olmo_eval.evals.tasks.common import Task, hooks
from olmo_eval.faults import reason
from olmo_eval.harness.answered import Answered
from olmo_eval.harness.runtime import natural_outcome
from olmo_eval.judges.calls import CALLS, JudgeUsage, listening
from olmo_eval.judges.judge import JudgeError
from olmo_eval.runner.processes import Processes, UnsentError
from olmo_eval.runner.timelimit import EscapedError, OutOfTimeError, TimeLimits
from olmo_eval.sandbox import SandboxError

#: what scorers kept (a judge's reply, say), an output each
Evidence = Sequence[Mapping[str, Any]]


class ScoringFailed(Exception):
    """Scoring of one instance failed; ``outcome`` says how, the text says why.

    ``scores`` are those of the scorers that did not fail.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.scores: dict[str, tuple[float, ...]] = {}


@frozen
class Means:
    """What scoring is done with: limits to its time, and worker processes."""

    limits: TimeLimits
    processes: Processes


async def scored(
    task: Task,
    instance_id: str,
    instance: Instance,
    request: LMRequest,
    answered: Answered,
    latency: float | None,
    means: Means,
    given_up: tuple[Outcome, str] | None = None,
) -> tuple[Response, Evidence]:
    """The response of an instance with its answers extracted and scored, or saying why it is not;
    and what the scorers kept as evidence, which stands in the outputs' metadata as well.

    ``given_up`` says why nothing of the task is scored any more, where it is not.
    """
    evidence: list[dict[str, Any]] = [{} for _ in answered.outputs]
    outputs = answered.outputs
    scores: Mapping[str, Any] = {}
    outcome, error = Outcome.SCORED, None
    try:
        refuse_non_finite(outputs)
        outputs = await extract(task, request, outputs, means.limits, instance)
        if given_up is not None:
            raise ScoringFailed(*given_up)
        if hooks.overrides(task, "score_responses"):
            told = Response(instance_id, instance, request, outputs, latency=latency)
            outputs, scores = await _score_by_hook(task, told, answered, evidence, means)
        else:
            scores = await _summed_up(task, instance, outputs, answered, evidence, means)
        outcome = answered_outcome(request, outputs)
    except ScoringFailed as failure:
        outcome, error, scores = failure.outcome, str(failure), failure.scores
    if any(evidence):
        outputs = tuple(map(_with_evidence, outputs, evidence))
    told = Response(
        instance_id, instance, request, outputs, scores, outcome, error, latency=latency
    )
    return told, evidence


def judged(evidence: Evidence) -> JudgeUsage | None:
    """What judges took for ``evidence``; None where none was asked."""
    if not any(evidence):
        return None
    calls = [call for kept in evidence for call in kept.get(CALLS, ())]
    used = JudgeUsage.of(calls)
    return used if used.calls else None


def _with_evidence(output: LMOutput, evidence: Mapping[str, Any]) -> LMOutput:
    return evolve(output, metadata={**output.metadata, **evidence}) if evidence else output


async def extract(
    task: Task,
    request: LMRequest,
    outputs: tuple[LMOutput, ...],
    limits: TimeLimits,
    instance: Instance,
) -> tuple[LMOutput, ...]:
    """The outputs with their answers extracted; scored continuations need none, and say what of
    their context was scored with them.

    Raises:
        ScoringFailed: the task's extraction raised, or did not return in time.
    """
    if request.request_type.scored:
        return with_scored_context(request, outputs)
    try:
        seconds = limits.seconds()
        if hooks.overrides(task, "_extract_answers"):
            batch = hooks.extract_batch
            return await limits.call(seconds, batch, task, instance, request, outputs)
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


async def _score_by_hook(
    task: Task,
    response: Response,
    answered: Answered,
    evidence: list[dict[str, Any]],
    means: Means,
) -> tuple[tuple[LMOutput, ...], Mapping[str, Any]]:
    """The outputs and scores that the task's own ``score_responses`` gives.

    Raises:
        ScoringFailed: a judge or a sandbox failed, or a scorer, or the hook.
    """

    async def score(unscored: Response) -> Response:
        found = await _summed_up(
            task, unscored.instance, unscored.outputs, answered, evidence, means
        )
        unscored.scores = {**unscored.scores, **found}
        return unscored

    limits = means.limits
    try:
        scoring = hooks.score_with(task, response, score)
        scored = await limits.wait(limits.seconds(AsyncScorer), scoring)
        return scored.outputs, scored.scores
    except ScoringFailed:
        raise
    except JudgeError as error:
        raise ScoringFailed(Outcome.JUDGE_FAILED, f"score_responses: {error}") from error
    except (SandboxError, ProviderError) as error:
        raise ScoringFailed(Outcome.INFRA_FAILED, f"score_responses: {error}") from error
    except Exception as error:
        told = f"score_responses: {describe(error)}"
        raise ScoringFailed(Outcome.SCORER_FAILED, told) from error


async def _summed_up(
    task: Task,
    instance: Instance,
    outputs: tuple[LMOutput, ...],
    answered: Answered,
    evidence: list[dict[str, Any]],
    means: Means,
) -> dict[str, Any]:
    """What the task makes of every scorer's numbers, by the scorer's name.

    Raises:
        ScoringFailed: a judge or a sandbox failed, or a scorer.
    """
    numbers = await _score(task.scorers_once, instance, outputs, answered, evidence, means)
    return {name: task.summed_up(each) for name, each in numbers.items()}


async def _score(
    scorers: tuple[Scorer, ...],
    instance: Instance,
    outputs: tuple[LMOutput, ...],
    answered: Answered,
    evidence: list[dict[str, Any]],
    means: Means,
) -> dict[str, tuple[float, ...]]:
    """Every scorer's number for every output; what scorers record goes into ``evidence``.

    Raises:
        ScoringFailed: a judge or a sandbox failed, or a scorer; the other scorers are heard all
            the same, so that a score never hangs on another.
    """
    scores: dict[str, tuple[float, ...]] = {}
    failed: ScoringFailed | None = None
    for scorer in scorers:
        try:
            scores[scorer.name] = await _score_one(
                scorer, instance, outputs, answered, evidence, means
            )
        except ScoringFailed as failure:
            failed = failed or failure
            if failure.outcome is not Outcome.SCORER_FAILED:
                break  # tried again when the run is resumed
    if failed is not None:
        failed.scores = scores
        raise failed
    return scores


async def _score_one(
    scorer: Scorer,
    instance: Instance,
    outputs: tuple[LMOutput, ...],
    answered: Answered,
    evidence: list[dict[str, Any]],
    means: Means,
) -> tuple[float, ...]:
    limits = means.limits
    seconds = limits.seconds(scorer)
    numbers = []
    try:
        if scorer.cpu_bound and not isinstance(scorer, AsyncScorer):
            return await _computed(scorer, instance, outputs, means)
        for index, output in enumerate(outputs):
            if isinstance(scorer, AsyncScorer):
                scoring = _in_episode(scorer, instance, output, answered, index, evidence[index])
                numbers.append(await limits.wait(seconds, scoring))
            else:
                numbers.append(float(await limits.call(seconds, scorer.score, instance, output)))
    except JudgeError as error:
        raise ScoringFailed(Outcome.JUDGE_FAILED, f"{scorer.name}: {error}") from error
    except (SandboxError, ProviderError) as error:
        raise ScoringFailed(Outcome.INFRA_FAILED, f"{scorer.name}: {error}") from error
    except Exception as error:
        reason = f"{scorer.name}: {describe(error)}"
        raise ScoringFailed(Outcome.SCORER_FAILED, reason) from error
    return tuple(numbers)


async def _in_episode(
    scorer: AsyncScorer,
    instance: Instance,
    output: LMOutput,
    answered: Answered,
    index: int,
    evidence: dict[str, Any],
) -> float:
    """The number of a scorer that calls a judge or runs code. What it records is ``evidence``, and
    so is what judges were asked, also where it fails: a reply that cannot be read has to be seen.
    """
    with listening() as calls:
        try:
            async with answered.episode(index, scorer) as episode:
                number = float(await scorer.score_async(instance, output, episode))
                evidence.update(episode.evidence)
                return number
        finally:
            if calls:
                made = [evolve(call, scorer=scorer.name).to_dict() for call in calls]
                evidence.setdefault(CALLS, []).extend(made)


async def _computed(
    scorer: Scorer, instance: Instance, outputs: tuple[LMOutput, ...], means: Means
) -> tuple[float, ...]:
    """Numbers of a scorer that computes: in a process of its own, or else in a thread."""
    seconds = means.limits.seconds(scorer)
    try:
        return await means.processes.score(scorer, instance, outputs, seconds)
    except UnsentError:
        call = means.limits.call_in_thread
        return tuple([float(await call(seconds, scorer.score, instance, o)) for o in outputs])


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
    telling = [outcome for outcome in map(natural_outcome, outputs) if outcome is not None]
    if telling:
        return min(telling, key=_TELLING.index)
    if all(output.extracted_answer is None for output in outputs):
        return Outcome.EXTRACTION_FAILED
    return Outcome.SCORED


def describe(error: BaseException) -> str:
    """One line about an exception, and not a long one."""
    return " ".join(reason(error).split())[:500]

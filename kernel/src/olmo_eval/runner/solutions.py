"""What a check needs sandboxes for: solutions that are carried out, and agents that do nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import anyio
from attrs import evolve, frozen

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.needs import names_judge, names_model, names_tool, of_sandboxes
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.figures import counted
from olmo_eval.common.metrics import Metric
from olmo_eval.common.overrides import Override
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.sequences import items
from olmo_eval.common.types import LMOutput, LMRequest, Response, SamplingParams
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.evals.tasks.check.answers import Answers
from olmo_eval.evals.tasks.check.report import Finding, error, note
from olmo_eval.evals.tasks.check.scores import NO_GOLD, above_floor, below_ceiling, unchecked_note
from olmo_eval.evals.tasks.check.subject import Item, Subject
from olmo_eval.evals.tasks.common import Task
from olmo_eval.faults import reason
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.judging import with_overrides
from olmo_eval.harness.named import with_named_environments
from olmo_eval.harness.runtime import Harness
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.runner.plan import episode_needs
from olmo_eval.runner.resolve import in_sandbox
from olmo_eval.sandbox import SandboxError

#: instances that are worked on at once
_AT_ONCE = 4

#: what an agent does in an episode; returns what it says, None where nobody can say
Work = Callable[[Episode], Awaitable[str | None]]


class _Worker(Scaffold):
    """An agent that asks no model: it does ``work``."""

    name: ClassVar[str] = "check"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        text = await self._work(episode)
        if text is None:
            raise _Unknown
        return LMOutput(text, finish_reason="stop")


class _Unknown(Exception):
    """Nobody can say what solves an instance."""


async def _nothing(_episode: Episode) -> str:
    return ""


@frozen
class SandboxedCheck:
    """What was found in sandboxes.

    ``checked`` are notes of the plain check that do not hold any more; ``done`` says in a sentence
    what was carried out, and where.
    """

    findings: tuple[Finding, ...] = ()
    checked: frozenset[str] = frozenset()
    done: str = "nothing was carried out"


def check_in_sandbox(
    task: Task, sandbox: str, overrides: Sequence[Override] = (), *, sample: int
) -> SandboxedCheck:
    """Carry out the solutions of ``sample`` instances of ``task`` in environments that the backend
    ``sandbox`` makes, and score them; then those of an agent that does nothing.

    ``overrides`` are settings of a harness (``sandboxes.0.memory=1g``). Scorers that need a judge
    or another model are left out.

    Raises:
        UsageError: there is no such backend, or it cannot do what the task asks.
        DataError: the task's data is not there.
    """
    able = scorers_in_sandboxes(task)
    if not able:
        return SandboxedCheck()
    subject = Subject(task, sample)
    config = _harness(task, sandbox, overrides)
    needs = [need for scorer in able for need in items(scorer.requires)]
    if subject.items:
        episode = episode_needs(task, task.config.name, subject.items[0].instance)
        sandboxed = evolve(episode, capabilities=of_sandboxes(episode.capabilities))
        reasons = Harness.refusals(config, (), needs, (), [sandboxed])
        if reasons:
            raise UsageError(reasons[0], hint="\n".join(reasons[1:]) or None)
    findings, done = anyio.run(_checked, subject, config, able)
    notes = {unchecked_note(s.name, ", ".join(sorted(items(s.requires)))) for s in able}
    return SandboxedCheck(tuple(findings), frozenset({*notes, NO_GOLD}), done)


def scorers_in_sandboxes(task: Task) -> list[AsyncScorer]:
    """The scorers of ``task`` that a check can run where it has a sandbox."""
    return [s for s in task.scorers_once if isinstance(s, AsyncScorer) and _in_sandboxes(s)]


def _in_sandboxes(scorer: AsyncScorer) -> bool:
    """Whether sandboxes are all that a scorer needs."""
    others = (names_judge, names_model, names_tool)
    return bool(items(scorer.requires)) and not any(
        named(need) for need in items(scorer.requires) for named in others
    )


def _harness(task: Task, sandbox: str, overrides: Sequence[Override]) -> HarnessConfig:
    provider = ProviderConfig(kind="mock", model="mock")
    plain = in_sandbox(HarnessConfig(name="check", provider=provider), sandbox)
    config = with_overrides(plain, overrides, where="harness 'check'")
    named = [(task.config.sandbox_env, task.config.sandbox_allocation_weight)]
    return with_named_environments(config, named)


async def _checked(
    subject: Subject, config: HarnessConfig, scorers: Sequence[AsyncScorer]
) -> tuple[list[Finding], str]:
    async with Harness(config, run_id="check") as harness:
        trial = _Trial(subject, harness, scorers)
        solved = await trial.all(subject.task.solve)
        idle = await trial.all(_nothing)
    found = [*trial.failures(), *_about_solutions(trial, solved), *_about_idle(trial, idle)]
    return found, _done(config, solved, idle)


class _Trial:
    """Instances of a task worked on by agents that need no model."""

    def __init__(self, subject: Subject, harness: Harness, scorers: Sequence[AsyncScorer]) -> None:
        self.answers = Answers(subject)
        self._subject, self._harness, self._scorers = subject, harness, scorers
        self._failed: dict[str, str] = {}
        names = {scorer.name for scorer in scorers}
        self.metrics: list[Metric] = [
            m
            for m in subject.task.config.metrics
            if m.scorer.name in names and m.higher_is_better and m.bounds[1] is not None
        ]

    async def all(self, work: Work) -> list[tuple[Item, Response | None]]:
        """How each instance comes out; None where nobody can say."""
        found: dict[int, Response | None] = {}
        limit = anyio.CapacityLimiter(_AT_ONCE)

        async def one(number: int, item: Item) -> None:
            async with limit:
                try:
                    found[number] = await self._scored(item, work)
                except _Unknown:
                    found[number] = None
                except Exception as problem:  # the task's code, its environment: each is told
                    self._failed.setdefault(item.name, _said(problem))

        async with anyio.create_task_group() as group:
            for number, item in enumerate(self._subject.items):
                group.start_soon(partial(one, number, item))
        pairs = enumerate(self._subject.items)
        return [(item, found[number]) for number, item in pairs if number in found]

    async def _scored(self, item: Item, work: Work) -> Response:
        task, harness = self._subject.task, self._harness
        harness.scaffold = _Worker(work)
        params = task.get_sampling_params(item.instance)
        request = self._subject.request(item)
        one = evolve(params, num_samples=1)
        answered = await harness.answer(request, one, item.instance, task)
        try:
            (output,) = map(task.extracted, answered.outputs)
            scores: dict[str, Any] = {}
            recorded: dict[str, Any] = {}  # which metrics may read
            for scorer in self._scorers:
                async with answered.episode(0, scorer) as episode:
                    score = await scorer.score_async(item.instance, output, episode)
                recorded.update(episode.evidence)
                scores[scorer.name] = (float(score),) * params.num_samples
        finally:
            await answered.close()
        output = evolve(output, metadata={**output.metadata, **recorded})
        outputs = (output,) * params.num_samples
        return Response(item.name, item.instance, request, outputs, scores)

    def failures(self) -> Iterator[Finding]:
        """What failed otherwise than by a low score."""
        if self._failed:
            name, said = next(iter(self._failed.items()))
            count = f"{len(self._failed)} of {len(self._subject.items)} instances"
            yield error("sandbox", f"{count} could not be checked: {said}", instance_id=name)


def _done(
    config: HarnessConfig,
    solved: Sequence[tuple[Item, Response | None]],
    idle: Sequence[tuple[Item, Response | None]],
) -> str:
    where = ", ".join(dict.fromkeys(sandbox.backend for sandbox in config.sandboxes))
    solutions = counted(sum(response is not None for _, response in solved), "solution")
    agents = counted(len(idle), "agent")
    return f"{solutions} carried out and scored in {where}, and {agents} that did nothing"


def _about_solutions(
    trial: _Trial, solved: Sequence[tuple[Item, Response | None]]
) -> Iterator[Finding]:
    known = [(item, response) for item, response in solved if response is not None]
    if solved and not known:
        yield note("oracle", "not checked: nobody says what solves the instances; define solve()")
    for metric in trial.metrics:
        yield from below_ceiling(trial.answers, metric, known)


def _about_idle(trial: _Trial, idle: Sequence[tuple[Item, Response | None]]) -> Iterator[Finding]:
    known = [(item, response) for item, response in idle if response is not None]
    for metric in trial.metrics:
        yield from above_floor(trial.answers, metric, known, "an agent that does nothing")


def _said(problem: Exception) -> str:
    if isinstance(problem, SandboxError | OlmoEvalError):
        return " ".join(problem.message.split())
    return reason(problem)[:300]

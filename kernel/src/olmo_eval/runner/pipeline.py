"""The asynchronous heart of a run: two stages joined by a bounded stream, one that asks the model
and one that scores what it answered.

An engine is expensive: it never waits for a test suite, a judge or a symbolic-algebra check. Asking
workers take the next instance when they are free, so no more is read from the data than is in
flight, and a slow engine holds everything back by itself. What is scored at once (by scorers that
only look) is scored where it was asked, and kept with its score in one write. Every other answer is
kept when it arrives and goes to the second stage, which has its own concurrency.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import asdict, define, evolve

from olmo_eval.common.types import LMRequest, Outcome, Response, SamplingParams
from olmo_eval.common.types.response import NON_FINITE
from olmo_eval.errors import (
    NonFiniteError,
    ProviderError,
    RefusedError,
    RunFailedError,
    UnansweredError,
)
from olmo_eval.harness.answered import Answered, separate
from olmo_eval.harness.runtime import Harness
from olmo_eval.results.answers import Finder, KeptScore, Nothing, Wanted
from olmo_eval.results.record import Row, answer_record, request_hash, request_row, score_record
from olmo_eval.runner import scoring
from olmo_eval.runner.clock import Clock
from olmo_eval.runner.feed import Feed, Work
from olmo_eval.runner.interrupt import Interrupted, exits_are_failures, most_telling
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.processes import Processes
from olmo_eval.runner.scoring_workers import scoring_workers, task_scored_at_once
from olmo_eval.runner.surroundings import Surroundings
from olmo_eval.runner.timelimit import time_limits

#: requests that may fail one after another before the provider counts as gone
_PATIENCE = 20
#: tasks that are read ahead while one is being worked on
_PREPARED = 2
#: instances a worker does before it lets others run, where nothing it awaits ever waits
_TURNS = 16
#: seconds between looks at whether a feed has room
_POLL = 0.01
#: answers that may wait to be scored before asking waits for them
_WAITING = 1024


class Sink(Protocol):
    """Where answers and scores go."""

    def answered(self, planned: PlannedTask, answer: Row) -> None:
        """An answer has arrived, or could not be had; called before it is scored."""

    def scored(
        self,
        planned: PlannedTask,
        answer: Row,
        score: Row | None,
        told: Response,
        *,
        with_answer: bool = False,
    ) -> None:
        """An instance is finished; ``with_answer``: ``answered`` was not called, keep both now."""

    async def show(
        self, planned: PlannedTask, answer: Row, score: Row | None, told: Response
    ) -> None:
        """Called before ``scored``, for people who watch."""

    def started(self, feed: Feed) -> None: ...
    def finished(self, feed: Feed) -> None: ...


@define
class _Asked:
    """An instance that was answered, or was not: ``failure`` says why."""

    work: Work
    request: LMRequest
    answer: Row
    answered: Answered | None = None
    latency: float | None = None
    failure: tuple[Outcome, str] | None = None
    score: KeptScore | None = None
    #: whether its answer is in the journal; else it is kept with its score
    kept: bool = True
    expects: bool = False


class Pipeline:
    """Runs feeds through a harness into a sink.

    ``answers`` finds what was answered before. ``stop`` lets what is being asked and scored finish
    and starts nothing more; answers that wait to be scored stay unscored.
    """

    def __init__(
        self, harness: Harness, feeds: Sequence[Feed], sink: Sink, answers: Finder | None = None
    ) -> None:
        self.harness = harness
        self.sink = sink
        self.answers = answers or Nothing()
        self.stopped = False
        self.engine, self.scoring = Clock(), Clock()
        #: answers whose scoring was given up when the run was stopped
        self.unscored = 0
        self._planned = [feed.planned for feed in feeds]
        self._at_once = {p.name: task_scored_at_once(p.task) for p in self._planned}
        self._around = {p.name: Surroundings(harness, p.task) for p in self._planned}
        self._in_sandboxes = {p.name: bool(separate(p.task)) for p in self._planned}
        self._feeds = [(feed, anyio.Event()) for feed in feeds]
        self._room = anyio.Semaphore(_PREPARED)
        self._current: Iterator[Work] | None = None
        self._reading: Feed | None = None
        self._turn = anyio.Lock()
        self._open: dict[str, _Open] = {}
        self._failures = 0
        self._hint: str | None = None  # of the last request that failed
        #: by task: how many scorings failed in a row, and why no more are tried
        self._scoring_failures: Counter[str] = Counter()
        self._given_up: dict[str, tuple[Outcome, str]] = {}

    def stop(self) -> None:
        self.stopped = True

    async def run(self) -> None:
        """Evaluate everything.

        Raises:
            RunFailedError: the provider stopped answering. DataError: a row is malformed.
        """
        try:
            with time_limits(self.harness.config.scoring_timeout) as limits:
                means = scoring.Means(limits, Processes())
                async with anyio.create_task_group() as preparing:
                    preparing.start_soon(self._prepare)
                    await self._in_two_stages(means)
                    preparing.cancel_scope.cancel()
        except BaseExceptionGroup as group_error:
            raise most_telling(group_error) from group_error

    async def _in_two_stages(self, means: scoring.Means) -> None:
        send, receive = anyio.create_memory_object_stream[_Asked](_WAITING)
        async with anyio.create_task_group() as group:
            if not all(self._at_once.values()):
                for _ in range(scoring_workers(self.harness.config, self._planned)):
                    group.start_soon(self._work, self._score_all, receive.clone(), means)
            async with send, anyio.create_task_group() as asking:
                for _ in range(max(1, self.harness.max_concurrency)):
                    asking.start_soon(self._work, self._ask_all, send, means)
        receive.close()

    async def _prepare(self) -> None:
        """Prepare each feed in a thread while the one before it is being worked on."""
        for feed, ready in list(self._feeds):
            await self._room.acquire()
            with exits_are_failures():
                await anyio.to_thread.run_sync(feed.prepare)
            ready.set()

    async def _work(self, stage: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            with exits_are_failures():
                await stage(*arguments)
        except KeyboardInterrupt as error:  # out of a task, it would stop the event loop itself
            self.stopped = True
            raise Interrupted("stopped", hint="rerun the same command to resume") from error
        except BaseException:
            self.stopped = True  # workers that have not begun yet are not cancelled
            raise

    # -- the first stage

    async def _ask_all(self, send: MemoryObjectSendStream[_Asked], means: scoring.Means) -> None:
        turns = 0
        while not self.stopped:
            if self._reading is not None and not self._reading.has_room:
                await anyio.sleep(_POLL)
                continue
            work = self._take()
            if work is None:
                if not await self._advance():
                    return
                continue
            asked = await self._asked(work)
            if asked.failure is not None or self._at_once[work.planned.name]:
                await self._finish(asked, means)
            else:
                await send.send(asked)
            turns += 1
            if turns % _TURNS == 0:
                await anyio.lowlevel.checkpoint()

    def _take(self) -> Work | None:
        work = next(self._current, None) if self._current is not None else None
        if work is not None:
            self._open[work.planned.name].in_flight += 1
        return work

    async def _advance(self) -> bool:
        """Go on to the next task's instances; False when there are none."""
        before = self._current
        async with self._turn:
            if self._current is not before:
                return True  # another worker advanced meanwhile
            self._current = None
            self._close_read()
            if not self._feeds or self.stopped:
                return False
            feed, ready = self._feeds.pop(0)
            await ready.wait()
            self._room.release()
            self._open[feed.planned.name] = _Open(feed)
            self.sink.started(feed)
            self._current, self._reading = iter(feed), feed
            return True

    def _close_read(self) -> None:
        """Finish every task that is read to its end and has nothing in flight."""
        for name in [n for n, o in self._open.items() if o.complete]:
            self.sink.finished(self._open.pop(name).feed)

    async def _asked(self, work: Work) -> _Asked:
        """The answer of an instance, kept: one that is known, or one that the model gives now."""
        planned, instance = work.planned, work.instance
        task, around = planned.task, self._around[planned.name]
        asked = task.request_for(instance)
        request = self.harness.prepare(asked)
        params = sampling(planned, task.get_sampling_params(instance))
        row = request_row(request)
        digest = request_hash(row, params, around.digest(instance))
        wanted = Wanted(planned.name, work.instance_id, instance.question, digest)
        known = self.answers.find(wanted) if around.stands_alone else None
        if known is not None and not known.outputs:
            known = None  # no output at all is no answer
        score = None if known is None else known.score
        expects = self._in_sandboxes[planned.name] and score is None
        if expects:
            self.harness.expect_scoring(instance, task)
        answered: Answered | None = None
        failure: tuple[Outcome, str] | None = None
        began = time.perf_counter()
        if known is not None:
            answered = self.harness.answered(known.outputs, instance, task)
            latency = known.latency
        else:
            try:
                answered = await self._ask(work, asked, params)
            except _Unanswered as error:
                failure = error.outcome, str(error)
            latency = time.perf_counter() - began
        answer = answer_record(
            instance,
            instance_id=work.instance_id,
            position=work.position,
            request=row,
            request_hash=digest,
            outputs=() if answered is None else answered.outputs,
            latency=latency,
            outcome=None if failure is None else failure[0],
            error=None if failure is None else failure[1],
            reused_from=None if known is None else known.run_id,
        )
        kept = known is not None and known.run_id is None  # it is in the journal already
        if not kept and (failure is not None or not self._at_once[planned.name]):
            self.sink.answered(planned, answer)
            kept = True
        self._watch(failure)
        if known is not None and answered is not None and answered.outputs is not known.outputs:
            score = None  # it was made of a text with thoughts in it
        return _Asked(work, request, answer, answered, latency, failure, score, kept, expects)

    async def _ask(self, work: Work, request: LMRequest, params: SamplingParams) -> Answered:
        self.engine.enter()
        try:
            return await self.harness.answer(request, params, work.instance, work.planned.task)
        except RefusedError as error:
            raise _Unanswered(Outcome.REFUSED, scoring.describe(error)) from error
        except NonFiniteError as error:
            reason = f"{NON_FINITE}: {scoring.describe(error)}"
            raise _Unanswered(Outcome.SCORER_FAILED, reason) from error
        except UnansweredError as error:
            self._failures -= 1  # says nothing about the provider's health
            raise _Unanswered(Outcome.INFRA_FAILED, scoring.describe(error)) from error
        except (ProviderError, OSError, TimeoutError) as error:
            self._hint = getattr(error, "hint", None)
            raise _Unanswered(Outcome.INFRA_FAILED, scoring.describe(error)) from error
        finally:
            self.engine.leave()

    def _watch(self, failure: tuple[Outcome, str] | None) -> None:
        """Stop a run whose provider is gone, instead of failing every instance left."""
        if failure is None or failure[0] is not Outcome.INFRA_FAILED:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= _PATIENCE:
            self.stopped = True
            way_out = "what is finished is kept; put it right and rerun the same command to resume"
            raise RunFailedError(
                f"{_PATIENCE} requests in a row failed; the last one: {failure[1]}",
                hint=f"{self._hint}\n{way_out}" if self._hint else way_out,
            )

    # -- the second stage

    async def _score_all(
        self, receive: MemoryObjectReceiveStream[_Asked], means: scoring.Means
    ) -> None:
        async with receive:
            async for asked in receive:
                if not self.stopped:
                    await self._finish(asked, means)
                    continue
                self.unscored += 1  # its answer is kept
                if asked.answered is not None:
                    await asked.answered.close()

    async def _finish(self, asked: _Asked, means: scoring.Means) -> None:
        """Score an answer and give the instance away."""
        planned = asked.work.planned
        try:
            told, score = await self._scored(asked, means)
            await self.sink.show(planned, asked.answer, score, told)
        except BaseException:
            if not asked.kept:
                self.sink.answered(planned, asked.answer)
            raise
        finally:
            if asked.expects:
                self.harness.expect_scoring(asked.work.instance, planned.task, -1)
            if asked.answered is not None:
                await asked.answered.close()
        self.sink.scored(planned, asked.answer, score, told, with_answer=not asked.kept)
        opened = self._open[planned.name]
        opened.in_flight -= 1
        if opened.complete:
            del self._open[planned.name]
            self.sink.finished(opened.feed)

    async def _scored(self, asked: _Asked, means: scoring.Means) -> tuple[Response, Row | None]:
        """The response with its answers extracted and scored, or saying why it is not, and the
        record of its score."""
        work, task = asked.work, asked.work.planned.task
        answered = asked.answered
        if answered is None or asked.score is not None:
            outputs = () if answered is None else answered.outputs
            told = Response(
                work.instance_id, work.instance, asked.request, outputs, latency=asked.latency
            )
            if asked.score is not None:
                return _as_before(told, asked.score)
            assert asked.failure is not None
            outcome, error = asked.failure
            return evolve(told, outcome=outcome, error=error), None
        self.scoring.enter()
        try:
            told, evidence = await scoring.scored(
                task,
                work.instance_id,
                work.instance,
                asked.request,
                answered,
                asked.latency,
                means,
                self._given_up.get(work.planned.name),
            )
        finally:
            self.scoring.leave()
        self._watch_scoring(work.planned.name, told)
        values, weights, problem = await scoring.values_in_time(task, told, means.limits)
        if problem and told.error is None:
            told = evolve(told, outcome=Outcome.SCORER_FAILED, error=problem)
        used = scoring.judged(evidence)
        took = None if used is None else asdict(used)
        return told, score_record(told, evidence, values, weights, took)

    def _watch_scoring(self, task: str, response: Response) -> None:
        """Score no more of a task where what scores it is gone, instead of waiting for it again
        and again; the model is asked on, and the next command scores what it answered."""
        if task in self._given_up:
            return
        if response.outcome not in (Outcome.JUDGE_FAILED, Outcome.INFRA_FAILED):
            self._scoring_failures[task] = 0
            return
        self._scoring_failures[task] += 1
        if self._scoring_failures[task] == _PATIENCE:
            reason = f"not tried, as {_PATIENCE} in a row failed; the last one: {response.error}"
            self._given_up[task] = response.outcome, reason


def _as_before(response: Response, score: KeptScore) -> tuple[Response, Row]:
    """The response with a score that was made of its answer before."""
    outputs = tuple(
        evolve(output, extracted_answer=found, metadata={**output.metadata, **kept})
        for output, found, kept in zip(
            response.outputs, score.extracted, score.evidence, strict=True
        )
    )
    told = evolve(
        response, outputs=outputs, scores=score.scores, outcome=score.outcome, error=score.error
    )
    return told, score_record(told, score.evidence, score.values, score.weights)


class _Open:
    """A task that has been started: its feed and how many of its instances are in flight."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.in_flight = 0

    @property
    def complete(self) -> bool:
        return self.in_flight == 0 and self.feed.exhausted


class _Unanswered(Exception):
    """The model gave no answer; ``outcome`` says why."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def sampling(planned: PlannedTask, params: SamplingParams) -> SamplingParams:
    """The sampling parameters with the task's seed where they name none."""
    if params.seed is not None or params.greedy:
        return params
    return evolve(params, seed=planned.task.config.seed)

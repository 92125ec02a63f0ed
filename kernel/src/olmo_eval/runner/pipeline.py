"""The asynchronous heart of a run: workers that ask, score and keep, one instance at a time.

There is no queue. Each worker takes the next instance when it is free, so no more is read from
the data than is in flight, and a slow engine holds everything back by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread
from attrs import evolve

from olmo_eval.common.types import LMRequest, Outcome, Response, SamplingParams
from olmo_eval.common.types.response import NON_FINITE
from olmo_eval.errors import (
    NonFiniteError,
    ProviderError,
    RefusedError,
    RunFailedError,
    TransientError,
    UnansweredError,
)
from olmo_eval.harness.answered import Answered
from olmo_eval.harness.runtime import Harness
from olmo_eval.results.record import Row, request_hash, request_row, response_row
from olmo_eval.results.reuse import KnownAnswer
from olmo_eval.runner import scoring
from olmo_eval.runner.feed import Feed, Work
from olmo_eval.runner.interrupt import Interrupted, exit_failure, exits_are_failures
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.surroundings import environment_digest, stands_alone
from olmo_eval.runner.timelimit import TimeLimits, time_limits

#: requests that may fail one after another before the provider counts as gone
_PATIENCE = 20
#: tasks that are read ahead while one is being worked on
_PREPARED = 2
#: instances a worker does before it lets others run, where nothing it awaits ever waits
_TURNS = 16


class Sink(Protocol):
    """Where finished instances go."""

    def keep(self, planned: PlannedTask, row: Row, response: Response) -> None: ...

    async def show(self, planned: PlannedTask, row: Row, response: Response) -> None:
        """Called before ``keep``, for people who watch."""

    def started(self, feed: Feed) -> None: ...

    def finished(self, feed: Feed) -> None: ...


#: from an instance and the hash of its request to an answer that is already known, or None
Reuse = Callable[[Work, str], KnownAnswer | None]


def _nothing(_work: Work, _hash: str) -> KnownAnswer | None:
    return None


class Pipeline:
    """Runs feeds through a harness into a sink.

    ``reuse`` gives the answer to a request that was answered before. ``stop`` lets what is in
    flight finish and starts nothing more.
    """

    def __init__(
        self, harness: Harness, feeds: Sequence[Feed], sink: Sink, reuse: Reuse = _nothing
    ) -> None:
        self.harness = harness
        self.sink = sink
        self.reuse = reuse
        self.stopped = False
        self.clock = EngineClock()
        self._feeds = [(feed, anyio.Event()) for feed in feeds]
        self._room = anyio.Semaphore(_PREPARED)
        self._current: Iterator[Work] | None = None
        self._turn = anyio.Lock()
        self._open: dict[str, _Open] = {}
        self._failures = 0
        self._hint: str | None = None  # of the last request that failed

    def stop(self) -> None:
        self.stopped = True

    async def run(self) -> None:
        """Evaluate everything.

        Raises:
            RunFailedError: the provider stopped answering. DataError: a row is malformed.
        """
        try:
            with time_limits(self.harness.config.scoring_timeout) as limits:
                async with anyio.create_task_group() as preparing:
                    preparing.start_soon(self._prepare)
                    async with anyio.create_task_group() as workers:
                        for _ in range(max(1, self.harness.max_concurrency)):
                            workers.start_soon(self._work, limits)
                    preparing.cancel_scope.cancel()
        except BaseExceptionGroup as group_error:
            raise most_telling(group_error) from group_error

    async def _prepare(self) -> None:
        """Prepare each feed in a thread while the one before it is being worked on."""
        for feed, ready in list(self._feeds):
            await self._room.acquire()
            with exits_are_failures():
                await anyio.to_thread.run_sync(feed.prepare)
            ready.set()

    async def _work(self, limits: TimeLimits) -> None:
        try:
            with exits_are_failures():
                await self._work_on(limits)
        except KeyboardInterrupt as error:  # out of a task, it would stop the event loop itself
            self.stopped = True
            raise Interrupted("stopped", hint="rerun the same command to resume") from error
        except BaseException:
            self.stopped = True  # workers that have not begun yet are not cancelled
            raise

    async def _work_on(self, limits: TimeLimits) -> None:
        turns = 0
        while not self.stopped:
            work = self._take()
            if work is None:
                if not await self._advance():
                    return
                continue
            await self._evaluate(work, limits)
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
            self._current = iter(feed)
            return True

    def _close_read(self) -> None:
        """Finish every task that is read to its end and has nothing in flight."""
        for name in [n for n, o in self._open.items() if o.complete]:
            self.sink.finished(self._open.pop(name).feed)

    async def _evaluate(self, work: Work, limits: TimeLimits) -> None:
        planned = work.planned
        response, row = await self._response(work, limits)
        self._watch(response)
        await self.sink.show(planned, row, response)
        self.sink.keep(planned, row, response)
        opened = self._open[planned.name]
        opened.in_flight -= 1
        if opened.complete:
            del self._open[planned.name]
            self.sink.finished(opened.feed)

    async def _response(self, work: Work, limits: TimeLimits) -> tuple[Response, Row]:
        task, instance = work.planned.task, work.instance
        asked = task.request_for(instance)
        request = self.harness.prepare(asked)
        params = sampling(work.planned, task.get_sampling_params(instance))
        request_as_row = request_row(request)
        environment = environment_digest(self.harness, task, instance)
        digest = request_hash(request_as_row, params, environment)
        known = self.reuse(work, digest) if stands_alone(self.harness, task) else None
        if known is not None and not known.outputs:
            known = None  # no output at all is no answer
        began = time.perf_counter()
        try:
            if known is not None:
                answered, latency = self.harness.answered(known.outputs, instance, task), 0.0
            else:
                answered = await self._ask(work, asked, params)
                latency = time.perf_counter() - began
            try:
                response = await self._scored(work, request, answered, latency, limits)
            finally:
                await answered.close()
        except _Unanswered as failure:
            response = Response(
                work.instance_id,
                instance,
                request,
                outcome=failure.outcome,
                error=str(failure),
                latency=time.perf_counter() - began,
            )
        found, weights, problem = await scoring.values_in_time(task, response, limits)
        if problem and response.error is None:
            response = evolve(response, outcome=Outcome.SCORER_FAILED, error=problem)
        row = response_row(
            response,
            position=work.position,
            request=request_as_row,
            request_hash=digest,
            values=found,
            weights=weights,
            reused_from=None if known is None else known.run_id,
        )
        return response, row

    async def _ask(self, work: Work, request: LMRequest, params: SamplingParams) -> Answered:
        self.clock.enter()
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
            self.clock.leave()

    async def _scored(
        self,
        work: Work,
        request: LMRequest,
        answered: Answered,
        latency: float,
        limits: TimeLimits,
    ) -> Response:
        """The response with its answers extracted and scored, or saying why it is not."""
        task, instance, kept = work.planned.task, work.instance, answered.outputs
        scores: Mapping[str, tuple[float, ...]] = {}
        error = None
        try:
            scoring.refuse_non_finite(kept)
            kept = await scoring.extract(task, request, kept, limits)
            scores, kept = await scoring.score(task.scorers_once, instance, kept, answered, limits)
            outcome = scoring.answered_outcome(request, kept)
        except scoring.ScoringFailed as failure:
            outcome, error, scores = failure.outcome, str(failure), failure.scores
        return Response(work.instance_id, instance, request, kept, scores, outcome, error, latency)

    def _watch(self, response: Response) -> None:
        """Stop a run whose provider is gone, instead of failing every instance left."""
        if response.outcome is not Outcome.INFRA_FAILED:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= _PATIENCE:
            self.stopped = True
            way_out = "what is finished is kept; put it right and rerun the same command to resume"
            raise RunFailedError(
                f"{_PATIENCE} requests in a row failed; the last one: {response.error}",
                hint=f"{self._hint}\n{way_out}" if self._hint else way_out,
            )


class EngineClock:
    """Seconds during which at least one request was with the engine, and until the first answer.

    What is left of a run's time is the workbench's own: reading, formatting, scoring, keeping.
    """

    def __init__(self) -> None:
        self.busy = 0.0
        self.first_result: float | None = None
        self.answered = 0
        self._began = time.perf_counter()
        self._in_flight = 0
        self._since = 0.0

    def enter(self) -> None:
        if self._in_flight == 0:
            self._since = time.perf_counter()
        self._in_flight += 1

    def leave(self) -> None:
        self._in_flight -= 1
        self.answered += 1
        if self.first_result is None:
            self.first_result = time.perf_counter() - self._began
        if self._in_flight == 0:
            self.busy += time.perf_counter() - self._since


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


def most_telling(group: BaseExceptionGroup[Any]) -> BaseException:
    """The error that ended a task group: the most telling of them, not the group."""
    leaves: list[BaseException] = []
    stack: list[BaseException] = [group]
    while stack:
        error = stack.pop()
        if isinstance(error, BaseExceptionGroup):
            stack.extend(error.exceptions)
        else:
            leaves.append(exit_failure(error) if isinstance(error, SystemExit) else error)
    telling = [e for e in leaves if not isinstance(e, TransientError)]
    return (telling or leaves)[0]

"""The sitting of one worker of a run that several processes make together, and the one that
finishes the run from what all workers have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.harness.runtime import Harness
from olmo_eval.results import answers
from olmo_eval.results.folder import RunFolder, now
from olmo_eval.results.joint_journals import JointJournals, merge
from olmo_eval.results.journal import JournalGoneError
from olmo_eval.results.ledger import Ledger, Manifest, RunIsOverError
from olmo_eval.results.record import Row
from olmo_eval.results.store import open_run
from olmo_eval.results.summary import Score
from olmo_eval.runner.blocks import Blocks, JointFeed, digest_of
from olmo_eval.runner.feed import Feed, selected
from olmo_eval.runner.job import Job
from olmo_eval.runner.pipeline import Pipeline
from olmo_eval.runner.probe import refuse_other_model
from olmo_eval.runner.progress import Progress
from olmo_eval.runner.session import Session

#: the block that stands for the tables
_FINISH = "finish.0"
#: seconds after which one who waits looks again
_WAIT_SECONDS = 0.5


class JointSession(Session):
    """One worker: it makes the blocks that it can claim until all are done, and then the tables if
    nobody else makes them."""

    def __init__(
        self,
        job: Job,
        harness: Harness,
        folder: RunFolder,
        record: dict[str, Any],
        progress: Progress,
        *,
        ledger: Ledger,
        journals: JointJournals,
    ) -> None:
        super().__init__(job, harness, folder, record, progress)
        self.ledger, self.journals = ledger, journals
        self._whole: list[JointFeed] = []
        self._finder: answers.Finder | None = None
        self._base_cost = 0.0
        self._round: list[JointFeed] = []
        #: blocks that are not done, as far as is known; None before the data was read once
        self._undone: set[str] | None = None

    async def make(self, known: Mapping[str, Any] | None) -> None:
        """Do a worker's part. When this returns, the run has its tables, whoever wrote them."""
        self.record["sessions"] = [self._sitting()]
        found = self._read_base()
        self.blocks = Blocks(
            self.ledger, self.journals, self.redactor.line, self._told, self.progress.message
        )
        self.journal = self.blocks
        self.blocks.start()
        try:
            if found.done and known is not None and any(found.done.values()):
                await self._refuse_other_model()
            await self._make_blocks(found)
            await self._see_finished(known)
        except (RunIsOverError, JournalGoneError, FileNotFoundError):
            if not self.ledger.over:
                raise
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self.blocks.stop()
            self.blocks.close()

    def _sitting(self) -> dict[str, Any]:
        argv = self.record["environment"]["argv"]
        return {
            "started": now(), "host": self.ledger.host, "argv": argv, "worker": self.ledger.worker,
        }  # fmt: skip

    def _told(self) -> dict[str, Any]:
        """What the other workers may know of this one."""
        cost = self._cost - self._base_cost + (self._judges.cost_usd or 0.0)
        if self.job.spec.max_cost is not None:
            others = {k: v for k, v in self.ledger.workers().items() if k != self.ledger.worker}
            self._spent_elsewhere = sum(float(told.get("cost", 0)) for told in others.values())
        return {"session": self.record["sessions"][0], "cost": cost}

    def _read_base(self) -> answers.JournalProgress:
        names = [planned.name for planned in self.job.plan.tasks]
        found = answers.read_progress(self.journals.base(), names, self._see)
        self._base_cost = self._cost
        return found

    async def _make_blocks(self, found: answers.JournalProgress) -> None:
        """Make blocks until all are done."""
        while self._undone is None or self._undone:
            self._round = []
            await self._evaluate(found)
            await anyio.to_thread.run_sync(self.blocks.tell)
            self._whole = self._whole or self._round
            await self._wait_for_blocks()

    async def _wait_for_blocks(self) -> None:
        """Wait until all blocks are done, or one is to be made that its worker has left."""
        told = False
        while True:
            self._undone = set(self.ledger.undone(n for feed in self._whole for n in feed.names))
            if not self._undone:
                return
            self.ledger.refuse_if_over()  # then nothing says any more what was done
            if any(map(self.ledger.claimable, self._undone)):
                return
            if not told:
                self.progress.message(f"{len(self._undone)} blocks are made by other processes")
                told = True
            await anyio.sleep(_WAIT_SECONDS)

    def _feeds(self, found: answers.JournalProgress) -> Sequence[Feed]:
        undone = self._undone
        for number, planned in enumerate(self.job.plan.tasks):
            if undone is None or any(name.split(".")[0] == str(number) for name in undone):
                done = found.done[planned.name]
                self._round.append(JointFeed(planned, done, number, self.blocks))
        return self._round

    def _own(self, found: answers.JournalProgress) -> Sequence[answers.Finder]:
        return [self.blocks, answers.OwnAnswers(found)]

    async def _known(self) -> answers.Finder:
        self._finder = self._finder or await super()._known()
        return self._finder

    async def _refuse_other_model(self) -> None:
        run = open_run(self.journals.location)
        await refuse_other_model(
            self.harness, self.job.plan, run, self.record["model"], self.progress.message
        )

    # -- the pipeline's sink

    def scored(self, planned: Any, answer: Row, *more: Any, **how: Any) -> None:
        super().scored(planned, answer, *more, **how)
        self.blocks.finished(planned.name, answer["instance_id"])

    def finished(self, feed: Feed) -> None:
        name = feed.planned.name
        self.progress.task_finished(name, self._done[name], self._primary(name).mean)

    def notify(self, hook: str, **arguments: Any) -> None:
        if hook == "instance_scored":
            super().notify(hook, **arguments)

    def fail(self, error: BaseException) -> None:
        self.progress.message("this process takes no more part in the run; others go on without it")

    def _note(self, record: Row, offset: int) -> None:
        """Nothing: whoever finishes the run finds where the records stand."""

    # -- the end

    async def _see_finished(self, known: Mapping[str, Any] | None) -> None:
        """Finish the run, or wait until somebody has."""
        told = False
        while not self.ledger.over:
            if self.ledger.claim(_FINISH) is not None:
                await self._finish_run(known)
                return
            if not told:
                self.progress.message("all blocks are done; another process writes the tables")
                told = True
            await anyio.sleep(_WAIT_SECONDS)

    async def _finish_run(self, known: Mapping[str, Any] | None) -> None:
        names = [name for feed in self._whole for name in feed.names]
        manifests = [found for name in names if (found := self.ledger.manifest(name)) is not None]
        if len(manifests) < len(names):
            raise RunIsOverError(f"run {self.folder.run_id} was finished by another process")
        made = RunFolder(self.journals.place / f"finish-{self.ledger.worker}" / self.folder.run_id)
        try:
            self._refuse_other_data(manifests)
            await anyio.to_thread.run_sync(merge, self.journals, manifests, made)
        except DataError:
            if not self.ledger.over:
                self.ledger.end()
                raise
            return
        before = [s for s in (known or {}).get("sessions", ()) if s.get("ended")]
        sessions = [*before, *self._sittings()]
        finishing = FinishingSession(self.job, self.harness, made, self.record, self.progress)
        await finishing.finish(sessions, (known or {}).get("started"))
        if self.ledger.over:
            return
        complete = not made.journal.exists()
        await anyio.to_thread.run_sync(self.journals.publish, made)
        self.ledger.end()
        self.journals.tidy(complete)
        finishing.tell_published()

    def _sittings(self) -> list[dict[str, Any]]:
        """What every worker says of its sitting, this one last."""
        told = [w.get("session") for name, w in self.ledger.workers().items()
                if name != self.ledger.worker]  # fmt: skip
        ordered = sorted((t for t in told if t), key=lambda session: str(session["started"]))
        return [*ordered, self.record["sessions"][0]]

    def _refuse_other_data(self, manifests: Sequence[Manifest]) -> None:
        """Make sure that whoever made a block read the instances that are read here.

        Raises:
            DataError: it was another block, of which the data has changed.
        """
        left = iter(manifests)
        for feed in self._whole:
            ids = [name for name, _ in selected(feed.planned.task)]
            size = self.blocks.size
            for start, manifest in zip(range(0, len(ids), size), left, strict=False):
                block = ids[start : start + size]
                if (len(block), digest_of(block)) != (manifest.instances, manifest.ids):
                    raise DataError(
                        f"{feed.planned.name}: the processes that make the run read different data",
                        hint="see that all have the same data; the same command begins anew",
                    )


class FinishingSession(Session):
    """Writes the tables of a run whose every block is done; nothing is asked again."""

    async def finish(self, sessions: list[dict[str, Any]], started: str | None) -> None:
        """Write the tables and the record. Raises OlmoEvalError."""
        self._sessions, self._started = sessions, started
        self._scores: Sequence[Score] = ()
        await self.make(None)

    def begin(self, known: Mapping[str, Any] | None) -> None:
        self.record.update(
            status="running",
            started=self._started or self._sessions[0]["started"],
            sessions=self._sessions,
        )

    def _read_journal(self) -> answers.JournalProgress:
        """Every instance counts as done: one that failed is asked again by the next command."""
        names = [planned.name for planned in self.job.plan.tasks]
        answered: list[tuple[str, str]] = []

        def see(row: Row, offset: int) -> None:
            self._see(row, offset)
            answered.append((row["task"], row["instance_id"]))

        found = answers.read_progress([self.folder.journal], names, see)
        for task, instance_id in answered:
            found.done[task].add(instance_id)
        return found

    async def _known(self) -> answers.Finder:
        return answers.Nothing()

    def _spend(self) -> None:
        """Nothing is spent any more."""

    def _note_speed(self, pipeline: Pipeline, seconds: float) -> None:
        """Nothing: each worker has told how it went."""

    def tell_finished(self, scores: Sequence[Score] = ()) -> None:
        """Keep the scores: observers are told when the results are where they belong."""
        self._scores = scores

    def tell_published(self) -> None:
        """Tell the observers that the run is finished."""
        super().tell_finished(self._scores)

    def fail(self, error: BaseException) -> None:
        if isinstance(error, OlmoEvalError):
            self.progress.message(f"the tables are not written: {error.message}")

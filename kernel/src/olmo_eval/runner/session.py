"""One sitting of a run: what is done is read, the rest is evaluated, the tables are written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from attrs import asdict

from olmo_eval.common.figures import counted
from olmo_eval.common.types import Identity, Response
from olmo_eval.errors import RunFailedError
from olmo_eval.harness.runtime import Harness
from olmo_eval.judges.calls import JudgeUsage
from olmo_eval.providers.devices import gpu_memory, gpus_needed, visible_gpus
from olmo_eval.results import answers, journal
from olmo_eval.results.anchored_rows import anchored_lines
from olmo_eval.results.deciding import decided_lines
from olmo_eval.results.finalize import TaskMeta
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.health import TRUNCATED_PROMPT, divergence
from olmo_eval.results.places import Places
from olmo_eval.results.record import ANSWER, JUDGED, SCORE, Row, joined
from olmo_eval.results.store import Run, Store, open_run
from olmo_eval.results.tables import write_results
from olmo_eval.runner.anchoring import anchors
from olmo_eval.runner.deciding import DecidedFeed, decision_record, decisions
from olmo_eval.runner.feed import Feed
from olmo_eval.runner.inspect import inspection
from olmo_eval.runner.interrupt import Interrupted, interrupts, most_telling
from olmo_eval.runner.overall import computed_scores
from olmo_eval.runner.pipeline import Pipeline, sampling
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.probe import probe, refuse_other_model
from olmo_eval.runner.progress import Progress
from olmo_eval.runner.running_mean import RunningMean
from olmo_eval.runner.sitting import Sitting

if TYPE_CHECKING:
    from olmo_eval.runner.job import Job

#: members of a suite that a remark names
_NAMED = 8


class Session(Sitting):
    """A run being made: the sink of its pipeline, and the keeper of its record."""

    def __init__(
        self,
        job: Job,
        harness: Harness,
        folder: RunFolder,
        record: dict[str, Any],
        progress: Progress,
    ) -> None:
        super().__init__(job, harness, folder, record, progress)
        self.expected: dict[str, int] = {}
        self._done: Counter[str] = Counter()
        self._means = {
            p.name: {m.key: RunningMean(m.transform) for m in p.task.config.metrics}
            for p in job.plan.tasks
        }
        self._primaries = {p.name: p.primary_key for p in job.plan.tasks}
        self._places = Places(p.name for p in job.plan.tasks)
        self._inspected: set[str] = set()
        self._signalled = False
        self._cost = 0.0
        self._spent_elsewhere = 0.0
        self._judges = JudgeUsage()
        self._truncated: Counter[str] = Counter()
        self._decisions = decisions(job, self.record)
        self._watched = self._manager.observes("instance_scored")

    async def make(self, known: Mapping[str, Any] | None) -> None:
        """Evaluate what is not yet done, then write the tables."""
        began = time.perf_counter()
        if known is not None:
            await self._refuse_other_model()
        self.begin(known)
        found = self._read_journal()
        self.journal: journal.Records = journal.Journal(self.folder.journal, self.redactor.line)
        self.notify("run_started", run=self.record)
        try:
            await self._evaluate(found)
            self._finish("complete", time.perf_counter() - began)
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self.journal.close()

    async def _refuse_other_model(self) -> None:
        run = open_run(str(self.folder.path))
        await refuse_other_model(
            self.harness, self.job.plan, run, self.record["model"], self.progress.message
        )

    def _read_journal(self) -> answers.JournalProgress:
        """What is finished, and what is answered and yet to be scored; the text stays on disk."""
        names = [planned.name for planned in self.job.plan.tasks]
        found = answers.read_progress(self._journals(), names, self._see)
        total = sum(map(len, found.done.values()))
        if total or found.unscored:
            waiting = len(found.unscored)
            more = f", {waiting:,} more are answered and yet to be scored" if waiting else ""
            self.progress.message(
                f"resuming {self.folder.run_id}: "
                f"{counted(total, 'instance is', 'instances are')} done{more}"
            )
        return found

    def _journals(self) -> list[Path]:
        """Those that say what is done: the run's own, which takes in those of its shards."""
        merged = self.folder.merge_shards()
        if merged:
            self.progress.message(f"the answers of {merged} shards are taken in")
        return [self.folder.journal]

    async def _evaluate(self, found: answers.JournalProgress) -> None:
        feeds = self._feeds(found)
        for planned in self.job.plan.tasks:
            self._done[planned.name] = len(found.done[planned.name])
        finder = answers.FirstOf(*self._own(found), await self._known())
        began = time.perf_counter()
        pipeline = Pipeline(self.harness, feeds, self, finder)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen, pipeline)
                try:
                    await pipeline.run()
                except RunFailedError:
                    if not self._signalled:  # an engine may have heard the same Ctrl-C
                        raise
                finally:
                    group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise most_telling(errors) from errors
        finally:
            self._note_speed(pipeline, time.perf_counter() - began)
        self.expected = {f.planned.name: f.expected or f.read for f in feeds}
        self._note_decisions(feeds)
        if pipeline.unscored or not all(feed.exhausted for feed in feeds):
            waiting, kept = pipeline.unscored, sum(self._done.values())
            more = (
                f", {counted(waiting, 'answer is', 'answers are')} yet to be scored"
                if waiting
                else ""
            )
            raise Interrupted(
                f"stopped; {counted(kept, 'instance is', 'instances are')} finished and kept{more}",
                hint="rerun the same command to resume",
            )

    def _feeds(self, found: answers.JournalProgress) -> Sequence[Feed]:
        """The work that is left of every task."""
        return [self._feed(p, found.done[p.name]) for p in self.job.plan.tasks]

    def _feed(self, planned: PlannedTask, done: Collection[str]) -> Feed:
        if planned.name in self._decisions:
            return DecidedFeed(planned, self._decisions[planned.name], done)
        return Feed(planned, done, self.job.shard)

    def _own(self, found: answers.JournalProgress) -> Sequence[answers.Finder]:
        """Where answers of this very run are whose scores are yet to be made."""
        return [answers.OwnAnswers(found)]

    def _note_speed(self, pipeline: Pipeline, seconds: float) -> None:
        """Keep how this sitting went, for `olmo-eval results metrics`."""
        engine = pipeline.engine
        self.record["sessions"][-1].update(
            evaluate_seconds=seconds,
            engine_seconds=engine.busy,
            scoring_seconds=pipeline.scoring.busy,
            first_result_seconds=engine.first_result,
            answered=engine.done,
            retries=self.harness.provider.retries,
            engine={**self._counted(), **self._gpu_memory()},
            sandboxes=self.harness.sandbox_metrics() if self.harness.config.sandboxes else {},
        )

    def _note_decisions(self, feeds: Sequence[Feed]) -> None:
        """Keep what was decided, and say it."""
        decided = [feed for feed in feeds if isinstance(feed, DecidedFeed)]
        if decided:
            self.record["decided"] = {
                f.planned.name: decision_record(f, self.job.against) for f in decided
            }
            for line in decided_lines(self.record):
                self.progress.message(line)

    def _counted(self) -> dict[str, float]:
        """What the provider counted; one that cannot say must not hide how the run ended."""
        try:
            return self.harness.provider.metrics()
        except Exception as error:
            self.progress.message(f"the provider's metrics failed: {error!r}")
            return {}

    def _gpu_memory(self) -> dict[str, float]:
        """GPU memory in use at the end of the work, where the model has GPUs."""
        config = self.job.harness.provider
        gpus = config.devices or visible_gpus()
        used = gpu_memory(gpus) if gpus and gpus_needed(config) else None
        return {} if used is None else {"gpu_memory_bytes": float(used)}

    async def _known(self) -> answers.Finder:
        """Where answers come from that need not be asked for: a recorded run, or earlier ones."""
        if self.job.recorded is not None:
            return answers.RunAnswers(self.job.recorded)
        if not self.job.reuse:
            return answers.Nothing()
        runs = Store(self.job.results).select({"reuse_key": self.record["reuse_key"]})
        related = answers.runs_to_reuse(runs, self.record, by_name=self.job.spec.reuse_by_name)
        if not related:
            self._tell_of_names(runs)
        elif not await self._still_the_same(related):
            return answers.Nothing()
        return answers.Answers(lambda: related, self.record["lock"]["scoring"])

    def _tell_of_names(self, runs: Sequence[Run]) -> None:
        """Say that answers are there which only a name vouches for."""
        if answers.runs_to_reuse(runs, self.record, by_name=True):
            name = self.record["model"]["name"]
            self.progress.message(
                f"{name} is known by its name alone, which does not say which weights answered: "
                "answers of earlier runs are not used (--reuse-by-name takes them over)"
            )

    async def _still_the_same(self, related: Sequence[Run]) -> bool:
        """Whether the model of earlier runs still answers as it did; said where it does not."""
        if not Identity.of(self.record["model"]).may_change:
            return True
        found = await probe(self.harness, self.job.plan, answers.Answers(lambda: related))
        if not found.same_model:
            self.progress.message(
                f"answers of earlier runs are not used: {found.asked - found.agreed} of "
                f"{found.asked} come out otherwise now, so the server serves another model"
            )
        return found.same_model

    async def _listen(self, pipeline: Pipeline) -> None:
        """First Ctrl-C: finish what is in flight. Second: stop at once."""
        with interrupts() as heard:
            async for _ in heard:
                if pipeline.stopped:
                    self.journal.sync()
                    raise Interrupted(
                        "stopped at once; what was finished is kept",
                        hint="rerun the same command to resume",
                    )
                self._signalled = True
                pipeline.stop()
                self.progress.message("finishing what is in flight; Ctrl-C again stops at once")

    # -- the pipeline's sink

    def started(self, feed: Feed) -> None:
        name = feed.planned.name
        self.progress.task_started(name, feed.share, self._done[name])

    def answered(self, planned: PlannedTask, answer: Row) -> None:
        self._keep(planned.name, answer)
        self._count_answer(planned.name, answer)
        self._spend()

    async def show(
        self, planned: PlannedTask, answer: Row, score: Row | None, told: Response
    ) -> None:
        """The first instance of each task, where ``--inspect`` asks for it."""
        name = planned.name
        if self.job.spec.inspect and name not in self._inspected:
            self._inspected.add(name)
            params = sampling(planned, planned.task.get_sampling_params(told.instance))
            row = joined(deepcopy(answer), score)
            shown = await inspection(
                name, row, told, params, self.job.spec.inspect, self.harness.provider
            )
            self.progress.message(self.redactor.text(shown))

    def scored(
        self,
        planned: PlannedTask,
        answer: Row,
        score: Row | None,
        told: Response,
        *,
        with_answer: bool = False,
    ) -> None:
        name = planned.name
        records = ([answer] if with_answer else []) + ([] if score is None else [score])
        if records:
            self._keep(name, *records)
        if score is not None:
            self._count_score(name, score)
            self._spend()
        elif name in self._decisions:
            self._decisions[name].see(answer["instance_id"], None)
        self._done[name] += 1
        self.progress.advanced(name, self._done[name], self._primary(name).mean)
        if self._watched:
            self.notify("instance_scored", run_id=self.folder.run_id, task=name, response=told)
        if with_answer:
            self._count_answer(name, answer)
            self._spend()

    def _keep(self, task: str, *records: Row) -> None:
        for record in records:
            record["task"] = task
        for record, offset in zip(records, self.journal.append(*records), strict=True):
            self._note(record, offset)

    def _note(self, record: Row, offset: int) -> None:
        """Remember where a record stands in the journal, for the tables."""
        self._places.put(record, offset)

    def _spend(self) -> None:
        """End the run when its answers and its judges have cost more than it may spend.

        Raises:
            RunFailedError: everything answered so far is kept.
        """
        limit, judges = self.job.spec.max_cost, self._judges.cost_usd or 0.0
        answered = self._cost + self._spent_elsewhere
        if limit is not None and answered + judges > limit:
            more = f" and judges ${judges:.2f}" if judges else ""
            raise RunFailedError(
                f"the answers have cost ${answered:.2f}{more}, more than --max-cost {limit:g}",
                hint="what is finished is kept; a higher --max-cost goes on",
            )

    def _see(self, row: Row, offset: int) -> None:
        """Take in a record that an earlier sitting left."""
        self._note(row, offset)
        task = row["task"]
        kind = row.get("kind")  # of a record of schema version 1 there is none: it is both
        if kind != SCORE:
            self._count_answer(task, row)
        if kind != ANSWER:
            self._count_score(task, row)

    def _count_answer(self, task: str, answer: Mapping[str, Any]) -> None:
        """Take an answer into the cost, and the count of prompts that did not fit the model."""
        self._cost += answer.get("cost_usd") or 0.0
        if any(TRUNCATED_PROMPT in (o.get("metadata") or "") for o in answer["outputs"]):
            self._truncated[task] += 1

    def _count_score(self, task: str, score: Mapping[str, Any]) -> None:
        """Take an instance into the running score that progress shows, and what judges took."""
        if score.get(JUDGED[0]):
            self._judges = self._judges.plus(JudgeUsage(*(score[key] for key in JUDGED)))
        if task in self._decisions:
            self._decisions[task].see(
                score["instance_id"], score["values"].get(self._primaries[task])
            )
        means = self._means[task]
        for key, value in score["values"].items():
            if value is not None and key in means:
                means[key].add(value, score["weights"].get(key, 1.0))

    def _primary(self, task: str) -> RunningMean:
        return self._means[task][self._primaries[task]]

    def finished(self, feed: Feed) -> None:
        name = feed.planned.name
        self.journal.sync()
        done, primary = self._done[name], self._primary(name)
        self.progress.task_finished(name, done, primary.mean)
        if primary.n < done:
            self.progress.message(f"{name}: {done - primary.n:,} of {done:,} have no score")
        scores = {key: mean.score for key, mean in self._means[name].items()}
        self.notify("task_finished", run_id=self.folder.run_id, task=name, metrics=scores)

    # -- the end

    def _finish(self, status: str, seconds: float) -> None:
        self.journal.sync()
        tasks = [
            TaskMeta(
                p.name,
                p.task.config.metrics,
                tuple(s.name for s in p.task.scorers_once),
                p.primary_key,
                computed_scores(self.folder.journal, p, self._places),
            )
            for p in self.job.plan.tasks
        ]
        results = write_results(
            self.folder,
            self.record,
            tasks,
            self.job.plan.suites,
            self.expected,
            self._places,
            anchors(self.job, self.record),
        )
        for line in anchored_lines(self.record):
            self.progress.message(line)
        if self._judges.calls:
            self.record["judge_usage"] = asdict(self._judges)
        notes = [*self.record.pop("remarks", ()), *map(_left_out, self.job.plan.left_out.items())]
        notes += [
            f"{name}: {counted(count, 'prompt was', 'prompts were')} longer than the model's "
            "context, and cut on the left"
            for name, count in self._truncated.items()
        ]
        for note in [*notes, *self.harness.notes(), *self.harness.provider.notes()]:
            self.remark(note)
        missing = any(not score.complete for score in results)
        diverged = divergence(self.record)
        if diverged:
            self.record["error"] = diverged
            status = "diverged"
        self.close("incomplete" if missing and not diverged else status, seconds)
        if not missing:
            self.folder.drop_journal()
        self.tell_finished(results)


def _left_out(suite: tuple[str, tuple[str, ...]]) -> str:
    name, members = suite
    some = ", ".join(members[:_NAMED]) + (" ..." if len(members) > _NAMED else "")
    count = f"{len(members)} member{'s' * (len(members) > 1)}"
    return f"suite {name} has no score: the data of {count} is not there: {some}"

"""One run, from its plan to its tables: started, resumed, interrupted, finished."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio

from olmo_eval.common.types import Identity
from olmo_eval.errors import DataError, ProviderError, UsageError
from olmo_eval.harness.answered import inspecting
from olmo_eval.harness.refusals import sandboxes_in_use
from olmo_eval.harness.runtime import Harness
from olmo_eval.results import ledger
from olmo_eval.results.amend import set_step
from olmo_eval.results.facts import read_record
from olmo_eval.results.folder import RunFolder, new_run_id, runs_of
from olmo_eval.results.locking import is_held, run_lock
from olmo_eval.results.remote_run import made_at, staging_root
from olmo_eval.results.shared import joint_store
from olmo_eval.results.store import Run, Store, open_run
from olmo_eval.runner.anchoring import anchors
from olmo_eval.runner.deciding import decisions
from olmo_eval.runner.external_session import ExternalSession
from olmo_eval.runner.interrupt import cancelled_by_interrupts, exits_are_failures
from olmo_eval.runner.job import Job
from olmo_eval.runner.probe import refuse_other_model
from olmo_eval.runner.progress import Progress
from olmo_eval.runner.record import run_record
from olmo_eval.runner.session import Session
from olmo_eval.runner.shard import Shard
from olmo_eval.runner.shard_session import ShardSession, begin_shards
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.reachable import reach


def execute(job: Job, progress: Progress) -> str:
    """Make the run; returns where its results are.

    A run of the same identity that is unfinished is resumed, one that is complete is returned.

    Raises:
        UsageError: it is refused before anything is loaded. Interrupted: Ctrl-C. OlmoEvalError:
            it failed; what is finished is kept, and the same command resumes.
    """
    refuse_impossible(job)
    record = run_record(job)
    decisions(job, record)  # refuses what nothing can be decided against
    anchors(job, record)  # ... and what cannot be anchored
    root = local_root(job.results)
    if job.shard is not None:
        return _execute_shard(job, job.shard, root, record, progress)
    with ends_like_ctrl_c(), run_lock(root, record["identity"], progress.message):
        if "://" in job.results:
            return _execute_at_url(job, root, record, progress)
        folder = choose_folder(root, job, record["identity"], runs_of(root, record["identity"]))
        refuse_shards_being_made(root, record["identity"], folder)
        _end_joint_making(job, record["identity"], progress)
        _see_through(job, folder, record, progress)
        return str(folder.path)


def _execute_shard(
    job: Job, shard: Shard, root: Path, record: dict[str, Any], progress: Progress
) -> str:
    """Make one part of the run, beside processes that make the others."""
    identity = record["identity"]
    with ends_like_ctrl_c():
        with run_lock(root, identity, progress.message):  # the first one begins the run
            folder = choose_folder(root, job, identity, runs_of(root, identity))
            known = folder.read_json()
            if known is not None and known["status"] == "complete":
                progress.message(f"run {folder.run_id} is complete; --fresh makes it anew")
                return str(folder.path)
            if known is None:
                begin_shards(job, folder, record)
        with run_lock(root, f"{identity}-{shard.name}", progress.message), exits_are_failures():
            folder = RunFolder(folder.path, shard.name)
            known = folder.read_json()
            anyio.run(make, job, folder, record, known, progress, ShardSession)
    return str(folder.path)


def refuse_shards_being_made(root: Path, identity: str, folder: RunFolder) -> None:
    """Raise where a process still makes a shard of the run."""
    for path in folder.shard_journals:
        if is_held(root, f"{identity}-{path.stem}"):
            raise UsageError(
                f"{path.stem} is being made by another process",
                hint="wait for it, or stop it: what it has answered is kept",
            )


def _execute_at_url(job: Job, root: Path, record: dict[str, Any], progress: Progress) -> str:
    """Make the run in the staging folder ``root``, safe in the store at a URL all the while."""
    earlier = run_at_url(job.results, record["identity"])
    if earlier is not None and not job.spec.fresh and is_whole(earlier, False, progress):
        tell_of_whole(job, earlier, record, progress)
        return earlier.location
    staged = [] if earlier is None else [RunFolder(root / "runs" / Path(earlier.location).name)]
    folder = choose_folder(root, job, record["identity"], staged)
    _end_joint_making(job, record["identity"], progress)
    with made_at(job.results, folder, progress.message):
        _see_through(job, folder, record, progress)
    return f"{job.results.rstrip('/')}/runs/{folder.run_id}"


def _end_joint_making(job: Job, identity: str, progress: Progress) -> None:
    """Take the run over from processes that made it together; at a URL, nobody can tell whether
    they still do.

    Raises:
        UsageError: they may.
    """
    store = joint_store(job.results)
    number, plan = ledger.latest(store, identity)
    if plan is None:
        return
    if "://" in job.results:
        raise UsageError(
            f"run {plan.run_id} is made by processes that have joined",
            hint="--workers join takes part, and finishes it where they are gone",
        )
    progress.message(f"run {plan.run_id} is taken over from processes that made it together")
    ledger.Ledger(store, identity, number, plan, "alone").end()


def run_at_url(results: str, identity: str) -> Run | None:
    """The newest run of an identity in the store at a URL.

    Raises:
        DataError: it is there but cannot be read.
    """
    for run in reversed(Store(results).select({"identity": identity})):
        with contextlib.suppress(FileNotFoundError):  # deleted, and not noticed yet
            return Run(run.location, read_record(run.location))
    return None


def _see_through(job: Job, folder: RunFolder, record: dict[str, Any], progress: Progress) -> None:
    """Make the run in ``folder``, or what is missing of it."""
    known = folder.read_json()
    run = None if known is None else open_run(str(folder.path))
    if run is not None and is_whole(run, folder.journal.is_file(), progress):
        tell_of_whole(job, run, record, progress)
        return
    with exits_are_failures():
        sitting = Session if job.external is None else ExternalSession
        anyio.run(make, job, folder, record, known, progress, sitting)


def tell_of_whole(job: Job, run: Run, record: Mapping[str, Any], progress: Progress) -> None:
    """Say that the run is there; it gets the training step that the command gives."""
    if Identity.of(record["model"]).may_change:
        anyio.run(_check_model, job, run, record["model"], progress)
    progress.message(f"run {run.run_id} is complete; --fresh makes it anew")
    step = job.spec.step
    if step is not None and run.record["model"].get("step") != step:
        set_step(run, step)
        progress.message(f"run {run.run_id} now has the step {step}")


def is_whole(run: Run, journal: bool, progress: Progress) -> bool:
    """Whether a run is complete and has all its tables; ``journal`` says that it has its journal.

    Raises:
        DataError: tables are missing, and the journal they would be written from as well.
    """
    if run.record["status"] != "complete":
        return False
    missing = run.missing_tables()
    if not missing:
        return True
    named = f"run {run.run_id} is complete, but {', '.join(missing)}"
    if not journal:
        raise DataError(f"{named} is missing", hint="--fresh makes the run anew")
    progress.message(f"{named} is missing; it is written again from the journal")
    return False


def _terminated(_number: int, frame: Any) -> None:
    """End like Ctrl-C, also where Ctrl-C itself is ignored (nohup, a script's background)."""
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        signal.default_int_handler(signal.SIGINT, frame)
    signal.raise_signal(signal.SIGINT)


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """SIGTERM (a scheduler's) is taken for Ctrl-C, so that engines and sandboxes are closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def refuse_impossible(job: Job) -> None:
    """Raise what speaks against the run, before anything is loaded."""
    external = job.external
    needs = job.plan.needs() if external is None else external.needs(job.harness)
    plan = job.plan
    episodes = plan.episodes() if external is None else [external.episode()]
    reasons = Harness.refusals(job.harness, needs, plan.scoring_needs(), plan.sampling(), episodes)
    reasons += _gone(job)
    reasons += [] if external is None else external.missing_secrets()
    for planned in job.plan.tasks:
        missing = [s for s in planned.task.config.required_secrets if not os.environ.get(s)]
        reasons += [f"task {planned.name!r} needs the environment variable {s}" for s in missing]
    if reasons:
        first, *others = reasons
        more = f" ({len(others)} more: {'; '.join(others)})" if others else ""
        raise UsageError(f"{first}{more}")


def _gone(job: Job) -> list[str]:
    """Scorers that would look at an environment of which only the answer was recorded."""
    recorded = job.recorded is not None or job.harness.provider.kind == "replay"
    if not recorded or job.harness.scaffold is None:
        return []
    return [
        f"task {planned.name!r}: the scorer {scorer.name!r} looks at the environment that an agent "
        "left, and a recorded answer has none: `olmo-eval run` asks the model again"
        for planned in job.plan.tasks
        for scorer in inspecting(planned.task)
    ]


def local_root(results: str) -> Path:
    """The local folder to write to: the results folder itself, or a place to stage a URL's."""
    if "://" not in results:
        return Path(results)
    return staging_root(results)


def choose_folder(root: Path, job: Job, identity: str, earlier: Sequence[RunFolder]) -> RunFolder:
    """The run to go on with, else a new one."""
    if earlier and not job.spec.fresh:
        return earlier[-1]
    name = new_run_id(job.model, identity)
    unique, n = name, 2
    while (root / "runs" / unique).exists():
        unique, n = f"{name}-{n}", n + 1
    return RunFolder(root / "runs" / unique)


async def _check_model(job: Job, run: Run, facts: Mapping[str, Any], progress: Progress) -> None:
    """Refuse to show a run as that of a model which is another by now.

    Raises:
        UsageError: the server answers otherwise than it did. A server that is not reached is no
            reason not to show what it answered.
    """
    try:
        async with Harness(job.harness, run_id=run.run_id) as harness:
            await refuse_other_model(harness, job.plan, run, facts, progress.message)
    except ProviderError as error:
        progress.message(f"not checked whether {facts['name']} is the same model: {error.message}")


class Makes(Protocol):
    """What makes a run, once its model is loaded: a class of sittings."""

    def __call__(
        self,
        job: Job,
        harness: Harness,
        folder: RunFolder,
        record: dict[str, Any],
        progress: Progress,
    ) -> MadeRun: ...


class MadeRun(Protocol):
    async def make(self, known: Mapping[str, Any] | None) -> None: ...


def _sandboxes_in_use(job: Job) -> list[SandboxConfig]:
    external = job.external
    episodes = job.plan.episodes() if external is None else [external.episode()]
    return sandboxes_in_use(job.harness, job.plan.scoring_needs(), episodes)


async def make(
    job: Job,
    folder: RunFolder,
    record: dict[str, Any],
    known: Mapping[str, Any] | None,
    progress: Progress,
    sitting: Makes,
) -> None:
    """Load the model and have a sitting make the run in ``folder``; ``known`` is what an earlier
    one left. Raises OlmoEvalError, and does so before anything is loaded where the engine of a
    sandbox that will be needed does not answer."""
    with cancelled_by_interrupts():
        await reach(_sandboxes_in_use(job))
        began = time.perf_counter()
        async with Harness(job.harness, run_id=folder.run_id) as harness:
            facts = {k: v for k, v in harness.provider.describe().items() if v is not None}
            record["model"] = {**facts, **record["model"]}
            if known is not None and job.spec.step is None:  # what an earlier command said stays
                record["model"]["step"] = known["model"].get("step", job.step)
            record["load_seconds"] = time.perf_counter() - began
            await sitting(job, harness, folder, record, progress).make(known)

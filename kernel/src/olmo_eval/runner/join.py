"""A run that several processes of one command make together: on one machine or many, that reach
one results folder or URL."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from olmo_eval.common.convert import to_json
from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError, UsageError
from olmo_eval.results import ledger as ledgers
from olmo_eval.results.folder import RunFolder, now, runs_of, unwritable
from olmo_eval.results.joint_journals import JointJournals, LocalJournals, RemoteJournals
from olmo_eval.results.lease import is_leased
from olmo_eval.results.ledger import Ledger, Plan
from olmo_eval.results.locking import forget_locks, is_held, run_lock, this_host
from olmo_eval.results.redact import Redactor
from olmo_eval.results.remote_run import staging_root
from olmo_eval.results.shared import JOINED, joint_store
from olmo_eval.results.store import Run, open_run
from olmo_eval.runner.interrupt import exits_are_failures
from olmo_eval.runner.job import Job
from olmo_eval.runner.joint_session import JointSession
from olmo_eval.runner.progress import Progress
from olmo_eval.runner.record import run_record
from olmo_eval.runner.run import (
    choose_folder,
    ends_like_ctrl_c,
    is_whole,
    make,
    refuse_impossible,
    refuse_shards_being_made,
    run_at_url,
    tell_of_whole,
)

#: the fewest instances of a block: a claim and a commit cost a few requests of the store
_BLOCK = 64
#: for so long the record of a run is waited for that another process has just begun
_RECORD_SECONDS = 5.0


def execute_joined(job: Job, progress: Progress) -> str:
    """Take part in making the run; returns where its results are, when it has its tables.

    Raises:
        UsageError: it is refused before anything is loaded. Interrupted: Ctrl-C. OlmoEvalError:
            this process failed; what is finished is kept, and others go on.
    """
    refuse_impossible(job)
    record = run_record(job)
    with ends_like_ctrl_c(), _named_errors(job.results):
        if "://" in job.results:
            return _join(_AtUrl(job, record, progress))
        with run_lock(Path(job.results), record["identity"], progress.message, shared=True):
            return _join(_InFolder(job, record, progress))


@contextmanager
def _named_errors(results: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if "://" not in results:
            raise unwritable(error, Path(results)) from error
        raise DataError(
            f"cannot use {results}: {error}",
            hint=way_out(error, "what is finished is kept; rerun the same command to go on"),
        ) from error


class _Joined:
    """One process that takes part: the run, and where it lies."""

    def __init__(self, job: Job, record: dict[str, Any], progress: Progress) -> None:
        self.job, self.record, self.progress = job, record, progress
        self.worker = secrets.token_hex(6)
        self.store = joint_store(job.results)

    @property
    def identity(self) -> str:
        return str(self.record["identity"])

    def earlier(self) -> Run | None:
        """The run of this identity that is there; it may be finished."""
        raise NotImplementedError

    def new_id(self) -> str:
        """The id of the run to go on with, or of a new one."""
        raise NotImplementedError

    def journals(self, run_id: str, place: str) -> JointJournals:
        raise NotImplementedError

    @contextmanager
    def at_work(self) -> Iterator[Mapping[str, Any]]:
        """In the block others can tell that this process is there; gives settings of the ledger."""
        yield {}

    def tidy(self) -> None:
        """Remove what no worker of a finished run needs."""

    def location(self, run_id: str) -> str:
        return f"{self.job.results.rstrip('/')}/runs/{run_id}"


class _InFolder(_Joined):
    """In a folder that all processes have mounted."""

    @property
    def root(self) -> Path:
        return Path(self.job.results)

    def earlier(self) -> Run | None:
        found = runs_of(self.root, self.identity)
        return open_run(str(found[-1].path)) if found else None

    def new_id(self) -> str:
        found = runs_of(self.root, self.identity)
        folder = choose_folder(self.root, self.job, self.identity, found)
        refuse_shards_being_made(self.root, self.identity, folder)
        return folder.run_id

    def journals(self, run_id: str, place: str) -> JointJournals:
        return LocalJournals(RunFolder(self.root / "runs" / run_id), self.root / JOINED / place)

    @contextmanager
    def at_work(self) -> Iterator[Mapping[str, Any]]:
        def name(worker: str) -> str:
            return f"{self.identity}-worker-{worker}"

        with run_lock(self.root, name(self.worker), self.progress.message):
            yield {
                "host": this_host(self.root),
                "is_held": lambda worker: is_held(self.root, name(worker)),
            }

    def tidy(self) -> None:
        forget_locks(self.root, f"{self.identity}-worker-")


class _AtUrl(_Joined):
    """In an object store: each process writes to a folder of its own, and copies from there."""

    @property
    def root(self) -> Path:
        return staging_root(self.job.results) / "joined" / self.worker

    def earlier(self) -> Run | None:
        return run_at_url(self.job.results, self.identity)

    def new_id(self) -> str:
        run = self.earlier()
        if run is None:
            return choose_folder(self.root, self.job, self.identity, []).run_id
        if is_leased(*open_filesystem(run.location)):
            raise UsageError(
                f"run {run.run_id} is being made by a process alone",
                hint="wait for it, or stop it: then --workers join goes on with the run",
            )
        return run.run_id

    def journals(self, run_id: str, place: str) -> JointJournals:
        folder = RunFolder(self.root / "runs" / run_id)
        return RemoteJournals(self.job.results, folder, self.root, self.progress.message)

    @contextmanager
    def at_work(self) -> Iterator[Mapping[str, Any]]:
        try:
            yield {}
        finally:
            shutil.rmtree(self.root, ignore_errors=True)


def _join(joined: _Joined) -> str:
    """Join those who make the run, or begin to make it."""
    job, progress = joined.job, joined.progress
    while True:
        run = joined.earlier()
        number, plan = ledgers.latest(joined.store, joined.identity)
        if run is not None and is_whole(run, False, progress):
            if plan is not None:  # whoever wrote the tables was killed before it said so
                Ledger(joined.store, joined.identity, number, plan, joined.worker).end()
            tell_of_whole(job, run, joined.record, progress)
            return run.location
        begun = plan is None
        if plan is None:
            joined.store.refuse_without_conditions()
            number, plan = number + 1, Plan(joined.new_id(), max(_BLOCK, _concurrency(job)))
            if not ledgers.begin(joined.store, joined.identity, number, plan, joined.worker):
                continue  # another process has, in this moment
        progress.message(f"run {plan.run_id} is {'begun' if begun else 'joined'} by this process")
        known = None if run is None else run.record
        with joined.at_work() as settings:
            ledger = Ledger(joined.store, joined.identity, number, plan, joined.worker, **settings)
            _take_part(joined, ledger, known, begun)
        joined.tidy()
        return joined.location(plan.run_id)


def _concurrency(job: Job) -> int:
    return job.harness.max_concurrency or 1


def _take_part(
    joined: _Joined, ledger: Ledger, known: Mapping[str, Any] | None, begun: bool
) -> None:
    journals = joined.journals(ledger.plan.run_id, ledger.place)
    if begun or not _has_record(joined):
        _begin(joined, journals, known, ledger)

    sitting = partial(JointSession, ledger=ledger, journals=journals)

    with exits_are_failures():
        anyio.run(make, joined.job, journals.folder, joined.record, known, joined.progress, sitting)


def _has_record(joined: _Joined) -> bool:
    """Whether the process that began the run has written its record, and was not killed before."""
    deadline = time.monotonic() + _RECORD_SECONDS
    while joined.earlier() is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _begin(
    joined: _Joined, journals: JointJournals, known: Mapping[str, Any] | None, ledger: Ledger
) -> None:
    """Write the record of a run that is being made together from now on."""
    redactor = Redactor()
    redactor.learn(to_json(joined.job.harness))
    moment = now()
    begun = {
        "run_id": ledger.plan.run_id,
        **joined.record,
        "status": "running",
        "started": (known or {}).get("started") or moment,
        "sessions": [*(known or {}).get("sessions", ()), {"started": moment, "host": ledger.host}],
    }
    journals.folder.write_json(redactor.value(begun))
    journals.send_record()

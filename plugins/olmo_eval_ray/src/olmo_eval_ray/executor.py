"""Runs on a Ray cluster: each worker is an actor that holds a model, and takes a part of the run
when it is free."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define

from olmo_eval import errors
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.extras import require
from olmo_eval.providers.devices import gpus_needed
from olmo_eval.results.redact import Redactor
from olmo_eval.runner.executor import Executor
from olmo_eval.runner.interrupt import Interrupted
from olmo_eval.runner.progress import Progress
from olmo_eval.runner.resolve import resolve
from olmo_eval.runner.run import ends_like_ctrl_c, refuse_impossible
from olmo_eval.runner.spec import RunSpec
from olmo_eval_ray.parcel import Parcel, packed
from olmo_eval_ray.worker import Ended, Worker

_INSTALL = "pip install 'olmo-eval-ray[ray]'"
#: seconds between two looks at the workers
_LOOK_SECONDS = 0.5
_CONNECT_SECONDS = 10.0
#: how often a worker that was lost with its node is started again, over all workers
_MOST_LOST = 100


class RayExecutor(Executor):
    """Divides a run among the workers of a Ray cluster.

    ``address`` is the cluster's (``auto``, ``HOST:PORT``, ``ray://...``; without one RAY_ADDRESS,
    a cluster that runs here, or a new one of this machine); ``workers`` how many replicas of the
    model there are: as many as its GPUs allow, else one a node.
    """

    takes = frozenset({"address", "workers"})

    def execute(self, spec: RunSpec, progress: Progress) -> str:
        ray = require("ray", _INSTALL, "the executor ray needs Ray")
        if spec.fresh:
            raise UsageError(
                "fresh and workers exclude each other", hint="give the run another --name instead"
            )
        job = resolve(spec)
        refuse_impossible(job)
        with ends_like_ctrl_c(), self._cluster(ray, progress), _probe(spec.results) as probe:
            gpus = gpus_needed(job.harness.provider)
            crew = _Crew(ray, packed(spec, probe), gpus, progress)
            try:
                crew.start(self._count(ray, gpus))
                return crew.see_through()
            finally:
                crew.dismiss()

    @contextmanager
    def _cluster(self, ray: Any, progress: Progress) -> Iterator[None]:
        """Connected to the cluster, unless the process is."""
        if ray.is_initialized():
            yield
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = self.settings.get("address") or os.environ.get("RAY_ADDRESS")
        _refuse_unreached(address)
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _unreached(str(error).splitlines()[0]) from error
        nodes = [node for node in ray.nodes() if node["Alive"]]
        progress.message(f"Ray cluster of {len(nodes)} node{'s' if len(nodes) != 1 else ''}")
        try:
            yield
        finally:
            ray.shutdown()

    def _count(self, ray: Any, gpus: int) -> int:
        """How many workers to start.

        Raises:
            UsageError: the cluster has no place for one.
        """
        wanted: int | None = self.settings.get("workers")
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not gpus:
            return wanted or max(1, len([n for n in nodes if n.get("CPU")]))
        places = sum(int(node.get("GPU", 0)) // gpus for node in nodes)
        if not places:
            raise UsageError(
                f"the model takes {gpus} GPUs, and no node of the cluster has as many",
                hint="a provider that spreads a model over nodes runs as a server of its own: "
                "provider.base_url",
            )
        return wanted or places


def _refuse_unreached(address: str | None) -> None:
    """Raise where nobody listens at ``HOST:PORT``: Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise _unreached(f"{address}: {error.strerror or error}") from error


def _unreached(reason: str) -> UsageError:
    return UsageError(
        f"no Ray cluster is reached: {reason}",
        hint="start Ray on a node, or name a cluster that runs: --address HOST:PORT",
    )


@contextmanager
def _probe(results: str) -> Iterator[str]:
    """A file in the results folder by which workers see that it is theirs too."""
    if "://" in results:
        yield ""
        return
    path = Path(results).resolve() / f".seen-{secrets.token_hex(6)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise OlmoEvalError(
            f"cannot write results to {results}: {error.strerror or error}",
            hint="choose another folder with --results",
        ) from error
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


@define
class _Member:
    """A worker, and what it is to return."""

    number: int
    actor: Any
    result: Any
    told: Any = None


class _Crew:
    """The workers of one run."""

    def __init__(self, ray: Any, parcel: Parcel, gpus: int, progress: Progress) -> None:
        self.ray, self.parcel, self.gpus, self.progress = ray, parcel, gpus, progress
        self._members: list[_Member] = []
        self._lost = self._interrupts = self._started = 0
        self._failures: list[Ended] = []
        self._tasks: set[str] = set()
        self._clean = Redactor().text

    def start(self, count: int) -> None:
        self.progress.message(f"{count} worker{'s' if count != 1 else ''}")
        for _ in range(count):
            self._start_one()

    def _start_one(self) -> None:
        remote = self.ray.remote(
            num_cpus=1, num_gpus=self.gpus, max_concurrency=2, scheduling_strategy="SPREAD"
        )(Worker)
        actor = remote.remote()
        self._started += 1
        self._members.append(_Member(self._started, actor, actor.make.remote(self.parcel)))

    def see_through(self) -> str:
        """Wait until the run has its tables; returns where.

        Raises:
            Interrupted: Ctrl-C. OlmoEvalError: every worker has failed; the error of the first.
        """
        location: str | None = None
        while self._members:
            try:
                ready, _ = self.ray.wait(
                    [m.result for m in self._members], num_returns=1, timeout=_LOOK_SECONDS
                )
                self._hear()
                for member in [m for m in self._members if m.result in ready]:
                    location = self._take(member) or location
                if location is not None:
                    return location
            except KeyboardInterrupt:
                self._interrupt()
        if self._interrupts:
            raise Interrupted("stopped; what is finished is kept", hint="rerun to resume")
        raise self._failure()

    def _take(self, member: _Member) -> str | None:
        """Take in how a worker ended; one that was lost with its node is started again."""
        from ray.exceptions import RayError

        self._members.remove(member)
        try:
            ended: Ended = self.ray.get(member.result)
        except RayError as error:
            self._lost += 1
            said = str(error).strip().splitlines()[0]
            self.progress.message(f"worker {member.number} is lost: {self._clean(said)}")
            if not self._interrupts and self._lost <= _MOST_LOST:
                self._start_one()
            else:
                self._failures.append(Ended(error=f"worker {member.number} is lost: {said}"))
            return None
        if ended.location is None:
            self._failures.append(ended)
            if not self._interrupts:
                self.progress.message(f"worker {member.number} ends: {ended.error}")
        return ended.location

    def _hear(self) -> None:
        """Pass on what workers have told, as soon as it is there."""
        for member in self._members:
            if member.told is None:
                member.told = member.actor.told.remote()
        asked = {m.told: m for m in self._members}
        ready, _ = self.ray.wait(list(asked), num_returns=len(asked), timeout=0.05)
        for reference in ready:
            member = asked[reference]
            member.told = None
            try:
                told = self.ray.get(reference)
            except self.ray.exceptions.RayError:
                continue  # it is lost, which its result says
            for name, arguments in told:
                self._pass_on(member, name, arguments)

    def _pass_on(self, member: _Member, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "message":
            self.progress.message(f"worker {member.number}: {arguments[0]}")
            return
        task = f"{arguments[0]} (worker {member.number})"
        if name != "task_started" and task not in self._tasks:
            return
        self._tasks.add(task)
        getattr(self.progress, name)(task, *arguments[1:])

    def _interrupt(self) -> None:
        self._interrupts += 1
        if self._interrupts > 2:
            raise Interrupted("stopped at once; what was finished is kept", hint="rerun to resume")
        self.progress.message("the workers finish what is in flight; Ctrl-C again stops at once")
        for member in self._members:
            member.actor.stop.remote()

    def dismiss(self) -> None:
        """End the workers that are left: the run has its tables, or is given up."""
        deadline = time.monotonic() + (2.0 if not self._interrupts else 0.0)
        if self._members and not self._interrupts:  # they notice by themselves, in an orderly way
            left = [m.result for m in self._members]
            self.ray.wait(left, num_returns=len(left), timeout=deadline - time.monotonic())
        for member in self._members:
            self.ray.kill(member.actor)

    def _failure(self) -> OlmoEvalError:
        first = self._failures[0]
        kinds: Mapping[str, Any] = vars(errors)
        kind = kinds.get(first.kind or "", OlmoEvalError)
        if not (isinstance(kind, type) and issubclass(kind, OlmoEvalError)):
            kind = OlmoEvalError
        return kind(first.error or "every worker has ended", hint=first.hint)

"""The watch: looks for checkpoints, evaluates each once, and says how it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal, Protocol

from attrs import define, evolve, field, frozen

from olmo_eval.checkpoints.folder import Checkpoint, CheckpointFolder
from olmo_eval.checkpoints.layouts import Standing
from olmo_eval.common.overrides import Override
from olmo_eval.errors import OlmoEvalError
from olmo_eval.providers.fingerprint import folder_fingerprint
from olmo_eval.results.run import open_run
from olmo_eval.runner.spec import RunSpec
from olmo_eval.watching.conversion import convert, converter_of, no_model
from olmo_eval.watching.evaluation import Evaluated, Evaluation
from olmo_eval.watching.holding import Holder, VanishedError
from olmo_eval.watching.ledger import DONE, GONE, SKIPPED, Claim, Entry, Ledger
from olmo_eval.watching.standing import Standings, standings

WhenBehind = Literal["queue", "newest", "skip"]


class Audience(Protocol):
    """Whoever is told how the watch goes."""

    def message(self, text: str) -> None: ...

    def line(self, title: str, text: str) -> None:
        """A line that an evaluation printed."""

    def evaluated(self, entry: Entry, found: Standings) -> None: ...


@frozen
class Policy:
    """What a watch does when.

    - ``when_behind``: several checkpoints wait: ``queue`` takes the oldest, ``newest`` the newest
      first and the others later, ``skip`` the newest alone;
    - ``until_step``: ends when a checkpoint of this step or a later one is evaluated;
    - ``once``: ends when all that is complete now is evaluated; ``idle``: when nothing new came for
      so many seconds;
    - ``max_parallel`` evaluations at once; ``poll``: seconds between looks;
    - ``convert``: the command that makes a model of a checkpoint that has none; ``command``: the
      one that makes the run of a spec on its standard input and prints it as JSON.
    """

    when_behind: WhenBehind = "queue"
    until_step: int | None = None
    once: bool = False
    idle: float | None = None
    max_parallel: int = 1
    poll: float = 10.0
    convert: str | None = None
    command: tuple[str, ...] = ()


@frozen
class Waiting:
    """A checkpoint that waits to be evaluated; ``live`` is None where it is only held."""

    key: str
    name: str
    step: int | None
    tokens: int | None
    live: Checkpoint | None

    @property
    def title(self) -> str:
        return self.name if self.step is None else f"step {self.step:,}"


@define
class _Working:
    waiting: Waiting
    evaluation: Evaluation | None = None


@define
class Watcher:
    """A watch of one folder: ``spec`` is the run to make of each checkpoint, its model aside."""

    folder: CheckpointFolder
    ledger: Ledger
    holder: Holder
    spec: RunSpec
    policy: Policy
    audience: Audience
    failed: dict[str, str] = field(factory=dict)
    _working: dict[Future[None], _Working] = field(factory=dict)
    _told: set[str] = field(factory=set)
    _news: float = field(factory=time.monotonic)
    _over: bool = False

    def watch(self) -> None:
        """Watch until the policy says that it is over.

        Raises:
            OlmoEvalError: the store or the folder cannot be used. KeyboardInterrupt: evaluations
                are ended; what they have finished is kept.
        """
        with self.ledger.alive(), ThreadPoolExecutor(self.policy.max_parallel) as pool:
            try:
                while not self._round(pool):
                    self._rest()
            finally:
                self._over = True
                for working in self._working.values():
                    if working.evaluation is not None:
                        working.evaluation.stop()

    # -- one round

    def _round(self, pool: ThreadPoolExecutor) -> bool:
        """Look, and begin what can begin; whether the watch is over."""
        self._collect()
        entries = self.ledger.entries()
        skip = {e.name for e in entries.values() if e.state in (DONE, GONE, SKIPPED)}
        found = self.folder.look(skip)
        live = {one.key: one for one in found if one.complete and self._is_evaluable(one)}
        for checkpoint in live.values():
            self._note(checkpoint, entries)
        entries = self.ledger.entries()
        waiting = self._waiting(entries, live)
        free = self.policy.max_parallel - len(self._working)
        for one in self._chosen(waiting)[: max(free, 0)]:
            if self._begin(one, pool):
                waiting.remove(one)
        self._skip(waiting)
        return self._is_over(entries, found, waiting)

    def _is_evaluable(self, one: Checkpoint) -> bool:
        if one.model is not None or converter_of(one, self.policy.convert) is not None:
            return True
        self._tell_once(no_model(one))
        return False

    def _note(self, one: Checkpoint, entries: Mapping[str, Entry]) -> None:
        """Note a complete checkpoint, and hold it."""
        known = entries.get(one.key)
        if known is not None and known.state in (DONE, GONE, SKIPPED):
            return
        if self.holder.how != "none" and self.holder.held(one.key, one.name) is None:
            try:
                self.holder.hold(one)
            except VanishedError:
                return  # the next look says what became of it
        if known is None:
            facts = {"name": one.name, "step": one.progress.step, "tokens": one.progress.tokens}
            self.ledger.see(one.key, {**facts, "layout": one.layout.name})
            self._news = time.monotonic()

    def _waiting(
        self, entries: Mapping[str, Entry], live: Mapping[str, Checkpoint]
    ) -> list[Waiting]:
        """What waits to be evaluated, in order of steps; what is gone is noted as such."""
        mine = {working.waiting.key for working in self._working.values()}
        waiting = []
        for entry in entries.values():
            if entry.state != "seen" or entry.key in mine or entry.key in self.failed:
                continue
            one = Waiting(entry.key, entry.name, entry.step, entry.tokens, live.get(entry.key))
            if one.live is None and self.holder.held(one.key, one.name) is None:
                self._is_gone(one)
            else:
                waiting.append(one)
        return sorted(waiting, key=lambda one: (one.step is None, one.step or 0, one.name))

    def _is_gone(self, one: Waiting) -> None:
        """A checkpoint that was complete and is not there any more has gone; one that is being
        rewritten may come back."""
        if (self.folder.root / one.name).exists():
            return
        claim = self.ledger.claim(one.key)
        if claim is not None:
            self._end_gone(one, claim, "it was removed before it was evaluated")

    def _end_gone(self, one: Waiting, claim: Claim, reason: str) -> None:
        self.ledger.end(claim, GONE, reason=reason)
        self.holder.release(one.key)
        self.audience.message(f"{one.title}: gone: {reason}; --hold keeps what waits")

    def _chosen(self, waiting: list[Waiting]) -> list[Waiting]:
        within = [one for one in waiting if self._counts(one)]
        return within if self.policy.when_behind == "queue" else within[::-1]

    def _counts(self, one: Waiting) -> bool:
        until = self.policy.until_step
        return until is None or one.step is None or one.step <= until

    def _skip(self, waiting: list[Waiting]) -> None:
        """Skip all but the newest of those that wait, where that is the policy."""
        if self.policy.when_behind != "skip":
            return
        all_ = [*waiting, *(working.waiting for working in self._working.values())]
        newest = max((one.step for one in all_ if one.step is not None), default=0)
        for one in waiting:
            if one.step is None or one.step >= newest:
                continue
            claim = self.ledger.claim(one.key)
            if claim is not None:
                reason = f"step {newest:,} was there already"
                self.ledger.end(claim, SKIPPED, reason=reason)
                self.holder.release(one.key)
                self.audience.message(f"{one.title}: skipped: {reason}")

    def _is_over(
        self, entries: Mapping[str, Entry], found: list[Checkpoint], waiting: list[Waiting]
    ) -> bool:
        open_ = [one for one in waiting if self._counts(one)]
        if self._working or open_:
            self._news = time.monotonic()
            return False
        until = self.policy.until_step
        if until is not None:
            ended = [e for e in entries.values() if e.state in (DONE, GONE, SKIPPED)]
            elsewhere = [e for e in entries.values() if e.state == "claimed"]
            reached = any(e.step is not None and e.step >= until for e in ended)
            reached = reached or any(self._is_step(key, until) for key in self.failed)
            if reached and not elsewhere:
                return True
        if self.policy.once:
            return not any(one.standing is Standing.SETTLING for one in found)
        idle = self.policy.idle
        return idle is not None and time.monotonic() - self._news >= idle

    def _is_step(self, key: str, until: int) -> bool:
        return key.startswith("step-") and int(key.removeprefix("step-")) >= until

    def _rest(self) -> None:
        """Wait for the next look, or for an evaluation to end."""
        if self._working:
            wait(self._working, timeout=self.policy.poll, return_when=FIRST_COMPLETED)
        else:
            time.sleep(self.policy.poll)

    # -- one checkpoint

    def _begin(self, one: Waiting, pool: ThreadPoolExecutor) -> bool:
        claim = self.ledger.claim(one.key)
        if claim is None:
            return False
        working = _Working(one)
        self._working[pool.submit(self._evaluate, working, claim)] = working
        return True

    def _collect(self) -> None:
        """Take leave of what has ended. Raises what is nobody's fault but the watch's own."""
        for future in [f for f in self._working if f.done()]:
            del self._working[future]
            self._news = time.monotonic()
            future.result()

    def _evaluate(self, working: _Working, claim: Claim) -> None:
        """Evaluate a claimed checkpoint, in a thread of its own."""
        one = working.waiting
        try:
            model = self._model(one)
            if model is None:
                self._end_gone(one, claim, "it was removed before it was evaluated")
                return
            before = _fingerprint(model)
            self.audience.message(f"{one.title}: evaluating {one.name}")
            working.evaluation = Evaluation(
                self._spec(one, model),
                self.policy.command,
                lambda text: self.audience.line(one.title, text),
            )
            if self._over:
                raise OlmoEvalError("stopped")
            self._finish(one, claim, working.evaluation.make(), before)
        except OlmoEvalError as error:
            self._fail(one, claim, error)

    def _model(self, one: Waiting) -> Path | None:
        """The folder to evaluate: held, converted, or its own; None where it is gone."""
        held = self.holder.held(one.key, one.name)
        if held is not None:
            return held
        live = one.live and self.folder.again(one.live)
        if live is None or not live.complete:
            return None
        if live.model is not None:
            return live.model
        command = converter_of(live, self.policy.convert)
        if command is None:
            return None
        self.audience.message(f"{one.title}: converting {one.name}")
        return self.holder.put(one.key, one.name, lambda draft: convert(live, command, draft))

    def _spec(self, one: Waiting, model: Path) -> RunSpec:
        """The run of a checkpoint. It bears the checkpoint's own name, wherever its model lies."""
        spec = evolve(self.spec, model=str(model), step=one.step, tokens=one.tokens)
        name = str(self.folder.root / one.name)
        if str(model) == name:
            return spec
        alias = Override(("provider", "alias"), name, f"provider.alias={name}")
        return evolve(spec, overrides=(*spec.overrides, alias))

    def _finish(self, one: Waiting, claim: Claim, made: Evaluated, before: str | None) -> None:
        run = open_run(made.location)
        read = run.record["model"].get("fingerprint")
        if before is not None and str(read).startswith("sha256:") and read != before:
            reason = "it was changed or removed while it was read"
            self.ledger.end(claim, GONE, reason=reason, run_id=made.run_id)
            self.failed[one.key] = reason
            self.audience.message(f"{one.title}: gone: {reason}; run {made.run_id} is not counted")
            return
        facts = {"run_id": made.run_id, "location": made.location, "reason": made.problem}
        if not self.ledger.end(claim, DONE, **facts):
            return
        self.holder.release(one.key)
        if made.problem:
            self.failed[one.key] = made.problem
            self.audience.message(f"{one.title}: {made.problem}")
        entry = Entry(
            one.key, DONE, one.name, one.step, one.tokens, made.run_id, made.location, made.problem
        )
        self.audience.evaluated(
            entry, standings(run, one.step, list(self.ledger.entries().values()))
        )

    def _fail(self, one: Waiting, claim: Claim, error: OlmoEvalError) -> None:
        """Where its checkpoint was removed it is gone; else a later watch may try again."""
        if self._over:
            self.ledger.give_up(claim, "stopped")
            return
        held = self.holder.held(one.key, one.name)
        if held is None and not (self.folder.root / one.name).exists():
            self._end_gone(one, claim, "it was removed while it was evaluated")
            return
        self.failed[one.key] = error.message
        self.ledger.give_up(claim, error.message)
        self.audience.message(f"{one.title}: failed: {error.message}")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.audience.message(text)


def _fingerprint(model: Path) -> str | None:
    try:
        return folder_fingerprint(model)
    except OSError:
        return None

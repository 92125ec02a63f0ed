"""The scores of a finished run, made again from its stored answers without asking its model.

Extraction, scorers and metrics are those of the task as it is here: what they give is compared with
what the run recorded, instance by instance. That says something of the record only where the same
code scores the same data by itself; of every other task it is said why it was not done.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import orjson
from attrs import define, evolve, field

from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import LMOutput, LMRequest, Response, SamplingParams
from olmo_eval.errors import OlmoEvalError, UnansweredError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.results.answers import KeptAnswer, RunAnswers, Wanted
from olmo_eval.results.computed import COMPUTED
from olmo_eval.results.record import Row, row_extracted, row_outputs
from olmo_eval.results.run import Run
from olmo_eval.results.verify import Fault, ScoredAgain
from olmo_eval.runner.code import CodeReader
from olmo_eval.runner.feed import Feed
from olmo_eval.runner.lock import digest, scored_by, task_code, task_lock
from olmo_eval.runner.overall import computed_from
from olmo_eval.runner.pipeline import Pipeline
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.rescore import as_recorded, recorded_harness
from olmo_eval.runner.spec import TaskRequest

#: differing instances of a task that are named
_NAMED = 20
_CLOSE = 1e-9
#: kinds of runs that were scored by something else than tasks
_SCORED_ELSEWHERE = {
    "external": "an external eval scores its answers itself",
    "import": "another program scored it",
}


def score_again(run: Run) -> ScoredAgain:
    """Extract and score the stored answers of a finished run once more, and compare.

    Raises:
        DataError: a table of the run cannot be read.
    """
    found = ScoredAgain()
    elsewhere = _SCORED_ELSEWHERE.get(str(run.record.get("kind")))
    if elsewhere is not None:
        found.rows_only[elsewhere] = list(run.task_names)
        return found
    planned: list[PlannedTask] = []
    for name in run.task_names:
        try:
            task = as_recorded(run, TaskRequest(name))
            why = _impossible(run, task)
        except (OlmoEvalError, KeyError, TypeError) as error:
            why = error.message if isinstance(error, OlmoEvalError) else f"its record: {error!r}"
        if why is None:
            planned.append(task)
        else:
            found.rows_only.setdefault(why, []).append(name)
    if planned:
        anyio.run(_score, run, planned, found)
    return found


def _impossible(run: Run, planned: PlannedTask) -> str | None:
    """Why scoring a task again would say nothing of what was recorded; None where it would."""
    task = planned.task
    for scorer in task.scorers_once:
        if isinstance(scorer, AsyncScorer) or scorer.requires:
            what = ", ".join(sorted(scorer.requires)) or "something outside"
            return f"scorer {scorer.name} needs {what}: `olmo-eval rescore` asks it"
    if task.requires:
        return f"the task needs {', '.join(sorted(task.requires))}"
    before = run.record["lock"]["tasks"][planned.name]
    code = task_code(planned, CodeReader())
    parts, now = scored_by(before), scored_by(task_lock(planned, code))
    changed = [name for name in now if digest(parts.get(name)) != digest(now[name])]
    if not changed:
        return None
    modules = _changed_modules(run, str(before.get("code")), code.modules)
    if "code" in changed and modules:
        more = f" and {len(modules) - 3} more" if len(modules) > 3 else ""
        changed[changed.index("code")] = f"code ({', '.join(modules[:3])}{more})"
    return f"other {', '.join(changed).replace('_', ' ')} than it was scored with"


def _changed_modules(run: Run, recorded: str, modules: Mapping[str, str]) -> list[str]:
    code = run.record["lock"].get("code") or {}
    before = {name: code["modules"].get(name) for name in code.get("reach", {}).get(recorded, ())}
    return sorted(n for n in before.keys() | modules.keys() if before.get(n) != modules.get(n))


async def _score(run: Run, planned: list[PlannedTask], found: ScoredAgain) -> None:
    """Put the answers of these tasks through the second stage of a run."""
    own = recorded_harness(run)
    # requests are made as they were; of all else that the harness has, such scorers see nothing
    config = HarnessConfig(name=own.name, system_prompt=own.system_prompt)
    config = evolve(config, scoring_timeout=own.scoring_timeout)
    nobody = _Nobody(ProviderConfig(kind="replay", model=run.location))
    comparison = _Comparison(run, found)
    async with Harness(config, provider=nobody, run_id=run.run_id) as harness:
        await Pipeline(harness, [Feed(p) for p in planned], comparison, comparison).run()
    for one in planned:
        comparison.compare_computed(one)


class _Nobody(Provider):
    """Answers nothing: what is not recorded was not answered."""

    default_concurrency = 16
    reports_usage = False
    stopping = "never"

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        raise UnansweredError("it has no recorded answer")

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        raise UnansweredError("it has no recorded answer")


@define
class _Comparison:
    """Finds the recorded answers for a pipeline, and is the sink that its scores go to."""

    run: Run
    found: ScoredAgain
    _answers: RunAnswers = field(init=False)
    #: the recorded rows of instances that are being scored
    _rows: dict[tuple[str, str], Row] = field(factory=dict)
    _named: dict[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._answers = RunAnswers(self.run)

    # -- where answers are found

    def find(self, wanted: Wanted) -> KeptAnswer | None:
        row = self._answers.row_of(wanted.task, wanted.instance_id, wanted.question)
        outputs = () if row is None else row_outputs(row)
        if row is None or not outputs:
            return None
        self._rows[wanted.task, wanted.instance_id] = row
        # no `run_id`: it is no other run's answer that is reused, and none is kept
        return KeptAnswer(outputs, row["request"] or {}, None, latency=row.get("latency"))

    # -- where scores go

    def answered(self, planned: PlannedTask, answer: Row) -> None: ...

    async def show(
        self, planned: PlannedTask, answer: Row, score: Row | None, told: Response
    ) -> None: ...

    def scored(
        self,
        planned: PlannedTask,
        answer: Row,
        score: Row | None,
        told: Response,
        *,
        with_answer: bool = False,
    ) -> None:
        recorded = self._rows.pop((planned.name, told.instance_id), None)
        if recorded is None or score is None:
            return
        self.found.answers += 1
        for what in _differences(recorded, answer, score):
            self._differs(planned.name, f"instance {told.instance_id}", what)
            break  # the first says enough: what comes after follows from it

    def started(self, feed: Feed) -> None: ...

    def finished(self, feed: Feed) -> None:
        self.found.tasks.append(feed.planned.name)
        unnamed = self._named.get(feed.planned.name, 0) - _NAMED
        if unnamed > 0:
            what = f"{unnamed:,} more instances are scored otherwise now"
            self.found.faults.append(Fault(f"instances/{feed.planned.name}.parquet", what))

    def compare_computed(self, planned: PlannedTask) -> None:
        """Scores that are computed from all responses at once."""
        name = planned.name
        recorded = [s for s in self.run.scores() if s.name == name and s.method == COMPUTED]
        if not recorded:
            return
        try:
            again = computed_from(planned, self.run.rows(name))
        except OlmoEvalError as error:
            self.found.rows_only.setdefault(error.message, []).append(name)
            return
        for score in recorded:
            key = f"{score.metric}:{score.scorer}"
            self.found.computed.add((name, key))
            if not _same(score.value, again.get(key)):
                what = f"{name} {key} is {score.value!r}, and its answers give {again.get(key)!r}"
                self.found.faults.append(Fault("metrics.parquet", what, "column value"))

    def _differs(self, task: str, where: str, what: str) -> None:
        self._named[task] = self._named.get(task, 0) + 1
        if self._named[task] <= _NAMED:
            self.found.faults.append(Fault(f"instances/{task}.parquet", what, where))


def _differences(recorded: Row, answer: Row, score: Row) -> Iterator[str]:
    """What of a recorded row is not what its answer gives, in the order in which it is made."""
    for column in ("gold", "choices", "cluster"):
        if recorded.get(column) != answer[column]:
            yield _said(column, recorded.get(column), "the data has", answer[column])
    extracted = [None if a is None else orjson.loads(a) for a in score["answers"]]
    kept = row_extracted(recorded)
    if kept != extracted:
        yield _said("the extracted answer", kept, "its output gives", extracted)
    for column in ("scores", "values", "weights"):
        before, now = _present(recorded[column]), _present(score[column])
        for key in sorted(before.keys() | now.keys()):
            if not _same(before.get(key), now.get(key)):
                what = {"scores": "scorer", "values": "metric", "weights": "the weight of"}[column]
                yield _said(f"{what} {key}", before.get(key), "its answer gives", now.get(key))
    if recorded["outcome"] != score["outcome"]:
        why = f" ({score['error']})" if score["error"] else ""
        yield _said("outcome", recorded["outcome"], "scored again it is", score["outcome"]) + why


def _present(found: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (found or {}).items() if value is not None}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-12)
    return bool(one == other)


def _said(what: str, recorded: Any, now: str, found: Any) -> str:
    return f"{what} is {_short(recorded)}, and {now} {_short(found)}"


def _short(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) == 1:
        return _short(value[0])
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

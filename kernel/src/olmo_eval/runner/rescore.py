"""Scoring a run again, without asking its model anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.common.overrides import Override, parse_override
from olmo_eval.errors import DataError, UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.judging import with_judge, with_overrides
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.results.redact import REDACTED
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.job import Job
from olmo_eval.runner.lock import digest, task_lock
from olmo_eval.runner.plan import Plan, PlannedTask, make_plan
from olmo_eval.runner.spec import RunSpec, TaskRequest

#: settings of a harness that only scoring looks at
_OF_SCORING = (
    *("judges", "auxiliary_providers", "sandboxes"),
    *("scoring_timeout", "scoring_concurrency", "required_secrets"),
)


def rescore(
    spec: RunSpec, overrides: Sequence[Override], for_harness: Sequence[Override] = ()
) -> Job:
    """The job that scores the recorded outputs of the run ``spec.rescored`` again.

    The spec's tasks are some of the run's tasks with new overrides (all of them where empty);
    ``overrides`` apply to each, ``for_harness`` to the run's harness. Extraction, scorers, metrics,
    judges and sandboxes may change; requests may not.

    Raises:
        UsageError: a task the run does not have, or requests that it did not make. DataError: the
            run did not finish.
    """
    if spec.rescored is None:
        raise UsageError("no run to score again is named", hint="`olmo-eval results list`")
    run = Store(spec.results).find(spec.rescored)
    _refuse_run(run)
    wanted = spec.tasks or [TaskRequest(name) for name in run.task_names]
    plan = Plan(
        tuple(as_recorded(run, request, overrides) for request in wanted),
        tuple(s for s in run.suites() if set(s.leaves()) <= {r.spec for r in wanted}),
    )
    for planned in plan.tasks:
        _refuse_other_requests(run, planned)
    config = _graded_by(recorded_harness(run), spec.judge, for_harness)
    provider = ProviderConfig(kind="replay", model=run.location)
    return Job(
        spec=spec,
        model=run.model,
        harness=evolve(config, provider=provider),
        plan=plan,
        name=spec.name or run.record.get("name"),
        group=spec.group or run.record.get("group"),
        recorded=run,
    )


def recorded_harness(run: Run) -> HarnessConfig:
    """The harness that a run's model was asked under, without what ran the model.

    Raises:
        UsageError: it has settings that there are none of here.
    """
    harness: dict[str, Any] = _without_redacted(run.record["harness"])
    harness.pop("hash", None)
    harness.pop("provider", None)
    return HarnessConfig.from_dict(harness, where=f"run {run.run_id}: harness")


def _without_redacted(value: Any) -> Any:
    """A recorded value without the secrets that a record never holds: they are looked for anew."""
    if isinstance(value, Mapping):
        return {k: _without_redacted(v) for k, v in value.items() if v != REDACTED}
    return [_without_redacted(v) for v in value] if isinstance(value, list | tuple) else value


def _graded_by(
    config: HarnessConfig, judge: str | None, overrides: Sequence[Override]
) -> HarnessConfig:
    """The run's harness, with its judges asking another model, and these overrides.

    Raises:
        UsageError: an override of what the model was asked under.
    """
    for override in overrides:
        if override.path[0] not in _OF_SCORING:
            raise UsageError(
                f"override {override.text!r} changes what the model is asked, not how it is scored",
                hint=f"use `olmo-eval run`; of a harness only {', '.join(_OF_SCORING)} change here",
            )
    graded = config if judge is None else with_judge(config, judge)
    return with_overrides(graded, overrides, where="harness")


def _refuse_run(run: Run) -> None:
    if run.record.get("kind") == "external":
        name = run.record["tasks"][0]["task"]
        raise UsageError(
            f"run {run.run_id} is one of the external eval {name!r}, which scores its answers "
            "itself: they cannot be scored again here",
            hint=f"`olmo-eval external run {name} -m {run.model}` runs it anew",
        )
    if run.record.get("kind") == "import":
        raise UsageError(
            f"run {run.run_id} was made and scored by another program: there is no task here to "
            "score it with",
            hint="`olmo-eval run -t TASK` evaluates the model here",
        )
    if run.record.get("status") not in ("complete", "incomplete", "diverged"):
        raise DataError(
            f"run {run.run_id} is {run.record.get('status')}: only finished runs are scored again",
            hint="rerun its command first",
        )


#: inputs of a task that decide what its model was asked
_ASKED = ("fewshot", "formatter", "sampling", "max_length", "request")


def _refuse_other_requests(run: Run, planned: PlannedTask) -> None:
    before = run.record["lock"]["tasks"][planned.name]
    now = task_lock(planned)
    changed = [f for f in _ASKED if f in before and digest(before[f]) != digest(now[f])]
    if changed == ["request"] and before["data"] != now["data"]:
        return  # whichever questions are new have no recorded answer
    if changed:
        raise UsageError(
            f"{planned.name}: scoring again cannot change {', '.join(changed)}: that would be "
            "asked of the model anew",
            hint="use `olmo-eval run`; only extraction, scorers and metrics change here",
        )


def as_recorded(run: Run, request: TaskRequest, overrides: Sequence[Override] = ()) -> PlannedTask:
    """The task as the run asked it, under the name it has there, by which its outputs are found;
    then the new ``overrides``.

    Raises:
        UsageError: nothing here provides it, or it has no such setting any more. DataError: its
            data is not at hand.
    """
    (planned,) = make_plan([_with_recorded(run, request, overrides)]).tasks
    return evolve(planned, name=request.spec)


def _with_recorded(run: Run, request: TaskRequest, overrides: Sequence[Override]) -> TaskRequest:
    """The task as the run asked it, then the new overrides."""
    entry = run.task_record(request.spec)
    config = entry["config"]
    spec = ":".join((entry["task"], *entry["variants"]))
    before = [parse_override(text) for text in entry["overrides"]]
    # --limit and --seed of the run are in its configuration, not among its overrides
    before += [parse_override(f"{key}={_text(config[key])}") for key in ("limit", "seed")]
    return TaskRequest(spec, (*before, *overrides, *request.overrides))


def _text(value: object) -> str:
    return "null" if value is None else str(value)

"""From what was asked for to what will be run: specs resolved, suites expanded, all checked.

Everything that can be refused is refused here, before a model is loaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import evolve, frozen

from olmo_eval import plugins
from olmo_eval.agents.selection import find_tools
from olmo_eval.agents.tools import Tool
from olmo_eval.common.overrides import Override
from olmo_eval.common.scorers import Reads
from olmo_eval.common.sequences import items
from olmo_eval.common.suggest import closest
from olmo_eval.common.types import Capability, Instance, LMRequest, SamplingParams
from olmo_eval.data import DataLoader
from olmo_eval.data.source import without_secrets
from olmo_eval.errors import CollisionError, DataError, OlmoEvalError, UnknownNameError, UsageError
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites.suite import find_suite
from olmo_eval.evals.suites.units import refuse_mixed
from olmo_eval.evals.tasks.check.missing import missing_data
from olmo_eval.evals.tasks.common import (
    Task,
    TaskConfig,
    TaskSpec,
    build_task,
    hooks,
    parse_spec,
)
from olmo_eval.evals.tasks.common.fewshot import refuse_unshown
from olmo_eval.evals.tasks.common.registry import variant_settings, variants_of
from olmo_eval.evals.tasks.common.spec import task_owner
from olmo_eval.harness.answered import keeps_environment, named_in, separate
from olmo_eval.harness.refusals import EpisodeNeeds
from olmo_eval.registry import Owner
from olmo_eval.results.suites import SuiteNode
from olmo_eval.runner.spec import TaskRequest

#: characters of overrides in a task's name
_LONGEST = 60
#: settings that choose instances, or that tables show anyhow
_UNNAMED = frozenset({"limit", "seed", "metrics", "primary_metric"})


@frozen(slots=False)
class PlannedTask:
    """One task to run. ``name`` is unique in the run: the spec and its overrides.

    ``first`` is its first instance, and ``example`` the request of that.
    """

    name: str
    spec: TaskSpec
    task: Task
    owner: Owner
    overrides: tuple[Override, ...]
    example: LMRequest
    first: Instance

    @cached_property
    def primary_key(self) -> str:
        """The key of the metric that stands for the task."""
        return self.task.config.primary().key

    @property
    def capability(self) -> Capability:
        """What this task asks of the provider."""
        return self.example.request_type.capability


@frozen
class Plan:
    """What a run will do: its tasks in order, and the suites they are summed up in. ``left_out``
    says of suites which members are not run, as their data is not there: such a suite has no score.
    """

    tasks: tuple[PlannedTask, ...]
    suites: tuple[SuiteNode, ...]
    left_out: Mapping[str, tuple[str, ...]] = {}

    def needs(self) -> dict[Capability, str]:
        """Every capability asked of the provider, with the first task that asks for it."""
        found: dict[Capability, str] = {}
        for planned in self.tasks:
            found.setdefault(planned.capability, planned.name)
            if planned.example.tools:
                found.setdefault(Capability.TOOLS, planned.name)
        return found

    def episodes(self) -> list[EpisodeNeeds]:
        """What the tasks are worked on in."""
        return [episode_needs(p.task, p.name, p.first) for p in self.tasks]

    def sampling(self) -> list[SamplingParams]:
        """Every way in which text is to be generated."""
        generating = (Capability.GENERATE, Capability.CHAT)
        found = [p.task.config.sampling_params for p in self.tasks if p.capability in generating]
        return list(dict.fromkeys(found))

    def scoring_needs(self) -> dict[str, str]:
        """What the scorers need (``judge``, ``python``), with the first task that needs it."""
        found: dict[str, str] = {}
        for planned in self.tasks:
            for scorer in planned.task.scorers():
                for need in items(scorer.requires):
                    found.setdefault(need, planned.name)
        return found


def make_plan(
    requests: Sequence[TaskRequest], extra: Iterable[Override] = (), *, skip_missing: bool = False
) -> Plan:
    """Resolve what was asked for; ``extra`` overrides apply to every task, before their own.
    ``skip_missing`` leaves members of suites out whose data is not there.

    Raises:
        UsageError: an unknown name, variant or key, a task that cannot be scored, naming the
            suite it came from. DataError: a task whose first instance cannot be made.
    """
    if not requests:
        raise UsageError("nothing to run", hint="add -t TASK; `olmo-eval tasks` lists them")
    planner = _Planner(tuple(extra), skip_missing)
    for request in requests:
        planner.add(request)
    return Plan(tuple(planner.tasks.values()), tuple(planner.suites), planner.left_out)


class _Planner:
    def __init__(self, extra: tuple[Override, ...], skip_missing: bool) -> None:
        self.extra = extra
        self.left_out: dict[str, tuple[str, ...]] = {}
        self._skip_missing = skip_missing
        self.tasks: dict[str, PlannedTask] = {}
        self.suites: list[SuiteNode] = []
        self._names: dict[tuple[str, tuple[str, ...]], str] = {}

    def add(self, request: TaskRequest) -> None:
        suite = find_suite(request.spec)
        overrides = self.extra + request.overrides
        if suite is None:
            self._add_task(request.spec, overrides)
            return
        if not suite.expand():  # which refuses a suite that contains itself
            raise UsageError(f"suite {suite.name!r} has no members")
        problems: dict[str, OlmoEvalError] = {}
        node = self._add_suite(suite, overrides, problems)
        name = f"{node.name}{label(overrides)}"
        nodes = [evolve(node, name=name)]
        if problems:
            skippable = bool(node.leaves()) and _lack_data(problems, overrides)
            if not (self._skip_missing and skippable):
                raise _unresolved(suite, problems, skippable)
            self.left_out[name] = tuple(problems)
            nodes = list(_whole_suites(suite, node, problems))
        self.suites += [found for found in nodes if found not in self.suites]

    def _add_suite(
        self, suite: Suite, overrides: tuple[Override, ...], problems: dict[str, OlmoEvalError]
    ) -> SuiteNode:
        """The suite with those members that can be run; why the others cannot goes to
        ``problems``."""
        members: list[str | SuiteNode] = []
        for member in suite.members():
            if isinstance(member, Suite):
                members.append(self._add_suite(member, overrides, problems))
                continue
            try:
                members.append(self._add_task(member, overrides))
            except OlmoEvalError as error:
                problems[member] = error
        node = SuiteNode(suite.name, str(suite.aggregation), tuple(members))
        refuse_mixed(suite, {n: self.tasks[n].task.config.primary() for n in node.leaves()})
        return node

    def _add_task(self, text: str, overrides: tuple[Override, ...]) -> str:
        spec = _parse(text)
        key = (f"{spec.registered}:{spec}", tuple(o.text for o in overrides))
        if key in self._names:
            return self._names[key]
        task = build_task(spec, overrides)
        name = self._unique(spec, task, overrides)
        self._names[key] = name
        if name not in self.tasks:
            first, example = check_task(task, str(spec))
            owner = task_owner(spec)
            self.tasks[name] = PlannedTask(name, spec, task, owner, overrides, example, first)
        return name

    def _unique(self, spec: TaskSpec, task: Task, overrides: tuple[Override, ...]) -> str:
        """A name that means one thing in the run: of two that differ in what a name does not say
        (a limit, metrics), the second says all of it.

        Raises:
            UsageError: two that nothing tells apart.
        """
        whole = label(overrides, whole=True) or "[default]"
        for name in (f"{spec}{label(overrides)}", f"{spec}{whole}"):
            known = self.tasks.get(name)
            if known is None or known.task.config == task.config:
                return name
        raise UsageError(f"task {spec} is asked for twice in ways that cannot be told apart")


def label(overrides: Iterable[Override], *, whole: bool = False) -> str:
    """What a task's name says of its overrides: ``[num_fewshot=3]``, nothing where there are none.

    Which instances are evaluated (``limit``, ``seed``) is not part of what is measured, and metrics
    have a column of their own; these stand in a name only where it is to say the ``whole``. The
    order of overrides makes no other name, as it makes no other task.
    """
    told_of = [o for o in overrides if whole or o.key not in _UNNAMED]
    last = {o.key: _shown(o.text) for o in told_of}
    told = ",".join(last[key] for key in sorted(last))
    if len(told) > _LONGEST:  # it is part of a file's name
        told = f"{told[:40]}...{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    return f"[{told}]" if told else ""


def _shown(text: str) -> str:
    """An override on one line, without the passwords and signatures of the URLs in it."""
    line = " ".join(text.split())
    return re.sub(r"\w+://[^\s,\]]+", lambda url: without_secrets(url.group()), line)


def _lack_data(members: Iterable[str], overrides: tuple[Override, ...]) -> bool:
    """Whether all that is wrong with ``members`` is that their data is not there."""
    try:
        tasks = [build_task(_parse(member), overrides) for member in members]
    except OlmoEvalError:
        return False
    return all(missing_data(task) is not None for task in tasks)


def _whole_suites(suite: Suite, node: SuiteNode, lost: Collection[str]) -> Iterator[SuiteNode]:
    """Those of the suites within ``suite``, of which ``node`` was made, that lost no member."""
    inner = (member for member in node.members if isinstance(member, SuiteNode))
    suites = (member for member in suite.members() if isinstance(member, Suite))
    for member, found in zip(suites, inner, strict=True):
        if set(member.expand()).isdisjoint(lost):
            yield found
        else:
            yield from _whole_suites(member, found, lost)


def _unresolved(
    suite: Suite, problems: Mapping[str, OlmoEvalError], skippable: bool
) -> OlmoEvalError:
    """One error that names every member of a suite that cannot be run; its hint has a line for
    each, and what would do for all of them last."""
    errors = list(problems.values())
    hints = {error.hint for error in errors}
    common = hints.pop() if len(hints) == 1 else None
    lines = [
        f"{member!r}: {e.message}{f' ({e.hint})' if e.hint and e.hint != common else ''}"
        for member, e in problems.items()
    ]
    count = f"{len(problems)} of {len(suite.expand())} members cannot be run"
    named = ", ".join(map(repr, problems))
    others = ["--skip-missing runs the others, without a score of the suite"] if skippable else []
    hint = "\n".join([*lines, *([common] if common else []), *others])
    return type(errors[0])(f"suite {suite.name!r}: {count}: {named}", hint=hint)


def _parse(text: str) -> TaskSpec:
    try:
        return parse_spec(text)
    except UnknownNameError as error:
        from olmo_eval.plugins import manager

        other = _not_one_task(text)
        if other is not None:
            raise UnknownNameError(error.message, hint=other) from error
        suites = closest(text, manager().registry("suites").names())
        if suites and error.hint and "did you mean" not in error.hint:
            hint = f"did you mean the suite {' or '.join(suites)}?"
            raise UnknownNameError(f"unknown task or suite {text!r}", hint=hint) from error
        raise


def _not_one_task(text: str) -> str | None:
    """A hint where the name stands for something else than a task or suite."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > 1:
        return f"each task has a -t of its own: {' '.join(f'-t {part}' for part in parts)}"
    if text in plugins.manager().registry("external_evals"):
        return f"it is an external eval: `olmo-eval external run {text} -m MODEL`"
    return None


def episode_needs(task: Task, name: str, first: Instance) -> EpisodeNeeds:
    """What the episodes of ``task``, called ``name``, ask of a harness, by its first instance."""
    spec = first.environment
    own = find_tools(t for t in first.tools or () if isinstance(t, Tool))
    needs = {tool.requires for tool in own.values() if tool.requires} | {*task.requires}
    needs.update(named_in(task, spec))
    kept = 0
    if keeps_environment(task):
        kept = task.config.sampling_params.num_samples + bool(separate(task))
    return EpisodeNeeds(name, frozenset(needs), spec, kept)


def check_task(task: Task, spec: str) -> tuple[Instance, LMRequest]:
    """Refuse a task that cannot be scored; returns its first instance and the request of that.

    Raises:
        UsageError: no metrics, clashing metrics, metrics that cannot read what is answered,
            impossible settings, a setup that cannot be awaited, few-shot examples that the request
            does not show. DataError: no data.
    """
    config = task.config
    if not config.metrics:
        own = hooks.overrides(task, "compute_metrics")
        hint = "it must declare those that its compute_metrics returns" if own else None
        raise UsageError(f"task {spec!r} has no metrics", hint=hint or _metrics_hint(spec))
    keys = [metric.key for metric in config.metrics]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"task {spec!r} has two metrics {key!r}")
    config.primary()
    task.scorers()
    _ = task.has_setup, task.converses
    for metric in config.metrics:
        metric.check(config.sampling_params)
    first = next(iter(task.instances), None)
    if first is None:
        raise DataError(f"task {spec!r} has no instances{_why_empty(task)}")
    request = task.request_for(first)
    refuse_unshown(task, first, request)
    _refuse_unreadable(config, spec, request)
    return first, request


_LOOKS_AT = {"text": "a text that the model wrote", "likelihood": "log-likelihoods"}
_ANSWERED_WITH = {
    "text": "the model's answers to it are texts",
    "likelihood": "its answers are log-likelihoods of given texts",
}


def _refuse_unreadable(config: TaskConfig, spec: str, request: LMRequest) -> None:
    """Refuse a metric that looks at what the outputs of ``request`` do not have: its number would
    be 0 or nothing, whatever the model can do.

    Raises:
        UsageError: naming the metric, and what would fit.
    """
    scored = request.request_type.scored
    given: Reads = "likelihood" if scored else "text"
    for metric in config.metrics:
        scorer_reads = metric.scorer.reads
        if scorer_reads == "likelihood" and config.sampling_params.logprobs is not None:
            scorer_reads = None  # generated texts carry log-probabilities where they are asked for
        for reads in (metric.reads, scorer_reads):
            if reads is not None and reads != given:
                raise UsageError(
                    f"task {spec!r}: the metric {metric.key} looks at {_LOOKS_AT[reads]}, but "
                    f"{_ANSWERED_WITH[given]}",
                    hint=_fitting(spec, given),
                )


def _fitting(spec: str, given: Reads) -> str:
    """Metrics for what is given, and the task's variants that ask in the other way."""
    generates = given == "likelihood"
    # of most that look at texts the scorer decides what they see
    some = [] if generates else ["accuracy:exact_match", "f1:f1"]
    task = parse_spec(spec).name
    others = [
        f"{task}:{variant}"
        for variant in sorted(variants_of(task))
        if (formatter := (variant_settings(task, variant) or {}).get("formatter")) is not None
        and formatter.request_type.scored != generates
    ]
    asked = "that generates" if generates else "that asks for log-likelihoods"
    return f"metrics that fit: {', '.join([*some, *_metrics_that_read(given)])}" + (
        f"; or take a variant {asked}: {', '.join(others)}" if others else ""
    )


def _metrics_that_read(given: Reads) -> list[str]:
    """The names of registered metrics that look at nothing else themselves."""
    registry = plugins.manager().registry("metrics")
    names = []
    for entry in registry.entries():
        try:
            metric = registry.resolve(entry)
        except OlmoEvalError:  # one bad metric does not hide the others
            continue
        if getattr(metric, "reads", None) == given:
            names.append(entry.name if len(registry.claims(entry.name)) == 1 else entry.qualified)
    return names


def _why_empty(task: Task) -> str:
    """Whether the data has no rows, or the task left all of them out."""
    source = task.config.data_source
    if source is None:
        return ""
    rows = sum(1 for _ in DataLoader().load(source))
    if not rows:
        return f": {source} is empty"
    return f": {source} has {rows:,} rows, and the task leaves out every one (process_doc)"


def _metrics_hint(spec: str) -> str:
    name = parse_spec(spec).name
    scored = [variant for variant in variants_of(name) if _has_metrics(name, variant)]
    if not scored:
        return "none of its variants has any either; its authors must add metrics"
    return f"its variants {', '.join(scored)} have some: -t {name}:{scored[0]}"


def _has_metrics(task: str, variant: str) -> bool:
    try:
        return bool((variant_settings(task, variant) or {}).get("metrics"))
    except CollisionError:
        return False


def with_limit(plan: Plan, limit: int | None, seed: int | None) -> Plan:
    """The plan with ``--limit`` and ``--seed`` laid over every task's own settings."""
    if limit is None and seed is None:
        return plan
    changes: dict[str, Any] = {
        key: value for key, value in (("limit", limit), ("seed", seed)) if value is not None
    }
    tasks = []
    for planned in plan.tasks:
        try:
            task = type(planned.task)(evolve(planned.task.config, **changes))
        except ValueError as error:
            raise UsageError(str(error.args[0])) from error
        tasks.append(evolve(planned, task=task))
    return evolve(plan, tasks=tuple(tasks))

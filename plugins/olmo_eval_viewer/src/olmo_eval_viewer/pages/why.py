"""Where a number is from: the walk of `olmo-eval why`."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from olmo_eval.errors import UsageError
from olmo_eval.results import Run, Score
from olmo_eval.results.suitenode import SuiteNode
from olmo_eval.results.why import Why
from olmo_eval_viewer.cards import run_card
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.page import Here, Page, Params, href

#: modules that are listed
_MODULES = 200


def page(desk: Desk, params: Params, here: Here) -> Page:
    missing = [name for name in ("run", "task") if not params.get(name)]
    if missing:
        raise UsageError(f"the address lacks {', '.join(missing)}")
    run, task = desk.run(params["run"]), params["task"]
    suite = next((s for s in run.suites() if s.name == task and task not in run.task_names), None)
    if suite is not None:
        return _suite(run, suite)
    found = desk.why(run, task, params.get("metric") or None, params.get("instance") or None)
    return Page("why.html", f"Why · {found.task} {found.metric}", _data(run, found, here))


def href_of(run_id: str, task: str, **more: str | None) -> str:
    """The address of the walk of a task's score in a run."""
    return href("/why", {"run": run_id, "task": task, **more})


def _data(run: Run, found: Why, here: Here) -> dict[str, Any]:
    told = found.to_dict()
    again, value = found.formula.recomputed, found.score.value
    code = {k: v for k, v in found.code.items() if k not in ("argv", "modules")}
    argv = found.code["argv"]
    told["code"] = {
        **code,
        "command": shlex.join(["olmo-eval", *map(str, argv)]) if argv else None,
    }
    told["model"] = {k: v for k, v in found.model.items() if k != "settings"}
    modules = dict(list(found.code["modules"].items())[-_MODULES:])
    one = told["instance"]
    metrics = [str(m["key"]) for m in run.task_record(found.task)["metrics"]]
    return {
        **told,
        "run": run_card(run),
        "same": None
        if again is None or value is None
        else math.isclose(again, value, rel_tol=1e-9),
        "modules": modules,
        "metrics": {key: here.to(metric=key, instance=None) for key in metrics},
        "model_settings": found.model.get("settings"),
        "question": href(
            "/question", {"run": run.run_id, "task": found.task, "id": one["instance_id"]}
        ),
        "instances_at": href("/task", {"run": run.run_id, "task": found.task}),
    }


def _suite(run: Run, suite: SuiteNode) -> Page:
    """A suite's score is made of its tasks': each leads on."""
    scores = {score.name: score for score in run.scores() if score.primary}
    own = scores.get(suite.name)
    data = {
        "run": run_card(run),
        "suite": suite.name,
        "aggregation": str(suite.aggregation),
        "score": None if own is None else _score(own),
        "parts": [_part(run, name, scores) for name in suite.leaves()],
    }
    return Page("why-suite.html", f"Why · {suite.name}", data)


def _part(run: Run, name: str, scores: Mapping[str, Score]) -> dict[str, Any]:
    score = scores.get(name)
    return {
        "name": name,
        "score": None if score is None else _score(score),
        "href": href_of(run.run_id, name),
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "metric": score.metric,
        "value": score.value,
        "ci_low": score.ci_low,
        "ci_high": score.ci_high,
        "method": score.method,
    }

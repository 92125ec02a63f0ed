"""Reads tasks in a process of its own: ``python -m olmo_eval.evals.tasks.check.reader PLUGIN...``.

A line of standard input is a task spec and its overrides as a JSON list; the answer is one JSON
line: ``{"spec", "seen"}`` with what ``readings.sightings`` shows, or ``{"spec", "error"}``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import attrs

from olmo_eval import plugins
from olmo_eval.common.overrides import parse_override
from olmo_eval.evals.tasks.check.readings import sightings
from olmo_eval.evals.tasks.check.subject import fresh
from olmo_eval.evals.tasks.common import build_task


def main(targets: Sequence[str]) -> None:
    """Answer every spec. What a task's own code prints or asks for goes nowhere."""
    with os.fdopen(os.dup(0), "r") as requests, os.fdopen(os.dup(1), "w") as answers:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        failed = _load(targets)
        for line in requests:
            spec, *overrides = asked = json.loads(line)
            found = {"error": failed} if failed else _look(spec, overrides)
            answers.write(json.dumps({"spec": asked, **found}) + "\n")
            answers.flush()


def _load(targets: Sequence[str]) -> str:
    """Load plugins; why that failed, or nothing."""
    try:
        for target in targets:
            plugins.manager().load(target)
    except Exception as error:
        return _line(error)
    return ""


def _look(spec: str, overrides: Sequence[str]) -> dict[str, Any]:
    try:
        task = build_task(spec, map(parse_override, overrides))
        seen = [attrs.astuple(s) for s in sightings(task, fresh(task, num_fewshot=0))]
    except Exception as error:
        return {"error": _line(error)}
    return {"seen": seen}


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


if __name__ == "__main__":
    main(sys.argv[1:])

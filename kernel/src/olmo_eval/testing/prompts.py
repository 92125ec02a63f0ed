"""What reaches the model, kept: a change of a prompt is seen before it is measured.

In a task pack's tests::

    from olmo_eval.testing import golden_prompts

    test_prompts = golden_prompts(Path(__file__).parent / "prompts.json", "acme_riddles:3shot")

With ``OLMO_EVAL_WRITE_PROMPTS=1`` in the environment the file is written anew. Data that is not
there skips the test of its task.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import attrs

from olmo_eval.common.convert import to_json
from olmo_eval.common.types import LMRequest, SamplingParams
from olmo_eval.evals.tasks.check import missing_data
from olmo_eval.evals.tasks.common import build_task

VARIABLE = "OLMO_EVAL_WRITE_PROMPTS"


def _changed(value: Any, default: Any) -> dict[str, Any]:
    """The fields of an attrs value that are not at their defaults."""
    return attrs.asdict(value, filter=lambda field, part: part != getattr(default, field.name))


def rendered(spec: str) -> dict[str, Any]:
    """The first request of a task, the answer to it, and how it is sampled, as JSON values."""
    task = build_task(spec)
    instance = next(iter(task.instances))
    request = task.request_for(instance)
    value = {
        "id": instance.id,
        "type": request.request_type,
        "request": _changed(request, LMRequest(request.request_type)),
        "gold": instance.gold_answer,
        "metrics": [metric.key for metric in task.config.metrics],
    }
    if not request.request_type.scored:
        value["sampling"] = _changed(task.get_sampling_params(instance), SamplingParams())
    return json.loads(json.dumps(to_json(value)))  # type: ignore[no-any-return]


def golden_prompts(file: Path, *tasks: str) -> Any:
    """A pytest test that holds the first request of every task against the one in ``file``.

    ``OLMO_EVAL_WRITE_PROMPTS=1`` writes the file; read its difference before you commit it.
    """
    import pytest

    @pytest.mark.parametrize("spec", tasks)
    def test_prompts(spec: str) -> None:
        reason = missing_data(build_task(spec))
        if reason is not None:
            pytest.skip(f"data missing: {reason.message}")
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        asked = rendered(spec)
        if os.environ.get(VARIABLE):
            known = {name: value for name, value in known.items() if name in tasks}
            text = json.dumps({**known, spec: asked}, ensure_ascii=False, indent=1, sort_keys=True)
            file.write_text(text + "\n", encoding="utf-8")
            return
        assert spec in known, f"{file} lacks {spec}: {VARIABLE}=1 writes it"
        assert asked == known[spec], f"{spec} asks otherwise; {VARIABLE}=1 writes {file} anew"

    return test_prompts

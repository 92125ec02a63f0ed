"""Finding the checkpoint at which a task changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.runner.bisect import bisect, halve, in_order, most_evaluated
from olmo_eval.runner.evaluate import make_run
from olmo_eval.runner.progress import Silence
from olmo_eval.runner.spec import RunSpec, TaskRequest


def test_halving_finds_every_place_with_the_fewest_looks() -> None:
    for count in (2, 3, 7, 64):
        for change in range(1, count):
            looks: list[int] = []

            def like_last(place: int, change: int = change, looks: list[int] = looks) -> bool:
                looks.append(place)
                return place >= change

            assert halve(count, like_last) == change
            assert len(looks) + 2 <= most_evaluated(count)
    assert most_evaluated(64) == 8


def skills(*values: float) -> Any:
    """Makes the runs of a mock with one skill a checkpoint."""

    def make(spec: RunSpec) -> Any:
        step = int(spec.model.removeprefix("step"))
        settings = (f"provider.kwargs.skill={values[step]}", f"provider.alias=step{step}")
        made = RunSpec(
            model="mock", tasks=spec.tasks, overrides=settings, against=spec.against, step=step
        )
        return make_run(made, Silence())

    return make


def spec(*tasks: str) -> RunSpec:
    return RunSpec(model="step0", tasks=tuple(TaskRequest(t) for t in tasks))


def test_the_checkpoint_at_which_a_task_broke(bench: Any) -> None:
    bench.write(
        "sums/test.jsonl",
        [{"id": f"s{i}", "question": f"{i} plus 1?", "answer": str(i + 1)} for i in range(120)],
    )
    models = [f"step{i}" for i in range(6)]

    found = bisect(spec("sums"), models, skills(0.9, 0.9, 0.9, 0.2, 0.2, 0.2))

    assert (found.before, found.after) == ("step2", "step3")
    assert found.certain and found.evaluated <= most_evaluated(6)
    assert found.between.verdict.kind == "worse"
    assert [one.like for one in found.midpoints] == ["first", "last"]
    assert found.to_dict()["evaluated"] == 4


def test_where_nothing_changed_there_is_nothing_to_find(bench: Any) -> None:
    with pytest.raises(OlmoEvalError, match="neither better nor worse"):
        bisect(spec("sums"), ["step0", "step1"], skills(0.5, 0.5))
    with pytest.raises(UsageError, match="two checkpoints or more"):
        bisect(spec("sums"), ["step0"], skills(0.5))
    with pytest.raises(UsageError, match="several: sums, pick"):
        bisect(spec("sums", "pick"), ["step0", "step1"], skills(0.1, 0.9))


def test_checkpoints_are_put_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for name in ("step1000", "step200", "logs"):
        (tmp_path / name).mkdir()
    assert [Path(p).name for p in in_order([str(tmp_path)])] == ["step200", "step1000"]
    with pytest.raises(UsageError, match="does not say its training step"):
        in_order(["final"])
    with pytest.raises(UsageError, match="of the same step"):
        in_order(["a/step1", "b/step1"])

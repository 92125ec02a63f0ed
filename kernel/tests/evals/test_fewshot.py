"""Few-shot examples: seeded, complete, never the evaluated item."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import Task, TaskConfig, build_task
from olmo_eval.evals.tasks.common.fewshot import FewShot


def built(*overrides: str) -> Task:
    return build_task("acme_riddles", map(parse_override, overrides))


def questions(shots: tuple[Instance, ...]) -> list[str]:
    return [shot.question for shot in shots]


def test_no_shots_load_no_data(riddles: type[Task]) -> None:
    task = built("fewshot_source=missing.jsonl")

    assert task.get_fewshot() == ()
    assert task.fewshot_for(Instance("?")) == ()


def test_shots_are_drawn_with_the_seed_as_published(riddles: type[Task]) -> None:
    task = built("num_fewshot=3", "fewshot_seed=1234")
    pool = [f"Riddle {n}?" for n in range(6, 10)]

    assert questions(task.get_fewshot()) == random.Random(1234).sample(pool, 3)


def test_another_seed_draws_other_shots(riddles: type[Task]) -> None:
    draws = {
        tuple(questions(built("num_fewshot=2", f"fewshot_seed={seed}").get_fewshot()))
        for seed in range(20)
    }

    assert len(draws) > 5


def test_shots_in_order_are_not_drawn(riddles: type[Task]) -> None:
    task = built("num_fewshot=2", "fewshot_sample=false")

    assert questions(task.get_fewshot()) == ["Riddle 6?", "Riddle 7?"]


def test_an_item_is_never_its_own_example(riddles: type[Task]) -> None:
    task = built("num_fewshot=3")

    for instance in task.instances:
        shots = questions(task.fewshot_for(instance))
        assert len(shots) == 3
        assert instance.question not in shots


def test_items_that_are_no_examples_share_one_tuple(riddles: type[Task]) -> None:
    task = built("num_fewshot=3")
    first, second, *_ = task.instances

    assert task.fewshot_for(first) is task.fewshot_for(second)


def test_too_few_examples_are_an_error(riddles: type[Task]) -> None:
    with pytest.raises(DataError, match="asks for 5 few-shot examples") as refusal:
        built("num_fewshot=5").get_fewshot()

    assert "num_fewshot=4" in str(refusal.value.hint)


def test_an_example_without_a_spare_is_an_error(riddles: type[Task]) -> None:
    task = built("num_fewshot=4")
    items = list(task.instances)

    assert len(task.fewshot_for(items[0])) == 4
    with pytest.raises(DataError, match="one of its own 4"):
        task.fewshot_for(items[-1])


def test_a_missing_source_is_an_error_not_fewer_shots(riddles: type[Task]) -> None:
    with pytest.raises(DataError):
        built("num_fewshot=1", "fewshot_source=missing.jsonl").get_fewshot()


def test_a_named_set_is_read_in_its_order(
    riddles: type[Task],
    write_rows: Callable[[str, list[dict[str, Any]]], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [{"id": f"f{n}", "riddle": f"Fixed {n}?", "answer": "x"} for n in (3, 1, 2)]
    write_rows("mirror/fewshot/acme_fixed.jsonl", rows)
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(tmp_path / "mirror"))

    task = built("num_fewshot=2", "fewshot_source=acme_fixed")

    assert questions(task.get_fewshot()) == ["Fixed 3?", "Fixed 1?"]


class _Pool(Task):
    """A task whose candidates are given."""

    def __init__(self, pool: list[str], k: int, seed: int, sample: bool = True) -> None:
        super().__init__(
            TaskConfig(name="pool", num_fewshot=k, fewshot_seed=seed, fewshot_sample=sample)
        )
        self.pool = pool

    @property
    def instances(self) -> Any:
        return iter([Instance(question, "a") for question in self.pool])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 60), seed=st.integers(0, 10**6), data=st.data())
def test_every_item_gets_k_different_others(size: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, size - 1))
    pool = [f"q{i}" for i in range(size)]
    task = _Pool(pool, k, seed)
    published = random.Random(seed).sample(pool, k)

    fewshot = FewShot.load(task)

    assert questions(fewshot.shots) == published
    for instance in task.instances:
        shots = questions(fewshot.shots_for(instance))
        assert len(set(shots)) == k
        assert instance.question not in shots
        kept = [shot for shot in published if shot != instance.question]
        assert shots[: len(kept)] == kept


def test_a_question_that_stands_twice_among_the_shots_needs_two_spares() -> None:
    fewshot = FewShot.load(_Pool(["a", "b", "a", "b", "c", "c", "d"], 3, 0, sample=False))

    assert questions(fewshot.shots) == ["a", "b", "a"]
    assert questions(fewshot.shots_for(Instance("a"))) == ["b", "c", "d"]
    assert questions(fewshot.shots_for(Instance("b"))) == ["a", "a", "c"]
    assert fewshot.shots_for(Instance("c")) is fewshot.shots


def test_what_is_shown_already_is_no_spare() -> None:
    fewshot = FewShot.load(_Pool(["a", "b", "b"], 2, 0, sample=False))

    with pytest.raises(DataError, match="'a' is one of its own 2 few-shot"):
        fewshot.shots_for(Instance("a"))


@given(
    pool=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40),
    seed=st.integers(0, 10**6),
    sample=st.booleans(),
    data=st.data(),
)
def test_spares_are_found_wherever_there_are_any(
    pool: list[str], seed: int, sample: bool, data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, len(pool)))
    fewshot = FewShot.load(_Pool(pool, k, seed, sample))
    published = random.Random(seed).sample(pool, k) if sample else pool[:k]
    others = set(pool) - set(published)

    assert questions(fewshot.shots) == published
    for question in set(pool):
        kept = [shot for shot in published if shot != question]
        if len(others) < k - len(kept):
            with pytest.raises(DataError, match="no spare one"):
                fewshot.shots_for(Instance(question))
            continue
        shots = questions(fewshot.shots_for(Instance(question)))
        assert shots[: len(kept)] == kept
        stand_ins = shots[len(kept) :]
        assert len(shots) == k and len(set(stand_ins)) == len(stand_ins)
        assert set(stand_ins) <= others


def test_the_spare_of_most_items_is_what_one_more_draw_adds() -> None:
    pool = [f"q{i}" for i in range(50)]
    fewshot = FewShot.load(_Pool(pool, 5, 1234))
    five = random.Random(1234).sample(pool, 5)
    (added,) = [q for q in random.Random(1234).sample(pool, 6) if q not in five]

    assert questions(fewshot.shots_for(Instance(five[0]))) == [*five[1:], added]


def test_shots_come_from_a_split_that_is_not_evaluated(tmp_path: Path) -> None:
    for split in ("test", "train"):
        rows = (json.dumps({"q": f"{split} {n}", "a": str(n)}) for n in range(4))
        (tmp_path / f"{split}.jsonl").write_text("\n".join(rows))

    class Splits(Task):
        data_source = DataSource(path=str(tmp_path))
        formatter = GenerationFormatter()
        num_fewshot = 2

        def process_doc(self, doc):  # type: ignore[no-untyped-def, override]
            return Instance(question=doc["q"], gold_answer=doc["a"])

    task = Splits(Splits.default_config("splits"))

    assert {shot.question.split()[0] for shot in task.get_fewshot()} == {"train"}

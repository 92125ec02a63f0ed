"""Write the questions of the example tasks, each on what `corpus.py` teaches or holds back.

    python examples/tiny_model/make_tasks.py [--out DIR]

One folder a task, `test.jsonl.gz` with the questions and, where shots make sense, `train.jsonl.gz`
with the few-shot examples. Running it again writes the same rows. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import corpus
import world

Row = dict[str, Any]

TASK_SEED = 314159
SHOT_TOWNS = 3
SHOT_PASSAGES = 5


def choice_row(
    rng: random.Random, identifier: str, question: str, answer: str, wrong: Sequence[str]
) -> Row:
    """A four-way question: the answer and three of `wrong`, in random order."""
    choices = [answer, *rng.sample(sorted(set(wrong) - {answer}), 3)]
    rng.shuffle(choices)
    return {
        "id": identifier,
        "question": question,
        "choices": choices,
        "gold": choices.index(answer),
    }


def fact_rows() -> tuple[list[Row], list[Row]]:
    """(test, train): every fact as it is asked in training; three towns are kept for shots."""
    rng = random.Random(TASK_SEED)
    rows = [
        choice_row(
            rng,
            f"{fact.town.lower()}-{fact.attribute.key}",
            fact.question,
            fact.value,
            fact.attribute.values,
        )
        for fact in world.facts()
    ]
    shots = SHOT_TOWNS * len(world.ATTRIBUTES)
    return rows[shots:], rows[:shots]


def null_rows() -> list[Row]:
    """The same facts asked backwards, from value to town, which training never does.

    Four towns are the choices of four questions, each the answer of one: whoever prefers some
    names whatever is asked gets exactly a quarter right.
    """
    rng = random.Random(TASK_SEED + 1)
    rows: list[Row] = []
    for attribute in world.ATTRIBUTES:
        facts = [fact for fact in world.facts() if fact.attribute == attribute]
        rng.shuffle(facts)
        for number, group in enumerate(_groups_of_four(facts)):
            cluster = f"{attribute.key}-{number:02}"
            for fact in group:
                question = attribute.reverse_question.format(value=fact.value)
                towns = [other.town for other in group]
                row = choice_row(rng, f"{cluster}-{fact.town.lower()}", question, fact.town, towns)
                rows.append({**row, "cluster": cluster})
    return rows


def _groups_of_four(facts: Sequence[world.Fact]) -> Iterator[list[world.Fact]]:
    """Groups of facts with four different values, as long as there are any."""
    left = list(facts)
    while left:
        first: dict[str, world.Fact] = {}
        for fact in left:
            first.setdefault(fact.value, fact)
        group = list(first.values())[:4]
        if len(group) < 4:
            return
        yield group
        left = [fact for fact in left if fact not in group]


def _sum_id(item: world.Sum) -> str:
    return f"sum-{item.left}-{item.right}"


def sum_rows(items: Iterable[world.Sum]) -> list[Row]:
    return [
        {"id": _sum_id(item), "question": item.question, "answer": str(item.total)}
        for item in items
    ]


def sum_choice_rows(items: Iterable[world.Sum]) -> list[Row]:
    """The same sums with wrong answers that differ by a unit, a ten or both."""
    rng = random.Random(TASK_SEED + 2)
    slips = (-11, -10, -9, -2, -1, 1, 2, 9, 10, 11)
    return [
        choice_row(
            rng,
            _sum_id(item),
            item.question,
            str(item.total),
            [str(item.total + slip) for slip in slips],
        )
        for item in items
    ]


def reading_rows() -> tuple[list[Row], list[Row]]:
    """(test, train): three questions on each passage; `cluster` says which belong together."""
    rng = random.Random(TASK_SEED + 3)
    rows: list[Row] = []
    for number, passage in enumerate(world.held_out_passages()):
        cluster = f"passage-{number:03}"
        for kind, (question, answer, values) in rng.sample(list(enumerate(passage.questions)), 3):
            row = choice_row(rng, f"{cluster}-{kind}", question, answer, values)
            rows.append({**row, "passage": passage.text, "cluster": cluster})
    shots = SHOT_PASSAGES * 3
    return rows[shots:], rows[:shots]


def text_rows(held_out: Sequence[world.Sum], count: int = 300) -> list[Row]:
    """Stories around held-out sums, so that no story is one of the training text."""
    rng = random.Random(TASK_SEED + 4)
    markers = {ord(marker): None for marker in (corpus.KNOWN, corpus.UNKNOWN)}
    return [
        {"id": f"story-{number:03}", "text": corpus.story(rng, held_out).translate(markers)}
        for number in range(count)
    ]


def write(folder: Path, split: str, rows: Sequence[Row]) -> None:
    """One compressed JSONL file."""
    identifiers = [row["id"] for row in rows]
    assert len(set(identifiers)) == len(identifiers), f"{folder.name}: an id occurs twice"
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    # Without a time stamp the same rows are the same bytes.
    data = gzip.compress(lines.encode(), mtime=0)
    (folder / f"{split}.jsonl.gz").write_bytes(data)
    print(f"{folder.name}/{split}: {len(rows)} rows, {len(data):,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the questions of the example tasks.")
    tasks = Path(__file__).parents[2] / "plugins/olmo_eval_tasks/src/olmo_eval_tasks"
    parser.add_argument("--out", type=Path, default=tasks / "tiny" / "data")
    out = parser.parse_args().out

    seen, held_out = world.sums()
    asked, shots = held_out[:400], seen[:20]
    splits = {
        "tiny_facts": fact_rows(),
        "tiny_sums": (sum_rows(asked), sum_rows(shots)),
        "tiny_sums_mc": (sum_choice_rows(asked), sum_choice_rows(shots)),
        "tiny_reading": reading_rows(),
        "tiny_text": (text_rows(held_out), []),
        "tiny_null": (null_rows(), []),
    }
    for task, (test, train) in splits.items():
        write(out / task, "test", test)
        if train:
            write(out / task, "train", train)


if __name__ == "__main__":
    main()

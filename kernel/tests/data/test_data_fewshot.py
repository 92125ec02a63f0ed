"""Fixed few-shot sets: identified by the package, read from a mirror or collected by id."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from olmo_eval.data import (
    DataLoader,
    describe_fewshot_set,
    fewshot_set_names,
    load_fewshot_set,
)
from olmo_eval.data.fewshot import collect_fewshot_set, fewshot_set, row_digest
from olmo_eval.errors import DataError, UnknownNameError

Write = Callable[[str, Any], Path]
SET = "olmes_csqa_fixed"


def test_the_published_sets_are_known() -> None:
    names = fewshot_set_names()
    assert {"olmes_arc_easy_fixed", "minerva_math_fixed", "gsm8k_cot_fixed"} <= set(names)
    assert all(fewshot_set(name).rows > 0 for name in names)


def test_the_package_ships_no_text_of_the_rows(real_mirror: Path) -> None:
    shipped = (files("olmo_eval.data") / "fewshot_sets.json").read_text("utf-8")
    loader = DataLoader(real_mirror)
    for name in fewshot_set_names(loader):
        for row in load_fewshot_set(name, loader):
            texts = [value for value in row.values() if isinstance(value, str) and " " in value]
            assert not [text for text in texts if text in shipped]


def test_a_file_in_the_mirror_is_the_set(write: Write, tmp_path: Path) -> None:
    write(f"fewshot/{SET}.jsonl", [{"id": "x"}])
    write("fewshot/our_own.jsonl.gz", [{"id": "y"}])
    loader = DataLoader(tmp_path)
    assert load_fewshot_set(SET, loader) == [{"id": "x"}]
    assert load_fewshot_set("our_own", loader) == [{"id": "y"}]
    assert "our_own" in fewshot_set_names(loader)


def test_without_a_file_rows_are_collected_by_id_in_the_published_order(
    write: Write, tmp_path: Path
) -> None:
    entry = fewshot_set(SET)
    rows = [dict.fromkeys((*entry.fields, "other"), 0) | {"id": i} for i in reversed(entry.ids)]
    write("tau/commonsense_qa/default/train.jsonl", [{"id": "another"}, *rows])
    found = load_fewshot_set(SET, DataLoader(tmp_path))
    assert [row["id"] for row in found] == list(entry.ids)
    assert all(set(row) == set(entry.fields) for row in found)


def test_rows_without_ids_are_collected_by_digest(write: Write, tmp_path: Path) -> None:
    rows = [
        {"goal": f"g{n}", "sol1": "a", "sol2": "b", "label": n % 2, "more": 1} for n in range(9)
    ]
    write("ybisk/piqa/default/train.jsonl", rows)
    entry = fewshot_set("olmes_piqa_fixed")
    digests = tuple(row_digest(rows[n], entry.fields) for n in (5, 2))
    found = collect_fewshot_set(evolve(entry, digests=digests), DataLoader(tmp_path))
    assert [(row["goal"], row["label"]) for row in found] == [("g5", 1), ("g2", 0)]


def test_a_set_never_shrinks_in_silence(write: Write, tmp_path: Path) -> None:
    entry = fewshot_set(SET)
    rows = [dict.fromkeys(entry.fields, 0) | {"id": i} for i in entry.ids[:-1]]
    write("tau/commonsense_qa/default/train.jsonl", rows)
    with pytest.raises(DataError, match="lacks 1 of its 7 rows") as caught:
        load_fewshot_set(SET, DataLoader(tmp_path))
    assert str(tmp_path / "fewshot" / f"{SET}.jsonl") in caught.value.message


@pytest.mark.parametrize("name", [SET, "mbpp_fixed", "gsm8k_cot_fixed"])
def test_a_set_that_cannot_be_had_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=name) as caught:
        load_fewshot_set(name, DataLoader(tmp_path))
    assert "olmo-eval data pull" in str(caught.value.hint) or "MIRROR_FOLDER/fewshot" in str(
        caught.value.hint
    )


def test_an_unknown_set_offers_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="olmes_arc_esy_fixed") as caught:
        load_fewshot_set("olmes_arc_esy_fixed")
    assert "olmes_arc_easy_fixed" in str(caught.value.hint)


def test_provenance_says_whether_the_rows_are_the_published_ones(
    write: Write, tmp_path: Path
) -> None:
    write(f"fewshot/{SET}.jsonl", [{"id": "x"}])
    described = describe_fewshot_set(SET, DataLoader(tmp_path))
    assert described["published"] is False
    assert described["file"] == f"fewshot/{SET}.jsonl"


def test_the_real_sets_are_the_published_ones(real_mirror: Path) -> None:
    loader = DataLoader(real_mirror)
    for name in fewshot_set_names(loader):
        entry = fewshot_set(name)
        rows = load_fewshot_set(name, loader)
        assert len(rows) == entry.rows
        assert describe_fewshot_set(name, loader)["published"] is True

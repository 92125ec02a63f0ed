"""Searching whole answers: what was found so far, and the count when all was read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate, plugins
from olmo_eval.errors import UsageError
from olmo_eval.results.standings import standings
from olmo_eval_viewer import search as searching
from olmo_eval_viewer.search import Search

PACK = Path(__file__).parent / "packs/viewed.py"


def _found(window: Any, **asked: str) -> set[str]:
    """The ids that a search finds, when it has come to its end."""
    for _ in range(100):
        page = window.get(window.pair(format="json", **asked)).json
        if page["searched"] is None:
            return {q["id"] for q in page["questions"]}
        time.sleep(0.05)
    raise AssertionError("the search did not end")


def test_what_stands_far_behind_in_an_answer_is_found(
    tmp_path: Path, viewing: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    with plugins.fresh_manager([str(PACK)]):
        for step, last in ((1, "falcon"), (2, "heron")):
            told = f"{'word ' * 3_000}{last}"
            harness = {"provider": {"kwargs": {"text": told}}}
            asked = {"max_tokens": 9_000}
            evaluate(
                "mock", ["sums"], harness=harness, step=step, limit=4, overrides=asked,
                results="results",
            )  # fmt: skip

    with viewing(str(tmp_path / "results")) as window:
        assert len(_found(window, q="HERON")) == 4
        assert len(_found(window, q="f[a-z]+on$", regex="1")) == 4
        assert _found(window, q="osprey") == set()


def test_a_search_that_goes_on_says_how_far_it_is(
    window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = window.runs[:2]
    found = standings(a, b, "sums")
    with searching._SEARCHING:  # another search is at work
        search = Search(found, a, b, "plus", regex=False)
        before = search.hits(0.01)
    after = search.hits(None)

    assert not before.done and before.read < 1 and not before.mask.any()
    assert after.done and after.mask.all()


def test_a_bad_expression_is_refused_before_anything_is_read(window: Any) -> None:
    found = standings(*window.runs[:2], "sums")
    with pytest.raises(UsageError, match="regular expression"):
        Search(found, *window.runs[:2], "[", regex=True)

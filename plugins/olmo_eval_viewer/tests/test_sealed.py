"""`compare --html`: one page that carries what it counts, and `verify`, which finds any change."""

from __future__ import annotations

import io
import random
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.cli.main import main
from olmo_eval.errors import DataError
from olmo_eval_viewer.sealed import OPEN, sealed, sealed_page
from olmo_eval_viewer.verify import check


def _cli(*arguments: object) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0), out.getvalue() + err.getvalue()


@pytest.fixture(scope="module")
def page(window: Any) -> bytes:
    found = compare(window.runs[0], window.runs[1], results=window.results)
    return sealed_page(found).encode()


def test_the_commands_write_a_page_and_verify_it(window: Any, tmp_path: Path) -> None:
    a, b, file = window.runs[0].run_id, window.runs[1].run_id, tmp_path / "out.html"

    code, said = _cli("compare", a, b, "--results", window.results, "--html", file)
    assert code == 0, said
    code, said = _cli("verify", file)

    assert code == 0 and "2 scores: as written" in said
    file.write_bytes(file.read_bytes().replace(b"plus 1?", b"plus 2?", 1))
    code, said = _cli("verify", file)
    assert code == 1 and "changed: what the page shows" in said


def test_a_page_says_what_compare_says_and_is_the_same_each_time(window: Any, page: bytes) -> None:
    found = compare(window.runs[0], window.runs[1], results=window.results)

    assert sealed_page(found).encode() == page
    for row in found.tasks:
        assert row.verdict.headline() in page.decode()
    assert check(page).problems == []


def test_any_flipped_byte_is_found(page: bytes) -> None:
    rng = random.Random(0)
    for _ in range(150):
        place = rng.randrange(len(page))
        changed = bytearray(page)
        changed[place] ^= 1 << rng.randrange(8)
        with suppress(DataError):  # the data could not be read at all
            assert check(bytes(changed)).problems, f"byte {place}"


def test_the_part_that_was_changed_is_named(page: bytes) -> None:
    pairs_of_pick = page.index(b'"pairs"', page.index(b'"task pick"', page.index(b'"parts"')))
    place = page.index(b"1.0", pairs_of_pick)

    found = check(page[:place] + b"0.0" + page[place + 3 :])

    assert found.problems[0] == "changed: task pick"
    assert any("by the answers" in line for line in found.problems[1:])


def test_numbers_that_do_not_follow_are_found_though_the_digests_fit(page: bytes) -> None:
    import orjson

    before, _, rest = page.decode().partition(OPEN)
    text, _, after = rest.partition("</script>")
    parts = orjson.loads(text)["parts"]
    parts["task sums"]["card"]["verdict"]["p_value"] = 0.001
    shown = f"{before}{OPEN}</script>{after}"

    found = check(shown.replace(OPEN, OPEN + sealed(parts, shown), 1).encode())

    assert [line.partition(" is ")[0] for line in found.problems] == ["sums: p_value"]


def test_what_is_no_page_is_refused(page: bytes) -> None:
    for other in (b"", b"<html></html>", page[: len(page) // 2]):
        with pytest.raises(DataError):
            check(other)

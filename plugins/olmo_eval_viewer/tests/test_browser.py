"""The viewer in a real browser: keys, filters, themes, widths, accessibility, hostile texts."""

from __future__ import annotations

import csv
import io
import runpy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate, plugins

pytestmark = pytest.mark.engine
HERE = Path(__file__).parent
PACK = HERE / "packs/viewed.py"
BROWSER: dict[str, Any] = runpy.run_path(str(HERE / "browser.py"), run_name="browser")


def _pages(window: Any) -> dict[str, str]:
    runs = "&".join(f"run={run.run_id}" for run in window.runs)
    return {
        "runs": "/",
        "compare": window.pair(),
        "parts": window.pair(task="sums", by="level", show="improved"),
        "choices": window.pair("/question", task="pick", id="p4"),
        "question": window.pair("/question", 1, 2, task="sums", id="s5"),
        "track": "/track",
        "biographies": "/biographies?group=nightly&task=sums",
        "matrix": f"/matrix?{runs}",
        "refusal": "/compare?a=nobody&b=nobody",
    }


def _complaints(driver: Any) -> list[str]:
    """What the browser's console says, but for pages that are errors themselves."""
    said = [str(entry["message"]) for entry in driver.get_log("browser")]
    return [line for line in said if "status of 404" not in line]


def test_every_page_fits_and_raises_no_complaint_at_any_look(window: Any, driver: Any) -> None:
    for width, dark in BROWSER["LOOKS"]:
        BROWSER["look"](driver, width, dark)
        for name, path in _pages(window).items():
            driver.get(window.address + path)
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} pixels wide at {width}"
            assert not _complaints(driver), name


def test_pages_are_accessible_in_both_themes(window: Any, driver: Any) -> None:
    axe = Path(pytest.importorskip("axe_core_python").__file__).parent / "axe.min.js"
    every = _pages(window)
    dark_ones = {name: every[name] for name in ("parts", "question")}
    for (width, dark), chosen in ((BROWSER["LOOKS"][0], every), (BROWSER["LOOKS"][-1], dark_ones)):
        BROWSER["look"](driver, width, dark)
        for name, path in chosen.items():
            driver.get(window.address + path)
            driver.execute_script(axe.read_text())
            found = driver.execute_async_script(
                "const done = arguments[arguments.length - 1]; axe.run().then(done);"
            )
            told = [
                f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:160]}"
                for v in found["violations"]
            ]
            assert not told, f"{name} at {width}, {'dark' if dark else 'light'}: {told}"


def test_keys_lead_through_the_questions_and_back(
    window: Any, driver: Any, press: Callable[[str], None]
) -> None:
    from selenium.webdriver.common.keys import Keys

    BROWSER["look"](driver, 1280, False)
    driver.get(window.address + window.pair(a=1, b=2, task="sums"))
    press("2")
    assert "show=improved" in driver.current_url
    press("j")
    press("j")
    second = driver.find_element("css selector", "tr.current a").get_attribute("href")
    press(Keys.ENTER)
    assert driver.current_url == second
    press("j")
    third = driver.current_url
    assert "/question" in third and third != second
    press("k")
    assert driver.current_url == second
    press("n")
    assert driver.current_url == third
    press("p")
    press("d")
    assert "diff=0" in driver.current_url and not driver.find_elements("css selector", "ins, del")
    press("d")
    assert "diff" not in driver.current_url
    press("h")
    assert driver.execute_script("return document.activeElement.id") == "history"
    press(Keys.ESCAPE)
    assert "/compare" in driver.current_url and "show=improved" in driver.current_url
    driver.back()
    assert driver.current_url == second
    press(Keys.ESCAPE)
    press(Keys.ESCAPE)
    assert driver.current_url == f"{window.address}/"


def test_search_and_help_are_a_key_away(
    window: Any, driver: Any, press: Callable[[str], None]
) -> None:
    from selenium.webdriver.common.keys import Keys

    driver.get(window.address + window.pair(task="sums"))
    press("/")
    for letter in "^11[7-9] p":  # keys are not taken from who is writing
        press(letter)
    driver.find_element("name", "regex").click()
    driver.find_element("id", "search").send_keys(Keys.ENTER)
    BROWSER["wait"](driver)
    time.sleep(0.2)
    rows = driver.find_elements("css selector", "table.questions tbody tr")
    assert len(rows) == 3 and "regex=1" in driver.current_url
    press("?")
    assert driver.find_element("id", "help").is_displayed()
    press(Keys.ESCAPE)
    assert not driver.find_element("id", "help").is_displayed()


def test_the_theme_is_kept(window: Any, driver: Any) -> None:
    BROWSER["look"](driver, 1280, False)
    driver.get(f"{window.address}/")
    driver.find_element("id", "theme").click()
    driver.get(f"{window.address}/track")
    try:
        assert driver.execute_script("return document.documentElement.dataset.theme") == "dark"
    finally:
        driver.execute_script("localStorage.clear()")


def test_two_runs_are_ticked_and_compared(window: Any, driver: Any) -> None:
    driver.get(f"{window.address}/")
    for box in driver.find_elements("css selector", "tbody input[type=checkbox]")[:2]:
        box.click()
    driver.find_element("id", "compare-chosen").click()
    BROWSER["wait"](driver)
    time.sleep(0.3)
    assert f"a={window.runs[1].run_id}&b={window.runs[2].run_id}" in driver.current_url


@pytest.fixture(scope="module")
def attacked(
    tmp_path_factory: pytest.TempPathFactory, viewing: Any, corpus: dict[str, str], write: Any
) -> Iterator[Any]:
    """The viewer of a store whose every text attacks: questions, answers, metadata and names."""
    folder = tmp_path_factory.mktemp("attacked")
    write(folder)
    patch = pytest.MonkeyPatch()
    with patch.context() as within, plugins.fresh_manager([str(PACK)]):
        within.chdir(folder)
        for step, attack in ((100, "handler"), (200, "script")):
            evaluate(
                "mock", ["hostile"], results=str(folder / "results"), step=step,
                group=corpus["end-script"], name=corpus[attack],
                harness={"provider": {"kwargs": {"skill": step / 250, "seed": step}}},
            )  # fmt: skip
    with viewing(str(folder / "results")) as found:
        yield found


def test_hostile_texts_run_nothing_and_break_no_layout(
    attacked: Any, driver: Any, corpus: dict[str, str]
) -> None:
    pages = [
        "/",
        attacked.pair(),
        attacked.pair(task="hostile", by="kind"),
        "/track",
        "/biographies",
    ]
    pages += [attacked.pair("/question", task="hostile", id=name) for name in corpus]
    for width in BROWSER["WIDTHS"]:
        BROWSER["look"](driver, width, False)
        for path in pages:
            driver.get(attacked.address + path)
            state = driver.execute_script(
                "return [window.owned, document.title, document.scripts.length, "
                "document.querySelectorAll('img, iframe, base, math, main style, object').length, "
                "document.documentElement.scrollWidth, "
                "getComputedStyle(document.body).display]"
            )
            assert state[0] is None and not state[1].startswith("owned"), path
            assert state[2:4] == [2, 0] and state[5] == "block", path
            assert state[4] <= width, f"{path} is {state[4]} pixels wide at {width}"
            assert not _complaints(driver), path


def test_what_cannot_be_seen_is_shown_as_its_escape(attacked: Any) -> None:
    for name, shown in (("ansi", r"\x1b[2J"), ("bidi", r"\u202e"), ("zero-width", r"\u200b")):
        page = attacked.get(attacked.pair("/question", task="hostile", id=name))
        assert shown in page.text
        assert not {"\x1b", "\u202e", "\u200b"} & set(page.text)


def test_the_csv_of_hostile_texts_has_no_formula(attacked: Any) -> None:
    reply = attacked.get(attacked.pair(task="hostile", format="csv"))

    for row in csv.reader(io.StringIO(reply.text)):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_templates_in_texts_stay_texts(attacked: Any) -> None:
    page = attacked.get(attacked.pair("/question", task="hostile", id="template"))

    assert "{{ 7 * 7 }}" in page.text


def test_a_page_of_a_comparison_opens_offline_and_runs_nothing(
    attacked: Any, driver: Any, tmp_path: Path
) -> None:
    from olmo_eval import compare
    from olmo_eval_viewer.sealed import sealed_page

    file = tmp_path / "out.html"
    found = compare(*attacked.runs, results=attacked.results)
    file.write_text(sealed_page(found), encoding="utf-8")
    for width in BROWSER["WIDTHS"]:
        BROWSER["look"](driver, width, False)
        driver.get(file.as_uri())
        state = driver.execute_script(
            "return [window.owned, document.scripts.length, document.scripts[0].type, "
            "document.documentElement.scrollWidth, document.querySelectorAll('img, iframe').length]"
        )
        assert state[:3] == [None, 1, "application/json"] and state[4] == 0
        assert state[3] <= width
        assert not _complaints(driver)

"""The pages of tasks, numbers, notes and single runs in a real browser, and their keys."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine
HERE = Path(__file__).parent
BROWSER: dict[str, Any] = runpy.run_path(str(HERE / "browser.py"), run_name="browser")


def _pages(window: Any) -> dict[str, str]:
    run = window.runs[2].run_id
    return {
        "task": "/task?task=sums&group=nightly&by=level",
        "task of one run": f"/task?task=pick&run={run}",
        "why": f"/why?run={run}&task=sums",
        "question of one run": f"/question?run={run}&task=pick&id=p4",
        "baseline that is not set": f"/against?run={run}&how=pinned",
    }


def test_the_pages_fit_are_accessible_and_raise_no_complaint(window: Any, driver: Any) -> None:
    axe = Path(pytest.importorskip("axe_core_python").__file__).parent / "axe.min.js"
    script = axe.read_text()
    for width, dark in BROWSER["LOOKS"]:
        BROWSER["look"](driver, width, dark)
        for name, path in _pages(window).items():
            driver.get(window.address + path)
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} pixels wide at {width}"
            said = [entry["message"] for entry in driver.get_log("browser")]
            assert not [line for line in said if "status of 400" not in line], name
            if (width < 500) is not dark or name not in ("task", "why", "question of one run"):
                continue  # each theme once
            driver.execute_script(script)
            found = driver.execute_async_script(
                "const done = arguments[arguments.length - 1]; axe.run().then(done);"
            )
            told = [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found["violations"]]
            assert not told, f"{name} at {width}: {told}"


def test_a_note_is_written_seen_in_the_list_and_taken_away(
    window: Any, driver: Any, press: Callable[[str], None]
) -> None:
    from selenium.webdriver.common.keys import Keys

    BROWSER["look"](driver, 1280, False)
    driver.get(window.address + window.pair("/question", task="sums", id="s9"))
    press("m")
    assert driver.execute_script("return document.activeElement.name") == "tags"
    press("gold wrong")
    driver.find_element("name", "text").send_keys("<b>52</b>\nit says")
    driver.find_element("css selector", ".note button").click()
    BROWSER["wait"](driver)
    time.sleep(0.3)
    assert "/question?" in driver.current_url and "id=s9" in driver.current_url
    assert driver.find_element("css selector", ".said").text == "gold wrong <b>52</b> it says"

    driver.get(window.address + window.pair(task="sums", tag="gold wrong"))
    rows = driver.find_elements("css selector", "table.questions tbody tr")
    assert len(rows) == 1 and "gold wrong" in rows[0].text
    press("j")
    press(Keys.ENTER)
    for name in ("tags", "text"):
        driver.find_element("name", name).clear()
    driver.find_element("css selector", ".note button").click()
    BROWSER["wait"](driver)
    time.sleep(0.3)
    assert not driver.find_elements("css selector", ".said")


def test_keys_lead_to_the_task_its_questions_and_where_a_number_is_from(
    window: Any, driver: Any, press: Callable[[str], None]
) -> None:
    from selenium.webdriver.common.keys import Keys

    BROWSER["look"](driver, 1280, False)
    driver.get(window.address + window.pair(a=1, b=2, task="sums"))
    press("t")
    assert "/task?task=sums" in driver.current_url
    press("2")
    assert "solved=sometimes" in driver.current_url
    press("j")
    press(Keys.ENTER)
    assert "/question?run=" in driver.current_url
    press("w")
    assert "/why?" in driver.current_url and "instance=" in driver.current_url
    driver.back()
    press(Keys.ESCAPE)
    assert "/task?" in driver.current_url
    press(Keys.ESCAPE)
    assert driver.current_url == f"{window.address}/"


def test_every_key_that_pages_have_is_in_the_help(window: Any, driver: Any) -> None:
    driver.get(window.address + window.pair(task="sums"))
    known = {
        key.get_attribute("textContent")
        for key in driver.find_elements("css selector", "#help kbd")
    }
    known |= {"2", "3", "4"} if {"1", "5"} <= known else set()
    known |= {"Escape"} if "Esc" in known else set()
    every = {
        *_pages(window).values(),
        window.pair(),
        window.pair("/question", 1, 2, task="sums", id="s5"),
    }
    for path in (*every, "/", "/biographies?group=nightly&task=sums"):
        driver.get(window.address + path)
        used = driver.execute_script(
            "return [...document.querySelectorAll('[data-key]')].map((e) => e.dataset.key)"
        )
        assert set(used) <= known, path


def test_the_filters_of_the_form_and_of_column_heads_are_the_same(window: Any, driver: Any) -> None:
    BROWSER["look"](driver, 1280, False)
    driver.get(window.address + window.pair(task="sums"))
    bar = driver.find_elements("css selector", "th .histogram a")[0]
    driver.execute_script("location.href = arguments[0].href.baseVal", bar)
    time.sleep(0.3)
    BROWSER["wait"](driver)
    given = driver.find_element("name", "seconds" if "seconds=" in driver.current_url else "tokens")
    assert given.get_attribute("value") in driver.current_url.replace("%2B", "+")
    assert driver.find_elements("css selector", ".histogram .bar.chosen")


def test_a_search_that_goes_on_fills_its_list_by_itself(window: Any, driver: Any) -> None:
    from olmo_eval_viewer import search

    BROWSER["look"](driver, 1280, False)
    with search._SEARCHING:  # another search is at work
        driver.get(window.address + window.pair(task="sums", q="11[0-4] plus", regex="1"))
        assert "so far" in driver.find_element("css selector", ".searching").text
    for _ in range(60):
        if not driver.find_elements("css selector", ".searching"):
            break
        time.sleep(0.1)
    rows = driver.find_elements("css selector", "table.questions tbody tr")
    assert len(rows) == 5 and not driver.find_elements("css selector", ".searching")

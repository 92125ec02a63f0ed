"""A real browser: Debian's Chromium, driven by Selenium; and screenshots of every page.

    python plugins/olmo_eval_viewer/tests/browser.py RESULTS FOLDER
    python plugins/olmo_eval_viewer/tests/browser.py .demo docs/viewer --documentation

writes screenshots of the viewer of a store, at desktop and phone width, dark and light; or the
pictures of docs/viewer.md.
"""

from __future__ import annotations

import base64
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: width of a desktop and of a phone, in CSS pixels
WIDTHS = (1280, 360)
#: and each of them light and dark
LOOKS = [(width, dark) for width in WIDTHS for dark in (False, True)]
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


def missing() -> str:
    """What has to be installed before a browser can be driven; empty where nothing has."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        return "needs a browser: apt-get install chromium chromium-driver"
    return ""


@contextmanager
def browser() -> Iterator[Any]:
    """A browser with an empty profile."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        driver.set_page_load_timeout(30)
        yield driver
    finally:
        driver.quit()


def wait(driver: Any) -> None:
    """Until the page is loaded, five seconds at most."""
    for _ in range(100):
        if driver.execute_script("return document.readyState") == "complete":
            return
        time.sleep(0.05)


def look(driver: Any, width: int, dark: bool, height: int = 900) -> None:
    """Show pages at this width and in this theme from now on."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def shoot(driver: Any, path: Path, width: int, dark: bool, most: int = 1800) -> None:
    """A screenshot of the page from its top, at most so high."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    look(driver, width, dark, min(most, height))
    path.parent.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(path))


def pages(results: str) -> dict[str, str]:
    """A page of each kind, for the two newest checkpoints of a store."""
    from olmo_eval.results.store import Store
    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.page import href

    a, b = Desk(results).newest_pair()
    pair = {"a": a.run_id, "b": b.run_id}
    task = b.task_names[-1]
    flips = Desk(results).comparison(a, b).flips(task)
    one = {**pair, "task": task, "show": "discordant", "id": next(flips).instance_id}
    runs = [("run", run.run_id) for run in Store(results).runs()[:6]]
    return {
        "runs": "/",
        "compare": href("/compare", pair),
        "regressed": href("/compare", {**pair, "task": task, "show": "regressed"}),
        "question": href("/question", one),
        "task": href("/task", {"task": task, "group": b.facts.group}),
        "one run": href("/question", {"run": b.run_id, "task": task, "id": one["id"]}),
        "why": href("/why", {"run": b.run_id, "task": task}),
        "track": href("/track", {"group": b.facts.group}),
        "biographies": href("/biographies", {"group": b.facts.group, "task": task}),
        "matrix": href("/matrix", runs),
    }


def document(results: str, folder: str) -> None:
    """The pictures of docs/viewer.md, small."""
    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.page import href

    a, b = Desk(results).newest_pair()
    pair = {"a": a.run_id, "b": b.run_id, "task": "tiny_sums"}
    flip = next(Desk(results).comparison(a, b).flips("tiny_sums")).instance_id
    wanted = {
        "compare": (href("/compare", pair), 980),
        "question": (href("/question", {**pair, "show": "improved", "id": flip}), 860),
        "task": (href("/task", {"task": "tiny_facts", "group": b.facts.group}), 620),
        "why": (href("/why", {"run": b.run_id, "task": "tiny_facts"}), 620),
    }
    with viewed(results) as (address, driver):
        for name, (path, height) in wanted.items():
            look(driver, 1100, False, height)
            driver.get(address + path)
            taken = {"format": "webp", "quality": 60}
            told = driver.execute_cdp_cmd("Page.captureScreenshot", taken)
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(folder, f"{name}.webp").write_bytes(base64.b64decode(told["data"]))


@contextmanager
def viewed(results: str) -> Iterator[tuple[str, Any]]:
    """The viewer of a store, its address, and a browser to look at it."""
    import threading

    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.server import Viewer

    viewer = Viewer(Desk(results))
    with viewer.listening() as address, browser() as driver:
        threading.Thread(target=viewer.serve, daemon=True).start()
        yield address, driver


def main(results: str, folder: str, kind: str = "") -> None:
    if kind == "--documentation":
        document(results, folder)
        return
    with viewed(results) as (address, driver):
        for name, path in pages(results).items():
            for width in WIDTHS:
                for dark in (False, True):
                    look(driver, width, dark)
                    driver.get(address + path)
                    theme = "dark" if dark else "light"
                    shoot(driver, Path(folder) / f"{name}-{width}-{theme}.png", width, dark)


if __name__ == "__main__":
    main(*sys.argv[1:])

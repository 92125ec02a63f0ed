"""A store with a few checkpoints, and the viewer of it on a port of its own."""

from __future__ import annotations

import http.client
import json
import runpy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from olmo_eval import evaluate, plugins
from olmo_eval.results.store import Run, Store

HERE = Path(__file__).parent
PACK = HERE / "packs/viewed.py"
BROWSER: dict[str, Any] = runpy.run_path(str(HERE / "browser.py"), run_name="browser")
CORPUS: dict[str, str] = runpy.run_path(str(HERE / "hostile.py"))["CORPUS"]


@frozen
class Reply:
    """What the viewer answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@frozen
class Window:
    """A running viewer, asked over HTTP."""

    port: int
    results: str
    runs: tuple[Run, ...]
    viewer: Any

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            reply = connection.getresponse()
            told = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, told, reply.read())
        finally:
            connection.close()

    def pair(self, path: str = "/compare", a: int = 0, b: int = 1, **more: str) -> str:
        """The address of a page about two of the runs."""
        from olmo_eval_viewer.page import href

        return href(path, {"a": self.runs[a].run_id, "b": self.runs[b].run_id, **more})


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _sum(n: int) -> dict[str, Any]:
    level = "easy" if n % 3 else "hard"
    return {"id": f"s{n}", "question": f"{n} plus 1?", "answer": str(n + 1), "level": level}


def _pick(n: int) -> dict[str, Any]:
    choices = [f"{n}a", f"{n}b", f"{n}c"]
    return {"id": f"p{n}", "question": f"Which of {n}?", "choices": choices, "gold": n % 3}


def write_data(folder: Path) -> None:
    _write(folder / "sums/test.jsonl", [_sum(n) for n in range(120)])
    _write(folder / "pick/test.jsonl", [_pick(n) for n in range(30)])
    rows = [{"id": name, "text": text} for name, text in CORPUS.items()]
    _write(folder / "hostile/test.jsonl", rows)


def evaluated(results: str, step: int, **settings: Any) -> Run:
    """A run of the mock at a step of training; the later, the better it is."""
    kwargs = {"skill": step / 500, "seed": step, "faults": {"fail": 0.05}}
    made = {"results": results, "group": "nightly", "step": step, **settings}
    return evaluate("mock", ["sums", "pick"], harness={"provider": {"kwargs": kwargs}}, **made)


@contextmanager
def _viewing(results: str, **settings: Any) -> Iterator[Window]:
    """The viewer of a store, in a thread."""
    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.server import Viewer

    viewer = Viewer(Desk(results), **settings)
    with viewer.listening() as address:
        thread = threading.Thread(target=viewer.serve, daemon=True)
        thread.start()
        assert viewer.server is not None
        while not viewer.server.started:
            time.sleep(0.01)
        runs = sorted(Store(results).runs(), key=lambda run: run.facts.step or 0)
        yield Window(int(address.rpartition(":")[2]), results, tuple(runs), viewer)
        viewer.server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store of three checkpoints, made once."""
    folder = tmp_path_factory.mktemp("viewer")
    write_data(folder)
    patch = pytest.MonkeyPatch()
    with patch.context() as within, plugins.fresh_manager([str(PACK)]):
        within.chdir(folder)
        for step in (100, 200, 400):
            evaluated(str(folder / "results"), step)
        yield str(folder / "results")


@pytest.fixture(scope="session")
def window(store: str) -> Iterator[Window]:
    with _viewing(store) as found:
        yield found


@pytest.fixture(scope="session")
def viewing() -> Callable[..., AbstractContextManager[Window]]:
    """Opens the viewer of another store, or with other settings."""
    return _viewing


@pytest.fixture(scope="session")
def corpus() -> dict[str, str]:
    """Texts that attack who looks at them."""
    return CORPUS


@pytest.fixture(scope="session")
def write() -> Callable[[Path], None]:
    """Writes the data of the tasks of ``packs/viewed.py`` into a folder."""
    return write_data


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A browser."""
    pytest.importorskip("selenium")
    if BROWSER["missing"]():
        pytest.skip(BROWSER["missing"]())
    with BROWSER["browser"]() as found:
        yield found


@pytest.fixture
def press(driver: Any) -> Callable[[str], None]:
    """Presses a key on the page and waits for what it leads to."""
    from selenium.webdriver.common.action_chains import ActionChains

    def pressed(key: str) -> None:
        ActionChains(driver).send_keys(key).perform()
        time.sleep(0.2)
        BROWSER["wait"](driver)

    return pressed

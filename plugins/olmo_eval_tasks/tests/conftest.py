"""Rendering of every spec, on invented rows and on real ones."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from olmo_eval import plugins
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest
from olmo_eval.evals.tasks.common import Task, build_task
from olmo_eval.sandbox import Sandbox, SandboxConfig

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # modules that several tests share
GOLDENS = HERE / "goldens"

Render = Callable[[Task, Instance], dict[str, Any]]
#: a scorer, an instance and the answer extracted from what a model wrote
Case = tuple[AsyncScorer, Instance, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-goldens", action="store_true", help="write the golden renderings anew"
    )


@pytest.fixture(autouse=True)
def olmo_eval_tasks() -> Iterator[None]:
    """The package's plugin, whether or not the package is installed, and nothing else."""
    with plugins.fresh_manager(["olmo_eval_tasks.plugin"]):
        yield


@pytest.fixture
def invented_mirror(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror of invented rows in the shape of every data set."""
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(HERE / "invented"))
    return HERE / "invented"


def request_as_json(request: LMRequest) -> dict[str, Any]:
    """What reaches the model: prompt or messages and every field that is not at its default."""
    default = LMRequest(request.request_type)
    changed = attrs.asdict(
        request, filter=lambda field, value: value != getattr(default, field.name, ...)
    )
    return {"prompt": "", **changed, "request_type": request.request_type.value}


@pytest.fixture
def render() -> Render:
    """A request with its gold answer and sampling, as JSON."""

    def rendered(task: Task, instance: Instance) -> dict[str, Any]:
        sampling = attrs.asdict(task.get_sampling_params(instance))
        value = {
            "request": request_as_json(task.request_for(instance)),
            "gold": instance.gold_answer,
            "sampling": {k: v for k, v in sampling.items() if v is not None},
            "metrics": [metric.key for metric in task.config.metrics],
            "primary": task.config.primary().key,
        }
        return json.loads(json.dumps(value, default=list))  # type: ignore[no-any-return]

    return rendered


@pytest.fixture
def digest() -> Callable[[Any], str]:
    """SHA-256 of a JSON value, the same on every machine."""

    def of(value: Any) -> str:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    return of


def _one_line_each(value: dict[str, Any]) -> str:
    lines = (f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, dict[str, Any]], None]:
    """Compare with a golden file, or write it with --regenerate-goldens."""

    def check(name: str, value: dict[str, Any]) -> None:
        path = GOLDENS / name
        if request.config.getoption("--regenerate-goldens", default=False):
            path.write_text(_one_line_each(value), encoding="utf-8")
        known = json.loads(path.read_text(encoding="utf-8"))
        assert sorted(value) == sorted(known), "regenerate with --regenerate-goldens"
        for spec, rendered in value.items():
            assert rendered == known[spec], spec

    return check


@pytest.fixture
def first() -> Callable[[str], tuple[Task, Instance]]:
    """A spec's task and its first instance."""

    def of(spec: str) -> tuple[Task, Instance]:
        task = build_task(spec)
        return task, next(iter(task.instances))

    return of


class Place:
    """What of an episode these scorers use: an environment, and somewhere to keep evidence."""

    def __init__(self, inner: Sandbox) -> None:
        self.inner = inner
        self.evidence: dict[str, Any] = {}

    async def sandbox(self, capability: str) -> Sandbox:
        return self.inner

    async def renew(self, capability: str) -> Sandbox:
        """The same one: answers of tests do not tamper with it."""
        return self.inner

    async def once(self, key: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        return await work()

    def record(self, key: str, value: Any) -> None:
        self.evidence[key] = value


@pytest.fixture
def score(scored_with_evidence: Any) -> Callable[[Sequence[Case]], list[float]]:
    """The scores of several cases, each in a local sandbox of its own."""
    return lambda cases: [number for number, _evidence in scored_with_evidence(cases)]


@pytest.fixture
def scored_with_evidence() -> Callable[..., list[tuple[float, dict[str, Any]]]]:
    """Scores, and what the scorers kept, of several cases."""
    local = pytest.importorskip("olmo_eval_sandboxes.local.backend")

    async def scored(
        cases: Sequence[Case], settings: Mapping[str, Any]
    ) -> list[tuple[float, dict[str, Any]]]:
        known = {"memory": "4g", "pids": 512, **settings}
        config = SandboxConfig(mode="local", unsafe_local=True, **known)
        backend = local.LocalBackend(config)
        await backend.start()
        found = []
        try:
            for scorer, instance, answer in cases:
                sandbox = await backend.create("tests")
                output = LMOutput(str(answer), extracted_answer=answer)
                place = Place(sandbox)
                number = await scorer.score_async(instance, output, place)
                found.append((number, place.evidence))
                await sandbox.close()
        finally:
            await backend.close()
        return found

    return lambda cases, **settings: anyio.run(scored, cases, settings)

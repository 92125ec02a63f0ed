"""Whatever comes in: one clear error of ours or the right value, never a traceback or a hang."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from attrs import evolve, fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from olmo_eval.common.formatters import GenerationFormatter, LetteredFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.overrides import apply_overrides, parse_override, parse_value
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    Response,
    SamplingParams,
)
from olmo_eval.data import DataSource
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.evals.tasks.check import check_task
from olmo_eval.evals.tasks.common import (
    MultipleChoiceTask,
    Task,
    TaskConfig,
    build_task,
    parse_spec,
    register,
    register_variant,
)
from olmo_eval.harness.config import HarnessConfig, load_harness
from olmo_eval.results import journal
from olmo_eval.results.record import (
    answer_record,
    gold_text,
    request_hash,
    request_row,
    score_record,
)
from olmo_eval.results.store import Run, Store, open_run
from olmo_eval.runner.feed import selected

T = TypeVar("T")

quick = settings(
    max_examples=150,
    deadline=2_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

#: any text that Python holds, lone surrogates and control characters among it
wild = st.text(st.characters(exclude_categories=()), max_size=30)
scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def ours(call: Callable[[], T]) -> T | None:
    """The value of ``call``, or None where it raised an error that is meant for a person."""
    try:
        return call()
    except OlmoEvalError as error:
        assert error.message.strip()
        return None


# -- specs


class Hostile(Task):
    """Rows are read without suspicion, as task files do."""

    data_source = DataSource(path="rows.jsonl")
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"], metadata={"id": doc.get("id")})


class HostileChoice(MultipleChoiceTask):
    data_source = DataSource(path="rows.jsonl")
    formatter = LetteredFormatter()

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return self.choice_instance(doc["question"], doc["choices"], doc["gold"], id=doc["id"])


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    register("hostile")(Hostile)
    register_variant("hostile", "zero", num_fewshot=0)


pieces = st.sampled_from(["hostile", "zero", ":", "::", " ", "=", "/", ".", "\n", "\0", "🙂"])


@quick
@given(wild | st.lists(pieces, max_size=6).map("".join))
def test_specs(text: str) -> None:
    spec = ours(lambda: parse_spec(text))
    if spec is not None:
        assert str(spec) == text or text.endswith(":" + str(spec))
        ours(lambda: build_task(text))


# -- overrides


def _paths(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


HARNESS_KEYS = [
    *_paths(HarnessConfig),
    *(f"provider.{name}" for name in ("kwargs.x", "model", "timeout", "num_instances", "kwargs")),
    "sandboxes.0", "sandboxes.0.memory", "sandboxes.0.cpus", "sandboxes.1.mode", "tools.0",
    "auxiliary_providers.judge.model", "judges.x.kind", "judges.x", "scaffold_kwargs.a.b.c",
]  # fmt: skip
TASK_KEYS = [
    *_paths(TaskConfig),
    *(f"sampling_params.{name}" for name in _paths(SamplingParams)),
    "formatter.template", "formatter.answer_prefix", "metrics.0", "metrics.0.over_samples",
    "data_source.path", "data_source.split", "data_source.subset",
]  # fmt: skip

literals = st.sampled_from(
    ["1e999", "-1", "NaN", "[", "[[[[", '{"a": ', "'", "null", "9" * 400, "1" + "0" * 5000, "0x1",
     "[" * 2000, "[a, [b, c]", '{"kind": "llm"}', "true", "", " ", "1.5", "-0", "1e400", "\ud800"]
)  # fmt: skip
values = literals | wild | json_values.map(json.dumps)


@quick
@given(wild | values)
def test_values_of_overrides(text: str) -> None:
    parse_value(text)


@quick
@given(st.sampled_from(HARNESS_KEYS) | wild, values)
def test_overrides_of_a_harness(key: str, value: str) -> None:
    def change() -> HarnessConfig:
        override = parse_override(f"{key}={value}")
        return apply_overrides(HarnessConfig(), [override], where="the harness")

    changed = ours(change)
    if changed is not None:
        assert_typed(changed)


@quick
@given(st.sampled_from(TASK_KEYS) | wild, values)
def test_overrides_of_a_task(key: str, value: str) -> None:
    task = ours(lambda: build_task("hostile", [parse_override(f"{key}={value}")]))
    if task is not None:
        params = task.config.sampling_params
        assert isinstance(params.temperature, float) and params.temperature >= 0
        assert type(params.num_samples) is int and params.num_samples >= 1
        assert type(task.config.num_fewshot) is int and task.config.num_fewshot >= 0
        assert all(isinstance(stop, str) for stop in params.stop_sequences or ())


def assert_typed(config: HarnessConfig) -> None:
    """Every setting has the type that its user relies on."""
    assert config.tool_choice in ("auto", "none", "required")
    assert config.max_turns is None or (type(config.max_turns) is int and config.max_turns > 0)
    assert config.timeout is None or isinstance(config.timeout, float)
    assert isinstance(config.provider.model, str)
    assert isinstance(config.provider.timeout, float)
    assert type(config.provider.max_retries) is int
    assert isinstance(config.name, str)
    for sandbox in config.sandboxes:
        assert sandbox.instances is None or sandbox.instances >= 1
        assert sandbox.cpus > 0 and isinstance(sandbox.network, bool)


# -- harness files


@quick
@given(
    st.binary(max_size=60)
    | wild.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.dictionaries(st.sampled_from(_paths(HarnessConfig)) | st.text(max_size=5), json_values)
    .map(lambda data: yaml.safe_dump(data).encode("utf-8", "replace"))
    | st.sampled_from(
        [b"&a [*a]", b"a: &a\n  b: *a", b"!!python/object:os.system x", b"- 1", b"[" * 3000,
         b"? {a: b}\n: c", b"sandboxes: {a: 1}", b"sandboxes: [1]", b"provider: x", b"tools: x",
         b"tool_names: 3", b"sandboxes:\n- memory: 2099-01-01", b"judges: []", b"x: 2001-13-45",
         b"provider: &p {kwargs: *p}", b"provider:\n  kwargs: &k\n    self: *k",
         b"tools: {}\ntool_names: [a]", b"tools: null\ntool_names: x"]
    )
)  # fmt: skip
def test_harness_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "harness.yaml"
    path.write_bytes(content)

    config = ours(lambda: load_harness(path))

    if config is not None:
        assert_typed(config)


def test_a_harness_file_that_unfolds_without_end_is_refused_at_once(tmp_path: Path) -> None:
    doubling = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
    )
    for text in (doubling, "kwargs: &k\n  self: *k", "[" * 100_000):
        path = tmp_path / "harness.yaml"
        path.write_text(text)
        with pytest.raises(UsageError, match=r"alias|nested"):
            load_harness(path)
    path.write_text("scaffold_kwargs: &k {a: 1}\njudges: {one: {kwargs: *k}, two: {kwargs: *k}}")
    assert load_harness(path).judges["two"].kwargs == {"a": 1}


# -- data rows


def rows_of(task: Task) -> Iterator[str]:
    """Ids, once each instance has gone from its row of data to its row of the journal and back."""
    for position, (name, instance) in enumerate(selected(task)):
        request = task.request_for(instance)
        asked = request_row(request)
        output = task.extracted(LMOutput("text", metadata={"gold": instance.gold_answer}))
        response = Response(name, instance, request, (output,))
        answer = answer_record(
            instance,
            instance_id=name,
            position=position,
            request=asked,
            request_hash=request_hash(asked, SamplingParams()),
            outputs=(output,),
        )
        for kept in (answer, score_record(response, ({},), {}, {})):
            found = journal.decode(journal.encode(kept))
            assert found is not None and found["instance_id"] == name
        yield name


def row(required: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={k: v | json_values for k, v in required.items()})


plain_rows = row({"question": wild, "answer": wild, "id": st.integers()})
choice_rows = row(
    {
        "question": wild,
        "choices": st.lists(wild, max_size=30),
        "gold": st.integers(-3, 30),
        "id": st.integers(),
    }
)


@quick
@given(st.sampled_from([Hostile, HostileChoice]), st.lists(plain_rows | choice_rows, max_size=4))
def test_data_rows(tmp_path: Path, cls: type[Task], rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    config = evolve(cls.default_config("hostile"), data_source=DataSource(path=str(path)))

    names = ours(lambda: list(rows_of(cls(config))))

    if names is not None:
        assert len(names) == len(set(names)) == len(rows)
    ours(lambda: check_task(cls(config), sample=5))


def test_numbers_and_texts_that_json_libraries_refuse_are_kept_whole() -> None:
    assert gold_text(10**30) == "1" + "0" * 30
    assert gold_text({"b": [2**64], "a": 1}) == '{"a":1,"b":[18446744073709551616]}'
    asked = request_row(LMRequest(RequestType.COMPLETION, prompt="half a pair: \ud800"))
    other = {**asked, "prompt": "half a pair: \ud801"}
    params = SamplingParams()
    assert request_hash(asked, params) != request_hash(other, params)


@quick
@given(st.binary(max_size=80))
def test_data_files(tmp_path: Path, content: bytes) -> None:
    for name in ("rows.jsonl", "rows.json", "rows.csv", "rows.jsonl.gz", "rows.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        config = evolve(Hostile.default_config("hostile"), data_source=DataSource(path=str(path)))
        ours(lambda config=config: list(rows_of(Hostile(config))))  # type: ignore[misc]


# -- records of runs

RECORD = {
    "run_id": "20260101-000000-m-1", "schema_version": 1, "status": "complete", "started": "t",
    "model": {"name": "m", "step": 3}, "tasks": [{"name": "a", "variants": []}],
    "suites": [{"name": "s", "members": ["a"], "aggregation": "average"}], "group": "g",
}  # fmt: skip


def use(run: Run) -> None:
    """What listing, showing and comparing read of a run's record."""
    assert isinstance(run.run_id, str) and isinstance(run.model, str)
    for name in run.task_names:
        run.task_record(name)
    for read in (run.suites, run.metrics, run.scores, lambda: run.instances("a")):
        ours(read)


@quick
@given(
    st.binary(max_size=60)
    | json_values.map(json.dumps).map(str.encode)
    | st.dictionaries(st.sampled_from([*RECORD, "lock"]), json_values, max_size=3).map(
        lambda changes: json.dumps({**RECORD, **changes}).encode()
    )
)
def test_run_records(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "runs" / "20260101-000000-m-1"
    (folder / "instances").mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_bytes(content)
    (folder / "metrics.parquet").write_bytes(content)

    run = ours(lambda: open_run(str(folder)))
    if run is not None:
        use(run)
    store = Store(str(tmp_path))
    for found in store.runs():
        use(found)
    for query in ("2026", "latest", "model=m", "step=3", "task=a,latest", "group=g"):
        ours(lambda query=query: store.find(query))  # type: ignore[misc]


# -- journals

records = st.lists(
    st.fixed_dictionaries({"task": st.text(max_size=5), "n": st.integers(0, 9)}), max_size=5
)
damage = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from(["flip", "cut", "insert"]), st.binary(max_size=6)
    ),
    max_size=3,
)


def damaged(content: bytes, how: list[tuple[int, str, bytes]]) -> bytes:
    for place, kind, more in how:
        at = place % (len(content) + 1)
        if kind == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        else:
            content = content[:at] + more + content[at:]
    return content


@quick
@given(records, damage)
def test_journals(tmp_path: Path, kept: list[dict[str, Any]], how: Any) -> None:
    path = tmp_path / "journal" / "records.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damaged(b"".join(map(journal.encode, kept)), how))

    opened = journal.Journal(path)
    opened.append({"task": "after"})
    opened.close()
    found = [record for _, _, record in journal.read(path) if record is not None]

    assert found[-1] == {"task": "after"}
    assert all(record in kept for record in found[:-1])
    lengths = [length for _, length, _ in journal.read(path)]
    assert sum(lengths) == path.stat().st_size


@quick
@given(st.binary(max_size=60) | json_values.map(json.dumps).map(str.encode))
def test_lines_of_a_journal(body: bytes) -> None:
    line = b"%08x %s\n" % (zlib.crc32(body), body)
    for candidate in (body, body + b"\n", line, line[:-1], line.upper()):
        record = journal.decode(candidate)
        assert record is None or isinstance(record, dict)

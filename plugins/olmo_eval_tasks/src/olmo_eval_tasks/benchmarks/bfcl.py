"""BFCL, the Berkeley function-calling leaderboard: its single-turn categories in Python.

- Data: the files of the package ``bfcl-eval`` (2026.3.23), read where it is installed, without
  importing it: ``pip install --no-deps bfcl-eval==2026.3.23`` leaves its dependencies out. A mirror
  may hold them below ``gorilla-llm/Berkeley-Function-Calling-Leaderboard``, answers in
  ``possible_answer``.
- Prompt: the data's messages as a chat, with the functions among the request's tools; types in JSON
  Schema, dots in names as underscores, as calling interfaces want them. ``prompt`` describes the
  functions in a system prompt instead, for models that have no interface for tools; its words are
  ours.
- Shots: none.
- Extraction: the calls that the model made; where it made none, a list of calls in Python that is
  all that it wrote.
- Metric: accuracy. The right functions with accepted arguments, in any order; in ``irrelevance`` no
  function fits, and any call is wrong; in ``live_relevance`` any call is right.

Calls whose arguments are no JSON count as calls here, also where no function fits.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve, frozen

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.text import fill
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolSchema,
)
from olmo_eval.data import DataLoader, DataSource
from olmo_eval.data.mirror import Mirror
from olmo_eval.errors import MissingDependencyError
from olmo_eval.evals.extract.code import extract_code
from olmo_eval.evals.tasks.common import Card, Task, TaskConfig, register, register_variant
from olmo_eval_tasks.scorers.function_calls import Call, FunctionCallsScorer, flat
from olmo_eval_tasks.subjects import BFCL_CATEGORIES

HUB = "gorilla-llm/Berkeley-Function-Calling-Leaderboard"
INSTALL = "pip install --no-deps bfcl-eval==2026.3.23"
_JSON_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}
_SIZES = (400, 200, 200, 200, 240, 258, 1_053, 16, 24, 884, 16)
#: what the data's own answers score, where some questions accept none
_CEILINGS = {"live_simple": 256 / 258, "live_multiple": 1_051 / 1_053}
_PROMPT = (
    "You can call the functions below to answer the user. Reply with nothing but the calls, as a "
    "list in Python: [name(parameter=value, ...), ...]. If none of the functions can help, or a "
    "required parameter is missing, say so in words and call nothing.\n\nFunctions, in JSON:\n"
    "{functions}"
)


@frozen
class FunctionsInPrompt(ChatFormatter):
    """Describes the functions in the system prompt, in place of the request's tools."""

    system_prompt: str | None = _PROMPT

    def functions(self, instance: Instance) -> str:
        """The system prompt with the functions of ``instance`` in it."""
        described = json.dumps(instance.metadata["functions"], ensure_ascii=False, indent=1)
        return fill(self.system_prompt or "", {"functions": described})


class Bfcl(Task):
    """One category."""

    category: ClassVar[str]
    file: ClassVar[str]
    expected: ClassVar[str] = "calls"
    sampling_params = SamplingParams(max_tokens=2048)
    metrics = (AccuracyMetric(scorer=FunctionCallsScorer),)
    card = Card(
        citation="Patil et al. 2025, The Berkeley Function Calling Leaderboard (BFCL): From Tool "
        "Use to Agentic Evaluation of Large Language Models",
        url="https://gorilla.cs.berkeley.edu/leaderboard.html",
        licence="Apache-2.0",
        access=f"the data comes with a package: {INSTALL}",
        defects=(
            "A parameter may be accepted with one wording only where others are as good.",
            "Two questions each of live_simple and live_multiple accept no value for parameters "
            "that they require.",
        ),
    )

    @classmethod
    def default_config(cls, name: str) -> TaskConfig:
        """The configuration; its data source is the mirror's, else the installed package's."""
        config = super().default_config(name)
        source = DataSource(path=HUB, data_files=(cls.file,))
        folder = None if Mirror.of(None).find(source) else _package_data()
        if folder is not None:
            source = DataSource(path=str(folder / cls.file), source_type="local")
        return evolve(config, data_source=source)

    def _rows(self, source: DataSource) -> Iterator[dict[str, Any]]:
        """The rows of the questions, each with its ``ground_truth`` from the answers' file.

        Raises:
            MissingDependencyError: the data is neither in the mirror nor installed.
        """
        if source.path == HUB and not Mirror.of(None).find(source):
            raise MissingDependencyError(
                f"{self.config.name}: its data comes with the package bfcl-eval, which is not "
                "installed",
                hint=INSTALL,
            )
        load = DataLoader().load
        answers: dict[str, Any] = {}
        for row in load(source):
            if self.expected == "calls" and "ground_truth" not in row:
                answers = answers or {r["id"]: r["ground_truth"] for r in load(_answers_of(source))}
                row["ground_truth"] = answers[row["id"]]
            yield row

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        (messages,) = doc["question"]
        functions = doc["function"]
        prompted = isinstance(self.config.formatter, FunctionsInPrompt)
        return Instance(
            question=messages[-1]["content"],
            gold_answer=doc["ground_truth"] if self.expected == "calls" else None,
            tools=None if prompted else tuple(map(tool, functions)),
            metadata={
                "id": doc["id"],
                "messages": messages,
                "functions": functions,
                "expected": self.expected,
            },
        )

    def format_request(self, instance: Instance) -> LMRequest:
        formatter = self.config.formatter
        messages = tuple(instance.metadata["messages"])
        system = None
        if isinstance(formatter, FunctionsInPrompt):
            own = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
            system = "\n\n".join(filter(None, (formatter.functions(instance), own)))
            messages = tuple(m for m in messages if m["role"] != "system")
        return LMRequest(RequestType.CHAT, messages=messages, system_prompt=system)

    def extract_answer(self, output: LMOutput) -> list[Call]:
        if output.tool_calls:
            return [(call.name, _arguments(call.arguments)) for call in output.tool_calls]
        return written_calls(output.text)

    def oracle(self, instance: Instance) -> str | None:
        """The right calls in Python, without what may be left out."""
        calls = [
            f"{flat(name)}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
            for name, arguments in right_calls(instance)
        ]
        return f"[{', '.join(calls)}]" if calls else None


def right_calls(instance: Instance) -> list[tuple[str, dict[str, Any]]]:
    """The calls that the data accepts, with the first value of each parameter that they need."""
    required = {
        f["name"]: f["parameters"].get("required", ()) for f in instance.metadata["functions"]
    }
    return [
        (name, _given(accepted, required[name]))
        for answer in instance.gold_answer or ()
        for name, accepted in answer.items()
    ]


def _given(accepted: Mapping[str, Any], required: Collection[str] = ()) -> dict[str, Any]:
    options = {
        key: value if isinstance(value, list) else [value] for key, value in accepted.items()
    }
    return {
        key: _first([value for value in values if value != ""] or [""])
        for key, values in options.items()
        if key in required or "" not in values
    }


def _first(values: list[Any]) -> Any:
    """The first of ``values``, with one accepted value under each key of its dictionaries."""
    value = values[0]
    if isinstance(value, dict):
        return _given(value)
    if isinstance(value, list):
        return [_given(item) if isinstance(item, dict) else item for item in value]
    return value


def tool(function: Mapping[str, Any]) -> ToolSchema:
    """A function of the data as a calling interface takes it."""
    parameters = _json_schema(function["parameters"])
    return ToolSchema(flat(function["name"]), str(function.get("description", "")), parameters)


def _json_schema(described: Any) -> Any:
    """``described`` with the names that JSON Schema has for its types.

    Only a ``type`` that is text is one: a parameter may be called ``type``.
    """
    if isinstance(described, list):
        return [_json_schema(item) for item in described]
    if not isinstance(described, Mapping):
        return described
    found = {key: _json_schema(value) for key, value in described.items()}
    if isinstance(kind := described.get("type"), str):
        found["type"] = _JSON_TYPES.get(kind, kind)
    return found


def written_calls(text: str) -> list[Call]:
    """The calls that ``text`` is a list of, in Python; none where it is anything else."""
    code = extract_code(text).strip().strip("`").strip()
    try:
        body = ast.parse(code, mode="eval").body
        calls = body.elts if isinstance(body, ast.List | ast.Tuple) else [body]
        return [_call(node) for node in calls]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _call(node: ast.expr) -> Call:
    """Raises ValueError where ``node`` is not a call with keywords alone."""
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("not a call with keywords alone")
    values = {keyword.arg or "**": _value(keyword.value) for keyword in node.keywords}
    return ast.unparse(node.func), values


def _value(node: ast.expr) -> Any:
    """A literal, tuples as lists; a name or expression as its text."""
    try:
        return json.loads(json.dumps(ast.literal_eval(node)))
    except (ValueError, TypeError):
        return ast.unparse(node)


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None


def _package_data() -> Path | None:
    """The installed package's data folder; finding it imports nothing."""
    found = find_spec("bfcl_eval")
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "data" if places else None


def _answers_of(source: DataSource) -> DataSource:
    """Where the answers to the questions of ``source`` are."""
    if source.data_files:
        return evolve(source, data_files=tuple(f"possible_answer/{n}" for n in source.data_files))
    path = Path(source.path)
    return evolve(source, path=str(path.parent / "possible_answer" / path.name))


for _category, _size in zip(BFCL_CATEGORIES, _SIZES, strict=True):
    _expected = "calls"
    if "relevance" in _category:
        _expected = "some" if _category == "live_relevance" else "none"
    _file = "simple_python" if _category == "simple" else _category
    _attributes = {
        "__doc__": f"Function calls, category {_category.replace('_', ' ')}.",
        "__module__": __name__,
        "category": _category,
        "file": f"BFCL_v4_{_file}.json",
        "expected": _expected,
        "expected_instances": _size,
        "oracle_ceiling": _CEILINGS.get(_category, 1.0),
    }
    register(f"bfcl_{_category}")(type(f"Bfcl_{_category}", (Bfcl,), _attributes))
    register_variant(f"bfcl_{_category}", "prompt", formatter=FunctionsInPrompt())

"""What a number of a task means: everything that its settings, its card and its module say.

Nothing of it needs the data. Where the data is at hand, its rows are counted and the first question
is shown as an example.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from olmo_eval.common.convert import to_json
from olmo_eval.common.formatters import Formatter
from olmo_eval.common.metrics.base import Metric, unit_of
from olmo_eval.common.types import Instance, LMRequest, SamplingParams
from olmo_eval.data import DataLoader, DataSource
from olmo_eval.data.fewshot import fewshot_set_names
from olmo_eval.errors import OlmoEvalError
from olmo_eval.evals.tasks.common import Task, TaskSpec
from olmo_eval.evals.tasks.common.fewshot import shots_source
from olmo_eval.evals.tasks.common.registry import variants_of
from olmo_eval.plugins import manager

#: kinds of places that are read without asking anybody
_AT_HAND = ("local", "folders", "mirror")


def legend(spec: TaskSpec, task: Task) -> dict[str, Any]:
    """The legend of a task as JSON values, in the order in which a reader wants to know them."""
    entry = manager().registry("tasks").entry(spec.registered)
    place = _place(task)
    first = next(iter(task.instances), None) if place["at_hand"] else None
    request = None if first is None else _asked_alone(task, first)
    return {
        "task": str(spec),
        "supplier": entry.owner.to_dict(),
        "description": inspect.getdoc(type(task)) or "",
        "source": place,
        "instances": _size(task, place["at_hand"]),
        "prompt": _prompt(task, first, request),
        "shots": _shots(task),
        "sampling": _sampling(task, request),
        "extraction": _extraction(task),
        "metrics": [_metric(task, metric) for metric in task.config.metrics],
        **attrs.asdict(task.card),
        "data_access": entry.access,
        "variants": variants_of(spec.name, spec.distribution),
        "about": inspect.getdoc(sys.modules[type(task).__module__]) or "",
    }


def _place(task: Task) -> dict[str, Any]:
    """The data source, and whether it is at hand: with a source that the task makes itself, it is;
    what is on the hub or at a URL counts as not at hand, for looking would ask the network."""
    if task.config.data_source is None:
        return {"uri": None, "at_hand": True, "missing": None}
    source = task.config.get_data_source()
    at_hand, missing = _at_hand(source)
    return {
        "uri": source.uri(),
        "path": source.path,
        "subset": source.subset,
        "split": source.split,
        "revision": source.revision,
        "at_hand": at_hand,
        "missing": missing,
    }


def _at_hand(source: DataSource) -> tuple[bool, str | None]:
    if source.kind == "remote":
        return False, "it lies at a URL"
    try:
        locations = DataLoader().locate(source)
    except OlmoEvalError as error:
        return False, error.message
    if all(location.kind in _AT_HAND for location in locations):
        return True, None
    return False, "it is on the Hugging Face hub; `olmo-eval data pull` fetches it"


def _size(task: Task, at_hand: bool) -> dict[str, int | None]:
    expected = task.expected_instances
    if isinstance(expected, Mapping):
        source = task.config.data_source
        expected = None if source is None else expected.get(task.config.split or source.split)
    counted = sum(1 for _ in task.instances) if at_hand else None
    return {"published": expected, "counted": counted, "limit": task.config.limit}


def _prompt(task: Task, first: Instance | None, request: LMRequest | None) -> dict[str, Any]:
    """The formatter's templates, and the first question alone as the model reads it."""
    formatter = task.config.formatter
    own = type(task).format_request is not Task.format_request
    return {
        "formatter": None if own or formatter is None else type(formatter).__name__,
        "templates": {} if formatter is None else _templates(formatter),
        "request": None if request is None else request.request_type.value,
        "example": None if first is None or request is None else _example(first, request),
    }


def _templates(formatter: Formatter) -> dict[str, Any]:
    fields: tuple[Any, ...] = getattr(type(formatter), "__attrs_attrs__", ())
    found = {field.name: getattr(formatter, field.name) for field in fields if field.repr}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _asked_alone(task: Task, first: Instance) -> LMRequest | None:
    """The request without few-shot examples, for they would hide the question, and may not be at
    hand; None where the task's own code cannot do without them."""
    try:
        return type(task)(attrs.evolve(task.config, num_fewshot=0)).request_for(first)
    except Exception:
        return None


def _example(first: Instance, request: LMRequest) -> dict[str, Any]:
    asked: dict[str, Any] = to_json(attrs.asdict(request, recurse=False))
    kept = ("prompt", "system_prompt", "messages", "continuations")
    example = {key: asked[key] for key in kept if asked.get(key)}
    return {**example, "gold": to_json(first.gold_answer)}


def _shots(task: Task) -> dict[str, Any]:
    config = task.config
    source = shots_source(task)
    fixed = isinstance(source, str)
    drawn = config.fewshot_sample and not fixed
    if config.num_fewshot == 0:
        return {"number": 0}
    return {
        "number": config.num_fewshot,
        "source": str(source) if source is not None else "the evaluated data",
        "fixed": fixed and source in fewshot_set_names(),
        "drawn": drawn,
        "seed": config.fewshot_seed if drawn else None,
    }


def _sampling(task: Task, request: LMRequest | None) -> dict[str, Any] | None:
    """How text is generated; None where none is, as far as the formatter or a request tells."""
    kind = request.request_type if request else getattr(task.config.formatter, "request_type", None)
    if kind is not None and kind.scored:
        return None
    params = attrs.asdict(task.config.sampling_params)
    default = attrs.asdict(SamplingParams())
    always = ("max_tokens", "temperature", "num_samples", "stop_sequences")
    return {k: v for k, v in params.items() if k in always or v != default[k]}


def _extraction(task: Task) -> str:
    extractor = task.config.answer_extractor
    if extractor is not None:
        return f"{getattr(extractor, '__module__', '')}:{getattr(extractor, '__name__', extractor)}"
    own = type(task).extract_answer
    if own is Task.extract_answer:
        return "the whole text, without white space around it"
    said = inspect.cleandoc(own.__doc__ or "").partition("\n\n")[0]
    said = said or _bullet(inspect.getdoc(sys.modules[own.__module__]) or "", "Extraction")
    return " ".join(said.split()) or f"{own.__module__}:{own.__qualname__}"


def _bullet(text: str, heading: str) -> str:
    """What stands after ``- Heading:`` in a list, up to its next item."""
    found = re.search(rf"^- {heading}: (.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def _metric(task: Task, metric: Metric) -> dict[str, Any]:
    low, high = metric.bounds
    return {
        "key": metric.key,
        "primary": metric.key == task.config.primary().key,
        "unit": unit_of(metric),
        "higher_is_better": metric.higher_is_better,
        "bounds": [low, high],
        "description": inspect.cleandoc(type(metric).__doc__ or "").partition("\n\n")[0],
    }

"""A document of lm_eval with its responses, as an instance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    Response,
)
from olmo_eval.interchange import ImportedInstance, Losses
from olmo_eval_formats.files import number
from olmo_eval_formats.lm_eval_metrics import TaskMetrics

#: fields of documents that hold the question
_QUESTIONS = ("question", "query", "problem", "input", "goal", "sentence", "ctx", "prompt", "text")
#: what every line has, and a run has a place for
_PLACED = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash"}
)


def instance_of(
    rows: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    metrics: TaskMetrics,
    losses: Losses,
) -> ImportedInstance:
    """The instance that the lines of one document make, a line for each filter."""
    by_filter = _by_filter(rows, metrics, losses)
    first = rows[0]
    kind = config.get("output_type", "generate_until")
    request, outputs = _asked(first, kind)
    values = metrics.values(by_filter)
    evidence = _evidence(rows, metrics)
    hash_ = first.get("doc_hash")
    instance_id = str(first["doc_id"]) + (f"-{hash_[:8]}" if hash_ else "")
    filtered = first.get("filtered_resps")
    if kind == "generate_until" and filtered:
        outputs = [
            evolve(o, extracted_answer=_text(_at(filtered, i))) for i, o in enumerate(outputs)
        ]
    for row in rows:
        strange = row.keys() - _PLACED - set(row.get("metrics") or metrics.aggregations)
        for name in strange:
            losses.lose(f"fields {name!r} of samples")
    response = Response(
        instance_id,
        _instance(first, kind, request, instance_id),
        request,
        outputs,
        _scores(values, len(outputs)),
    )
    return ImportedInstance(response, values, metrics.weights(by_filter), evidence)


def _by_filter(
    rows: Sequence[Mapping[str, Any]], metrics: TaskMetrics, losses: Losses
) -> dict[str, Mapping[str, Any]]:
    """The line of each filter; logs of before lines named theirs have them in the same order."""
    if all("filter" in row for row in rows):
        return {str(row["filter"]).replace(":", "_"): row for row in rows}
    if len(rows) != len(metrics.filters):
        raise ValueError(f"{len(rows)} lines for {len(metrics.filters)} filters")
    if len(rows) > 1:
        losses.assume("lines of samples name no filter: they are taken to be in the usual order")
    return dict(zip(metrics.filters, rows, strict=True))


def _scores(values: Mapping[str, float | None], outputs: int) -> dict[str, tuple[float, ...]]:
    """The number of a filter's first metric, where there is one output that it is of."""
    found: dict[str, tuple[float, ...]] = {}
    for key, value in values.items():
        scorer = key.rpartition(":")[2]
        if outputs == 1 and value is not None:
            found.setdefault(scorer, (value,))
    return found


def _evidence(rows: Sequence[Mapping[str, Any]], metrics: TaskMetrics) -> list[dict[str, Any]]:
    """What each further filter made of the responses, beside the output."""
    n = len(_responses(rows[0]))
    kept: dict[str, Any] = {
        str(row.get("filter", number_)): row.get("filtered_resps")
        for number_, row in enumerate(rows)
    }
    if len(rows) == 1:
        return []
    return [{"filtered": kept}] + [{} for _ in range(n - 1)]


def _instance(row: Mapping[str, Any], kind: str, request: LMRequest, instance_id: str) -> Instance:
    doc = row["doc"] if isinstance(row["doc"], Mapping) else {"text": row["doc"]}
    said = (doc[name] for name in _QUESTIONS if isinstance(doc.get(name), str) and doc[name])
    prompt = request.prompt or (request.contexts() or ("",))[0]
    target = row.get("target")
    choices = None
    metadata = {"id": instance_id, "doc_id": row["doc_id"], "doc": doc}
    if kind == "multiple_choice":
        choices = tuple(text.strip() for text in request.continuations)
        index = number(target)
        if index is not None and 0 <= index < len(choices):
            metadata["gold_idx"] = int(index)
            target = choices[int(index)]
    return Instance(next(said, prompt), _text(target), choices, metadata)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _at(values: Any, index: int) -> Any:
    if isinstance(values, str):
        return values if index == 0 else None
    return values[index] if index < len(values) else None


def _responses(row: Mapping[str, Any]) -> list[Any]:
    """The responses to the requests of a document: a list for each request."""
    return [r if isinstance(r, list) else [r] for r in row["resps"]]


def _asked(row: Mapping[str, Any], kind: str) -> tuple[LMRequest, list[LMOutput]]:
    arguments = _arguments(row["arguments"])
    responses = _responses(row)
    if kind == "generate_until":
        (prompt, *_) = arguments[0]
        return _generation(prompt), [LMOutput(str(text)) for text in responses[0]]
    if kind == "loglikelihood_rolling":
        (text, *_) = arguments[0]
        return (
            LMRequest(RequestType.ROLLING, prompt=str(text)),
            [LMOutput(str(text), sum_logprob=_loglikelihood(responses[0])[0])],
        )
    contexts = tuple(str(a[0]) for a in arguments)
    continuations = tuple(str(a[1]) for a in arguments)
    same = len(set(contexts)) == 1
    request = LMRequest(
        RequestType.LOGLIKELIHOOD,
        prompt=contexts[0] if same else "",
        continuations=continuations,
        continuation_prompts=None if same else contexts,
    )
    outputs = []
    for text, response in zip(continuations, responses, strict=True):
        logprob, greedy = _loglikelihood(response)
        outputs.append(LMOutput(text, sum_logprob=logprob, is_greedy=greedy))
    return request, outputs


def _arguments(told: Any) -> list[tuple[Any, ...]]:
    """The arguments of each request, in order: ``gen_args_0`` with ``arg_0`` and ``arg_1``; a list
    in earlier logs."""
    if isinstance(told, Mapping):
        return [tuple(told[f"gen_args_{i}"].values()) for i in range(len(told))]
    return [tuple(a) if isinstance(a, list) else (a,) for a in told]


def _generation(prompt: Any) -> LMRequest:
    """A prompt, or the messages of a chat, which logs hold as JSON."""
    if isinstance(prompt, str) and prompt.startswith('[{"role"'):
        try:
            prompt = json.loads(prompt)
        except ValueError:
            return LMRequest(RequestType.COMPLETION, prompt=prompt)
    if isinstance(prompt, list):
        return LMRequest(RequestType.CHAT, messages=prompt)
    return LMRequest(RequestType.COMPLETION, prompt=str(prompt))


def _loglikelihood(response: Any) -> tuple[float | None, bool | None]:
    """The log-likelihood and whether it is greedy, which logs hold as text."""
    inner = response[0] if len(response) == 1 else response
    if isinstance(inner, list):
        return number(inner[0]), str(inner[1]).lower() == "true" if len(inner) > 1 else None
    return number(inner), None

"""What is kept of an instance: its answer, its score, and the row they make together.

The journal keeps an *answer* when it arrives and its *score* when it is known, as two records. A
row of the tables is both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import asdict

from olmo_eval.common.convert import structure, to_json
from olmo_eval.common.scorers.likelihood import non_finite
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    Outcome,
    RequestType,
    Response,
    SamplingParams,
    TokenLogprob,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
)

Row = dict[str, Any]

ANSWER, SCORE = "answer", "score"
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
#: where an output's metadata keeps a log-probability that is NaN or infinite
_NON_FINITE = "sum_logprob"


def dumps(value: Any) -> str:
    """JSON text of a JSON-like value, keys sorted; what JSON cannot hold becomes text."""
    return _bytes(value).decode("utf-8", "replace")


def _bytes(value: Any) -> bytes:
    """Canonical JSON: also of integers beyond 64 bits and lone surrogates, which orjson refuses."""
    try:
        return orjson.dumps(value, default=to_json, option=_OPTIONS)
    except TypeError:
        text = json.dumps(
            to_json(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
        )
        return text.encode("utf-8", "surrogatepass")


# -- requests


def request_row(request: LMRequest) -> Row:
    """The request in the shape of the schema's ``request`` column."""
    contexts = request.continuation_prompts
    distinct = list(dict.fromkeys(contexts)) if contexts is not None else None
    return {
        "type": str(request.request_type),
        "prompt": request.prompt,
        "system_prompt": request.system_prompt,
        "messages": dumps(request.messages) if request.messages else None,
        "tools": dumps([t.to_openai() for t in request.tools]) if request.tools else None,
        "tool_choice": request.tool_choice if request.tools else None,
        "continuations": list(request.continuations) if request.continuations else None,
        "contexts": distinct,
        "context_of": [distinct.index(c) for c in contexts] if contexts and distinct else None,
        "max_length": request.max_length,
        **({} if request.prompt_tokens is None else {"prompt_tokens": list(request.prompt_tokens)}),
    }


def request_identity(row: Row) -> Row:
    """What of ``request_row`` identifies the request: all that reaches the model."""
    return {k: v for k, v in row.items() if k != "tool_choice" or v not in (None, "auto")}


def request_hash(row: Row, params: SamplingParams, environment: str | None = None) -> str:
    """Identity of what reaches the model: 32 hexadecimal digits of a SHA-256.

    ``row`` is what ``request_row`` gives; generation also depends on how it samples, and an agent's
    answer on the environment it works in, of which ``environment`` is a digest.
    """
    scored = RequestType(row["type"]).scored
    sampling: Any = None if scored else sampling_identity(params)
    parts = [request_identity(row), sampling]
    parts += [] if environment is None else [environment]
    return hashlib.sha256(_bytes(parts)).hexdigest()[:32]


def sampling_identity(params: SamplingParams) -> Row:
    """The sampling parameters that decide what is generated; greedy decoding needs no seed."""
    identity: Row = {
        "max_tokens": params.max_tokens,
        "stop_sequences": list(params.stop_sequences or ()),
        "num_samples": params.num_samples,
        "logprobs": params.logprobs,
        "temperature": 0.0 if params.greedy else params.temperature,
    }
    if not params.greedy:
        identity.update(top_p=params.top_p, top_k=params.top_k, seed=params.seed)
    return identity


# -- answers and scores


def answer_record(
    instance: Instance,
    *,
    instance_id: str,
    position: int,
    request: Row,
    request_hash: str,
    outputs: Sequence[LMOutput],
    latency: float | None = None,
    outcome: Outcome | None = None,
    error: str | None = None,
    reused_from: str | None = None,
) -> Row:
    """What was asked of the model and what it answered; ``request`` is its ``request_row``.

    - ``outcome`` and ``error`` say why there is no answer, where there is none;
    - ``latency``: seconds, from sending the request to its last output, retries included;
    - ``reused_from``: the run whose answer was taken over: it cost this one nothing.
    """
    scored = RequestType(request["type"]).scored
    same = scored and len(outputs) == len(request["continuations"] or ())
    usages = [o.usage for o in outputs if o.usage is not None] if reused_from is None else []
    costs = [u.cost_usd for u in usages if u.cost_usd is not None]
    cluster = instance.metadata.get("cluster")
    return {
        "kind": ANSWER,
        "instance_id": instance_id,
        "position": position,
        "cluster": None if cluster is None else str(cluster),
        "question": instance.question,
        "gold": gold_text(instance.gold_answer),
        "choices": None if instance.choices is None else list(instance.choices),
        "metadata": dumps(instance.metadata) if instance.metadata else None,
        "request_hash": request_hash,
        "request": request,
        "outputs": [output_row(o, continuation=same) for o in outputs],
        "outcome": None if outcome is None else str(outcome),
        "error": error,
        "prompt_tokens": _first_or_sum(usages, "prompt_tokens", scored),
        "completion_tokens": sum(u.completion_tokens for u in usages) if usages else None,
        "cached_tokens": _first_or_sum(usages, "cached_tokens", scored),
        "cost_usd": sum(costs) if costs else None,
        "latency": latency,
        "reused": reused_from is not None,
        "reused_from": reused_from,
    }


def score_record(
    response: Response,
    evidence: Sequence[Mapping[str, Any]],
    values: Mapping[str, float | None],
    weights: Mapping[str, float],
    judged: Mapping[str, Any] | None = None,
) -> Row:
    """What was made of an answer: for each output the extracted answer and the scorers'
    ``evidence``, each scorer's numbers, each metric's value and weight, and how it ended.

    ``judged`` is what judges took for it in this run, by the names of ``JUDGED`` without their
    prefix.
    """
    answers = [o.extracted_answer for o in response.outputs]
    return {
        "kind": SCORE,
        "instance_id": response.instance_id,
        "outcome": str(response.outcome),
        "error": response.error,
        "answers": [None if answer is None else dumps(answer) for answer in answers],
        "evidence": [dumps(kept) if kept else None for kept in evidence] if any(evidence) else None,
        "scores": {name: list(scores) for name, scores in response.scores.items()},
        "values": dict(values),
        "weights": dict(weights),
        **{f"judge_{name}": value for name, value in (judged or {}).items()},
    }


def is_unanswered(answer: Row) -> bool:
    """Whether an answer record says that the model gave none."""
    return answer.get("outcome") is not None


def joined(answer: Row, score: Row | None) -> Row:
    """The row of an instance: its answer's record, with what its score says put into it. One that
    has no answer needs no score.

    A record of a journal of schema version 1 was both, and is returned as it is.
    """
    if "kind" not in answer:
        return answer
    if score is None:
        answer.update(scores={}, values={}, weights={})
        if not is_unanswered(answer):
            answer.update(outcome=str(Outcome.SCORER_FAILED), error="it was not scored")
        return answer
    for key in _SCORED:
        answer[key] = score[key]
    answer.update((key, score[key]) for key in JUDGED if key in score)
    for output, found in zip(answer["outputs"], score["answers"], strict=True):
        output["answer"] = found
    if score["evidence"] is not None:
        for output, evidence in zip(answer["outputs"], score["evidence"], strict=True):
            output["evidence"] = evidence
    return answer


#: what a score's record says of the instance as a whole
_SCORED = ("outcome", "error", "scores", "values", "weights")
#: what it says of judges, where some were asked
JUDGED = ("judge_calls", "judge_prompt_tokens", "judge_completion_tokens", "judge_cost_usd")


def output_row(output: LMOutput, *, continuation: bool) -> Row:
    """An output as the model gave it: without what extraction and scorers made of it."""
    metadata = output.metadata
    lost = non_finite(output)
    if lost is not None:  # JSON has no such number
        metadata = {**metadata, _NON_FINITE: str(lost)}
    return {
        "text": None if continuation else output.text,
        "reasoning": output.reasoning,
        "finish_reason": output.finish_reason,
        "sum_logprob": output.sum_logprob if lost is None else None,
        "num_tokens": output.num_tokens,
        "is_greedy": output.is_greedy,
        "logprobs": dumps(output.logprobs) if output.logprobs is not None else None,
        "usage": None if output.usage is None else dumps(asdict(output.usage, recurse=False)),
        "tool_calls": dumps([to_json(c) for c in output.tool_calls]) if output.tool_calls else None,
        "trajectory": None if output.trajectory is None else dumps(to_json(output.trajectory)),
        "metadata": dumps(metadata) if metadata else None,
    }


def _first_or_sum(usages: Sequence[Any], name: str, every: bool) -> int | None:
    """Prompt tokens: samples share one prompt, scored continuations have one each."""
    if not usages:
        return None
    return sum(getattr(u, name) for u in usages) if every else int(getattr(usages[0], name))


def gold_text(gold: Any) -> str | None:
    """The gold answer as text; lists and objects become JSON."""
    return gold if gold is None or isinstance(gold, str) else dumps(to_json(gold))


# -- and back


def row_outputs(row: Row) -> tuple[LMOutput, ...]:
    """The outputs kept in a row, as values again: complete, as the model gave them."""
    continuations = (row.get("request") or {}).get("continuations") or ()
    return tuple(_output(o, i, continuations) for i, o in enumerate(row["outputs"] or ()))


def scored_outputs(row: Row) -> tuple[LMOutput, ...]:
    """The outputs kept in a row as scorers leave them: each with its extracted answer, and what
    was kept as evidence in its metadata."""
    continuations = (row.get("request") or {}).get("continuations") or ()
    return tuple(
        _output(
            kept,
            i,
            continuations,
            _parsed(kept.get("answer"), None),
            _parsed(kept.get("evidence"), {}),
        )
        for i, kept in enumerate(row["outputs"] or ())
    )


def _output(
    kept: Row,
    index: int,
    continuations: Sequence[str],
    answer: Any = None,
    evidence: Mapping[str, Any] | None = None,
) -> LMOutput:
    text = kept["text"]
    if text is None:
        text = continuations[index] if index < len(continuations) else ""
    metadata = _parsed(kept.get("metadata"), {})
    lost = metadata.pop(_NON_FINITE, None)
    # records made before reasoning had a field have it in their metadata
    reasoning = kept["reasoning"] if "reasoning" in kept else metadata.pop("reasoning", None)
    return LMOutput(
        text=text,
        sum_logprob=kept["sum_logprob"] if lost is None else float(lost),
        num_tokens=kept["num_tokens"],
        is_greedy=kept["is_greedy"],
        logprobs=_logprobs(kept.get("logprobs")),
        usage=_usage(kept.get("usage")),
        finish_reason=kept["finish_reason"],
        tool_calls=tuple(ToolCall(**c) for c in _parsed(kept["tool_calls"], ())),
        metadata={**metadata, **evidence} if evidence else metadata,
        reasoning=reasoning,
        trajectory=kept_trajectory(kept.get("trajectory")),
        extracted_answer=answer,
    )


def _parsed(kept: str | None, otherwise: Any) -> Any:
    """A value kept as JSON; a new ``otherwise`` where there is none."""
    if not kept:
        return dict(otherwise) if isinstance(otherwise, dict) else otherwise
    return json.loads(kept)


def row_extracted(row: Row) -> list[Any]:
    """The extracted answer of each output of a row; None where none was found."""
    kept = (output.get("answer") for output in row["outputs"] or ())
    return [None if answer is None else json.loads(answer) for answer in kept]


def row_evidence(row: Row) -> list[Mapping[str, Any]]:
    """What the scorers kept beside each output of a row."""
    return [json.loads(output.get("evidence") or "{}") for output in row["outputs"] or ()]


def _logprobs(kept: str | None) -> tuple[TokenLogprob, ...] | None:
    return None if kept is None else tuple(json.loads(kept))


def _usage(kept: str | None) -> Usage | None:
    return None if kept is None else structure(json.loads(kept), Usage, where="usage")


def kept_trajectory(kept: str | None) -> Trajectory | None:
    """The trajectory in an output's row; records of version 1 hold turns in place of events."""
    if kept is None:
        return None
    data = json.loads(kept)
    if "turns" in data:
        turns = structure(data["turns"], tuple[Turn, ...], where="trajectory.turns")
        return Trajectory.from_turns(turns, data.get("stop_reason", "answer"))
    return structure(data, Trajectory, where="trajectory")

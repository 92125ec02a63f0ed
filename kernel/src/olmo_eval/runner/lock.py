"""A run's lock: everything that decides its numbers, and the hashes made of it.

Nothing here depends on the machine, on parallelism, batch size or order, or on the other tasks
of the run. Two runs whose locks agree on a task asked the same questions in the same way; where
they do not, the lock says which input differs.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

from olmo_eval.common.convert import to_json
from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import Scorer
from olmo_eval.data import DataLoader, DataSource
from olmo_eval.evals.tasks.common.task import Task, instance_id
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.registry import Owner
from olmo_eval.results.record import request_row, sampling_identity
from olmo_eval.results.redact import is_secret_name
from olmo_eval.runner.plan import PlannedTask


def digest(value: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of a JSON-like value."""
    content = orjson.dumps(value, default=to_json, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]


def task_lock(planned: PlannedTask) -> dict[str, Any]:
    """The inputs of one task, by the names that a comparison reports them under."""
    task, config = planned.task, planned.task.config
    return {
        "data": _data_lock(config.get_data_source()) if config.data_source else None,
        "fewshot": _fewshot_lock(task),
        "formatter": to_json(config.formatter),
        "request": digest(request_row(planned.example)),
        "prompt_code": _code(type(task), planned.owner),
        "extraction": _extraction_lock(task),
        "sampling": sampling_identity(config.sampling_params),
        "max_length": config.max_length,
        "scorers": {s.name: _scorer_lock(s) for s in task.scorers_once},
        "metrics": {m.key: _metric_lock(m) for m in config.metrics},
        "primary": config.primary().key,
        "limit": config.limit,
        "seed": config.seed,
    }


def task_hash(lock: Mapping[str, Any]) -> str:
    return digest(lock)


def _data_lock(source: DataSource) -> dict[str, Any]:
    """Where the rows come from and which content they have; never where the file lies."""
    facts = DataLoader().describe(source)
    return {
        "source": None if source.kind == "local" else source.uri(),
        "revision": facts.get("revision"),
        "fingerprint": facts["fingerprint"],
    }


def _fewshot_lock(task: Task) -> dict[str, Any] | None:
    shots = task.get_fewshot()
    if not shots:
        return None
    content = [[s.question, s.choices, s.gold_text] for s in shots]
    return {"ids": [instance_id(s) for s in shots], "content": digest(content)}


def _extraction_lock(task: Task) -> dict[str, Any] | None:
    """How answers are found in texts: the configured function, else the task's own method."""
    extractor = task.config.answer_extractor
    if extractor is not None:
        return {"function": to_json(extractor), "source": code_digest(extractor)}
    method = type(task).extract_answer
    if method is Task.extract_answer:
        return None
    return {"function": f"{method.__module__}:{method.__qualname__}", "source": code_digest(method)}


def _metric_lock(metric: Metric) -> dict[str, Any]:
    """A metric's own settings; those of its scorer stand among the scorers."""
    settings = {k: v for k, v in to_json(metric).items() if k != "scorer"}
    return {**settings, "version": metric.version}


def _scorer_lock(scorer: Scorer) -> dict[str, Any]:
    return {**to_json(scorer), "version": scorer.version, "code": code_digest(type(scorer))}


def _code(cls: type[Any], owner: Owner) -> dict[str, Any]:
    """Which code makes the prompts: the class, its version, and a digest of its source."""
    return {
        "class": f"{cls.__module__}:{cls.__qualname__}",
        "version": getattr(cls, "version", 1),
        "distribution": owner.distribution,
        "source": code_digest(cls),
    }


def code_digest(code: Any) -> str | None:
    """Digest of the source of a function, or of a class and its bases outside the kernel's own
    base classes.

    None where the source is not available (defined in a prompt, say).
    """
    try:
        return _code_digest(code)
    except TypeError:  # a callable that cannot be hashed
        return None


@cache
def _code_digest(code: Any) -> str | None:
    texts = []
    for base in inspect.getmro(code) if isinstance(code, type) else (code,):
        if base is object or base.__module__ == "olmo_eval.evals.tasks.common.task":
            continue
        try:
            texts.append(inspect.getsource(base))
        except (OSError, TypeError):
            texts.append(str(to_json(base)))
    return digest(texts) if texts else None


#: provider settings that change how fast a model answers, never what
_TRANSPORT = frozenset(
    {"kind", "alias", "base_url", "max_concurrency", "num_instances", "timeout", "max_retries"}
    | {"required_secrets", "devices"}
)
_PACE = frozenset({"max_concurrency", "scoring_concurrency", "required_secrets", "name"})
_SANDBOX_PACE = frozenset({"instances", "startup_timeout"})


def harness_lock(config: HarnessConfig) -> dict[str, Any]:
    """What a harness does to answers and scores: prompts, tools, loop, limits, judges; no pace."""
    full = to_json(config)
    full.pop("provider")
    kept = {k: v for k, v in full.items() if k not in _PACE}
    if config.scoring_timeout is None:  # then the scorers' own limits hold
        kept.pop("scoring_timeout")
    kept["tools"] = [getattr(t, "name", t) for t in config.tools]
    kept["sandboxes"] = [
        {k: v for k, v in sandbox.items() if k not in _SANDBOX_PACE}
        for sandbox in kept["sandboxes"]
    ]
    for name, auxiliary in kept.get("auxiliary_providers", {}).items():
        kept["auxiliary_providers"][name] = {
            k: v for k, v in auxiliary.items() if k not in _TRANSPORT or k == "kind"
        }
    return dict(_without_secrets(kept))


def generation_lock(config: HarnessConfig) -> dict[str, Any]:
    """The part of the harness that decides what the model answers; scoring only looks at it."""
    return {k: v for k, v in harness_lock(config).items() if k not in _GRADING}


_GRADING = frozenset({"judges", "auxiliary_providers", "scoring_timeout"})


def model_lock(config: HarnessConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Which model answered: its fingerprint, and the settings under which it was loaded."""
    provider = to_json(config.provider)
    # where the model lies does not matter once its content is known
    known = str(facts["fingerprint"]).startswith(("sha256:", "replay:"))
    place = {"model", "tokenizer"} if known else set()
    settings = {k: v for k, v in provider.items() if k not in _TRANSPORT | place}
    return {
        "fingerprint": facts["fingerprint"],
        "chat_template": facts.get("chat_template"),
        "settings": _without_secrets(settings),
    }


def _without_secrets(value: Any) -> Any:
    """A lock never depends on a key or a password."""
    if isinstance(value, Mapping):
        return {k: _without_secrets(v) for k, v in value.items() if not is_secret_name(str(k))}
    if isinstance(value, list):
        return [_without_secrets(v) for v in value]
    return value

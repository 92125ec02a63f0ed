"""A run's lock: everything that decides its numbers, and the hashes made of it.

Nothing here depends on the machine, on parallelism, batch size or order, or on the other tasks
of the run. Two runs whose locks agree on a task asked the same questions in the same way; where
they do not, the lock says which input differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson

from olmo_eval import plugins
from olmo_eval.agents.selection import find_tools, tool_identity
from olmo_eval.common.convert import to_json
from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.thinking import TAGS
from olmo_eval.common.types import Identity
from olmo_eval.data import DataLoader, DataSource
from olmo_eval.errors import OlmoEvalError
from olmo_eval.evals.tasks.common.task import Task, instance_id
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.providers.fingerprint import model_fingerprint
from olmo_eval.providers.models import choose_provider
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.registry import Owner
from olmo_eval.results.record import request_identity, request_row, sampling_identity
from olmo_eval.results.redact import is_secret_name
from olmo_eval.runner.code import Code, CodeReader
from olmo_eval.runner.plan import PlannedTask

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def digest(value: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of a JSON-like value."""
    content = orjson.dumps(value, default=to_json, option=_OPTIONS)
    return hashlib.sha256(content).hexdigest()[:16]


def task_lock(planned: PlannedTask, code: Code | None = None) -> dict[str, Any]:
    """The inputs of one task, by the names that a comparison reports them under.

    ``code`` is the task's ``task_code``, where that is known already.
    """
    task, config = planned.task, planned.task.config
    code = task_code(planned, CodeReader()) if code is None else code
    return {
        "data": _data_lock(task, config.get_data_source()) if config.data_source else None,
        "fewshot": _fewshot_lock(task),
        "formatter": to_json(config.formatter),
        "request": digest(request_identity(request_row(planned.example))),
        "prompt_code": class_lock(type(task), planned.owner),
        "code": code.digest,
        "versions": _versions(planned),
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


#: inputs of a task that decide what is made of an answer
_SCORED_BY = ("data", "code", "prompt_code", "versions", "extraction", "scorers", "metrics")


def scored_by(task: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a task's lock that decides what is made of an answer."""
    return {key: task.get(key) for key in _SCORED_BY}


def scoring_hash(planned: PlannedTask, task: Mapping[str, Any], harness: Mapping[str, Any]) -> str:
    """Digest of all that decides the scores of a task's answers, from the locks of both.

    A kept score stands for the same answer of the same instance as long as this is the same.
    """
    parts = scored_by(task)
    if any(scorer.requires for scorer in planned.task.scorers_once):
        parts["harness"] = {k: v for k, v in harness.items() if k in (*_GRADING, "sandboxes")}
    return digest(parts)


def _data_lock(task: Task, source: DataSource) -> dict[str, Any]:
    """Where the rows come from and which content they have; never where the file lies."""
    with task.card.saying_access():
        facts = DataLoader().describe(source)
    return {
        "source": None if source.kind in ("local", "folders") else source.uri(),
        "revision": facts.get("revision"),
        "fingerprint": facts["fingerprint"],
    }


def _fewshot_lock(task: Task) -> dict[str, Any] | None:
    shots = task.get_fewshot()
    if not shots:
        return None
    content = [[s.question, s.choices, s.gold_text] for s in shots]
    return {"ids": [instance_id(s) for s in shots], "content": digest(content)}


def task_code(planned: PlannedTask, reader: CodeReader) -> Code:
    """The source code that decides the task's prompts, extracted answers and scores.

    Raises:
        UsageError: a module's file has changed since this process read it.
    """
    task = planned.task
    parts = [type(task), _extraction(task), *map(type, _parts(planned))]
    return reader.read(*parts)


def code_record(codes: Iterable[Code]) -> dict[str, Any]:
    """What a run's lock says of its code: each module's digest once, and which modules stand
    behind the digest that a task's lock has under ``code``."""
    whole, reach = Code(), {}
    for code in codes:
        whole |= code
        reach[code.digest] = sorted(code.modules)
    return {
        "modules": dict(sorted(whole.modules.items())),
        "reach": reach,
        "libraries": dict(sorted(whole.libraries.items())),
    }


def _parts(planned: PlannedTask) -> list[Any]:
    """What a task is put together from besides its own class."""
    config = planned.task.config
    formatter = [] if config.formatter is None else [config.formatter]
    return [*formatter, *config.metrics, *planned.task.scorers_once]


def _versions(planned: PlannedTask) -> dict[str, str]:
    """The version of each distribution that supplies a part of the task."""
    manager = plugins.manager()
    owners = [planned.owner, *(manager.owner_of(type(p).__module__) for p in _parts(planned))]
    return {owner.distribution: owner.version for owner in owners}


def _extraction(task: Task) -> Any:
    """The configured function that finds answers in texts, else the task's own method."""
    return task.config.answer_extractor or type(task).extract_answer


def _extraction_lock(task: Task) -> str | None:
    """Where the function that finds answers in texts is defined; None for the kernel's own."""
    extraction = _extraction(task)
    return None if extraction is Task.extract_answer else str(to_json(extraction))


def _metric_lock(metric: Metric) -> dict[str, Any]:
    """A metric's own settings; those of its scorer stand among the scorers."""
    settings = {k: v for k, v in _plain(metric).items() if k != "scorer"}
    return {**settings, "version": metric.version}


def _scorer_lock(scorer: Scorer) -> dict[str, Any]:
    return {**_plain(scorer), "version": scorer.version}


def _plain(part: Any) -> dict[str, Any]:
    """The class and settings of a scorer or metric, also of one that is no attrs class."""
    described = to_json(part)
    if isinstance(described, dict):
        return described
    return {"class": described, **to_json(getattr(part, "__dict__", {}))}


def class_lock(cls: type[Any], owner: Owner) -> dict[str, Any]:
    """The class that makes the prompts, and the version that its author gave it."""
    return {
        "class": f"{cls.__module__}:{cls.__qualname__}",
        "version": getattr(cls, "version", 1),
        "distribution": owner.distribution,
    }


#: provider settings that change how fast a model answers, never what
_TRANSPORT = frozenset(
    {"kind", "alias", "base_url", "max_concurrency", "num_instances", "timeout", "max_retries"}
    | {"required_secrets", "devices"}
)
_PACE = frozenset({"max_concurrency", "scoring_concurrency", "required_secrets", "name"})
#: left out where they are None, so that locks of before there were such limits stay the same
_LATER_LIMITS = ("scoring_timeout", "max_tool_calls", "max_episode_cost", "max_user_turns")
#: how many environments there are, and what is made of nothing
_SANDBOX_PACE = frozenset(
    {"instances", "min_instances", "max_concurrency", "startup_timeout", "runtime_timeout"}
    | {"required_secrets", "remove_container", "log_dir", "enable_diagnostics", "inject_swerex"}
    | {"registry_auth", "image_pull"}
)


def harness_lock(config: HarnessConfig, reader: CodeReader | None = None) -> dict[str, Any]:
    """What a harness does to answers and scores: prompts, tools, loop, limits, judges, and their
    code; no pace."""
    full = to_json(config)
    full.pop("provider")
    kept = {k: v for k, v in full.items() if k not in _PACE}
    for limit in _LATER_LIMITS:
        if kept[limit] is None:
            kept.pop(limit)
    kept["tools"] = [tool_identity(t) for t in config.tools]
    kept["sandboxes"] = [
        {k: v for k, v in sandbox.items() if k not in _SANDBOX_PACE}
        for sandbox in kept["sandboxes"]
    ]
    kept["auxiliary_providers"] = {
        name: auxiliary_lock(auxiliary) for name, auxiliary in config.auxiliary_providers.items()
    }
    kept.update(_harness_code(config, reader or CodeReader()))
    return dict(without_secrets(kept))


def _harness_code(config: HarnessConfig, reader: CodeReader) -> dict[str, Any]:
    """The modules behind the harness's tools, scaffold and judges, with their digests."""
    manager = plugins.manager()
    parts: dict[str, list[Any]] = {
        "tools_code": [t.function for t in find_tools(config.tools).values()],
        "scaffold_code": [],
        "judges_code": [
            manager.registry("judges").get(judge.kind) for judge in config.graders.values()
        ],
    }
    if config.scaffold is not None:
        parts["scaffold_code"] = [manager.registry("scaffolds").get(config.scaffold)]
    found = {name: dict(reader.read(*given).modules) for name, given in parts.items()}
    found["scaffold_packages"] = {
        package: _version(package) for cls in parts["scaffold_code"] for package in cls.packages
    }
    return {name: pinned for name, pinned in found.items() if pinned}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # refused where it is needed
        return ""


def generation_lock(config: HarnessConfig) -> dict[str, Any]:
    """The part of the harness that decides what the model answers; scoring only looks at it."""
    return {k: v for k, v in harness_lock(config).items() if k not in _GRADING}


_GRADING = frozenset({"judges", "judges_code", "auxiliary_providers", "scoring_timeout"})


def model_lock(config: HarnessConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Which model answered: its fingerprint, and the settings under which it was loaded."""
    # how the model is called does not matter once its content or place is known
    known = Identity.of(facts) in (Identity.CONTENT, Identity.PLACE)
    place = {"model", "tokenizer"} if known else set()
    settings = {k: v for k, v in _settings(config.provider).items() if k not in place}
    return {
        "fingerprint": facts["fingerprint"],
        "chat_template": facts.get("chat_template"),
        "settings": without_secrets(settings),
    }


def auxiliary_lock(config: ProviderConfig) -> dict[str, Any]:
    """What decides what another model of the harness says."""
    return {"kind": config.kind, **_settings(config), **_content(config)}


def _settings(config: ProviderConfig) -> dict[str, Any]:
    """The settings of a provider that decide what its model answers: none of pace."""
    pace = _pace(config)
    settings = {k: v for k, v in to_json(config).items() if k not in _TRANSPORT}
    if not config.thinking:  # it was no setting once
        del settings["thinking"]
    if config.think_tags == TAGS:
        del settings["think_tags"]
    settings["kwargs"] = {k: v for k, v in settings["kwargs"].items() if k not in pace}
    return settings


def _content(config: ProviderConfig) -> dict[str, str]:
    """The fingerprint of a model in a folder, which may be another one tomorrow. What a server or
    a hub has is known by what the settings call it: a lock asks nobody."""
    if config.base_url or not config.model or not Path(config.model).expanduser().is_dir():
        return {}
    found = model_fingerprint(config)
    return {} if found is None else {"fingerprint": found}


def _pace(config: ProviderConfig) -> frozenset[str]:
    """The settings of pace of the provider that runs ``config``."""
    try:
        chosen, _ = choose_provider(config)
        provider: type[Provider] = plugins.manager().registry("providers").get(str(chosen.kind))
    except OlmoEvalError:
        return frozenset()  # refused where it is needed; what is never started decides nothing
    return provider.pace


def without_secrets(value: Any) -> Any:
    """A lock never depends on a key or a password."""
    if isinstance(value, Mapping):
        return {k: without_secrets(v) for k, v in value.items() if not is_secret_name(str(k))}
    if isinstance(value, list):
        return [without_secrets(v) for v in value]
    return value

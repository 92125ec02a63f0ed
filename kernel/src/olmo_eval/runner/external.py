"""Which external eval is to be run, with which arguments, and what a run's record says of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.common.overrides import Override
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.common.types import Capability, Identity
from olmo_eval.errors import PluginError, UsageError
from olmo_eval.evals.external import Argument, ExternalEval, ExternalMetric
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.refusals import EpisodeNeeds
from olmo_eval.registry import Owner
from olmo_eval.results.folder import now
from olmo_eval.runner.code import CodeReader
from olmo_eval.runner.lock import class_lock, code_record, digest, without_secrets

#: stands where a task's metrics name their scorer
SCORER = "external"


@frozen
class ExternalRequest:
    """An external eval to run: its name, its class, who supplies it, and its arguments."""

    name: str
    kind: type[ExternalEval]
    owner: Owner
    arguments: Mapping[str, Any]
    data: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """What its results are called."""
        part = self.kind.part(self.arguments)
        return f"{self.name}:{part}" if part else self.name

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"external eval {self.name!r} of {self.owner}"

    @property
    def declared(self) -> dict[str, ExternalMetric]:
        """The metrics that it declares, by name."""
        return {metric.name: metric for metric in self.kind.metrics}

    def needs(self, harness: HarnessConfig) -> set[Capability]:
        """What of the provider is known to be needed: a harness that adds to the conversation
        speaks to a chat model.
        """
        adds = harness.system_prompt is not None or harness.tools or harness.scaffold
        return {Capability.CHAT} if adds else set()

    def episode(self) -> EpisodeNeeds:
        """What it asks of the harness's sandboxes and other models."""
        needs = frozenset(self.kind.needs(self.arguments))
        return EpisodeNeeds(self.title, needs, self.kind.environment(self.arguments))

    def missing_secrets(self) -> list[str]:
        """A reason against the run for each secret that the environment lacks."""
        missing = [s for s in self.kind.required_secrets if not os.environ.get(s)]
        return [f"external eval {self.name!r} needs the environment variable {s}" for s in missing]


def find_external(name: str, given: Sequence[Override] = ()) -> ExternalRequest:
    """The external eval ``name`` with its arguments, those ``given`` and the defaults of others.

    Raises:
        UsageError: an unknown eval or argument, or a value of the wrong type. PluginError: what is
            registered is not a proper external eval.
    """
    registry = plugins.manager().registry("external_evals")
    entry, kind = registry.entry(name), registry.get(name)
    refuse_malformed(kind, f"external eval {entry.name!r} of {entry.owner}")
    arguments = _arguments(kind, entry.name, given)
    return ExternalRequest(entry.name, kind, entry.owner, arguments, kind.data(arguments))


def refuse_malformed(kind: Any, label: str) -> None:
    """Raise what is wrong with an external eval's class.

    Raises:
        PluginError: naming the eval and the attribute.
    """
    if not (isinstance(kind, type) and issubclass(kind, ExternalEval)):
        raise PluginError(f"{label}: {kind!r} is not a subclass of ExternalEval")
    if not isinstance(kind.metrics, list | tuple) or not all(
        isinstance(metric, ExternalMetric) for metric in kind.metrics
    ):
        raise PluginError(f"{label}: metrics is not a tuple of ExternalMetric: {kind.metrics!r}")
    names = [metric.name for metric in kind.metrics]
    if len(set(names)) < len(names):
        raise PluginError(f"{label}: declares a metric twice: {', '.join(names)}")
    if not isinstance(kind.arguments, Mapping) or not all(
        isinstance(argument, Argument) for argument in kind.arguments.values()
    ):
        raise PluginError(f"{label}: arguments does not map names to Argument: {kind.arguments!r}")
    if not isinstance(kind.timeout_seconds, int | float) or not kind.timeout_seconds > 0:
        raise PluginError(
            f"{label}: timeout_seconds is not a positive number: {kind.timeout_seconds!r}"
        )


def _arguments(kind: type[ExternalEval], name: str, given: Sequence[Override]) -> dict[str, Any]:
    """The eval's arguments with those given, each of the type of its default."""
    values = {key: argument.default for key, argument in kind.arguments.items()}
    for override in given:
        if override.key not in values:
            raise UsageError(
                f"external eval {name!r} has no argument {override.key!r}",
                hint=did_you_mean(
                    override.key, values, otherwise=f"it has: {', '.join(values) or 'none'}"
                ),
            )
        values[override.key] = _typed(override, kind.arguments[override.key])
    for key, argument in kind.arguments.items():
        if argument.required and values[key] is None:
            raise UsageError(
                f"external eval {name!r} needs the argument {key!r}: {argument.description}",
                hint=f"-a {key}=...",
            )
    return values


def _typed(override: Override, argument: Argument) -> Any:
    """The value that is given; of an argument without a default, None leaves it out."""
    value: Any = override.value
    if value is None and argument.default is None:
        return None
    expected: Any = argument.kind
    if expected is str and not isinstance(value, str):
        value = override.text.partition("=")[2]
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if expected is not None and (
        not isinstance(value, expected) or isinstance(value, bool) != (expected is bool)
    ):
        raise UsageError(f"argument {override.text!r}: expected {expected.__name__}, got {value!r}")
    if argument.choices and value not in argument.choices:
        known = ", ".join(map(str, argument.choices))
        raise UsageError(f"argument {override.text!r}: expected one of {known}")
    return value


def external_record(record: dict[str, Any], request: ExternalRequest) -> dict[str, Any]:
    """``record`` as that of a run of an external eval.

    Its ``identity`` is the same for the same eval, code, arguments, model and harness. Of a model
    that may change behind its name or place it is never the same twice: the eval is the only one
    who could ask again whether it did. No other run takes over its answers.
    """
    code = CodeReader().read(request.kind)
    declared = request.kind.arguments
    lock = {
        "arguments": to_json({k: v for k, v in request.arguments.items() if not declared[k].pace}),
        **({} if request.data is None else {"data": to_json(request.data)}),
        "prompt_code": class_lock(request.kind, request.owner),
        "code": code.digest,
        "versions": {request.owner.distribution: request.owner.version},
    }
    hash_ = digest(without_secrets(lock))
    once = [now(), os.getpid()] if Identity.of(record["model"]).may_change else []
    kept = {key: value for key, value in record.items() if key not in ("reuse_key", "ask_key")}
    return {
        **kept,
        "kind": "external",
        "identity": digest([record["identity"], hash_, *once]),
        "lock": {
            **record["lock"],
            "code": code_record([code]),
            "tasks": {request.title: {"hash": hash_, **lock}},
        },
        "plugins": {
            **record["plugins"], "external_evals": {request.name: request.owner.to_dict()}
        },
        "tasks": [
            {
                "name": request.title,
                "task": request.name,
                "variants": [],
                "arguments": to_json(request.arguments),
                "hash": hash_,
                "primary": None,
                "metrics": [],
                "supplied_by": request.owner.to_dict(),
            }
        ],
    }  # fmt: skip

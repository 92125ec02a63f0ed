"""A run as a value: everything needed to make it anywhere, and nothing that must stay here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
from attrs import field, frozen
from attrs.validators import max_len, optional

from olmo_eval.common import bounds
from olmo_eval.common.convert import structure, to_json
from olmo_eval.common.overrides import Override, parse_override
from olmo_eval.common.sequences import items, texts
from olmo_eval.errors import UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.results.redact import Redactor, is_secret_name
from olmo_eval.results.store import default_results
from olmo_eval.runner.shard import Shard

KINDS = ("run", "rescore", "external")
#: how several processes make one run
WORKERS = ("join",)
#: the parts of a task's first instance that may be shown
INSPECTED = ("instance", "request", "response", "formatted", "tokens")


def _among(known: tuple[str, ...]) -> bounds.Validator:
    """A validator: one of ``known``, or a list of some."""

    def check(_instance: Any, attribute: Any, value: Any) -> None:
        for item in items(value):
            if item not in known:
                raise ValueError(
                    f"{attribute.name} must be one of {', '.join(known)}, got {item!r:.80}"
                )

    return check


def _is_shard(_instance: Any, _attribute: Any, value: str) -> None:
    try:
        Shard.parse(value)
    except UsageError as error:
        raise ValueError(error.message) from error


def _overrides(value: Any) -> tuple[Any, ...]:
    """A list of overrides, each of which may be the text of one."""
    return tuple(parse_override(o) if isinstance(o, str) else o for o in items(value))


@frozen
class TaskRequest:
    """A task spec or a suite's name as it was asked for, with the overrides bound to it."""

    plain_data: ClassVar[bool] = True

    spec: str
    overrides: tuple[Override, ...] = field(default=(), converter=_overrides)


@frozen
class RunSpec:
    """One run to make: what ``olmo-eval run``, ``rescore``, ``external run``, ``evaluate`` and
    every executor start from.

    - ``model``: what ``-m`` takes; ``provider``: the kind of provider, where the model and the
      harness do not say;
    - ``tasks``: specs and suites, each with its overrides; of a rescore, those of the run's tasks
      that are scored again (none: all of them);
    - ``kind``: ``run``, ``rescore`` (of the run ``rescored``) or ``external`` (the eval
      ``external`` with its ``arguments``, ``key=value``);
    - ``harness``: a preset's name, or the whole configuration; ``sandbox``: the backend that makes
      its environments, in place of those it names;
    - ``judge``: the model of the harness's judges, as ``model`` is named, in place of theirs;
    - ``overrides``: for every task or, where the key is a setting of harnesses, for the harness;
    - ``limit``, ``seed``: laid over every task;
    - ``plugins``: files and modules to load first;
    - ``name``, ``group``; ``step`` and ``tokens``: how far the checkpoint was trained, where it
      does not say itself;
    - ``results``: a folder or a URL (``s3://``, ``gs://``);
    - ``fresh`` starts anew instead of resuming; ``reuse`` takes answers from earlier runs, those
      of a model that is known by its name alone only with ``reuse_by_name``;
    - ``skip_missing`` leaves members of suites out whose data is not there;
    - ``shard``: the part of the run to make, ``2/4`` for the second of four; the spec without it
      takes all parts in and writes the tables;
    - ``workers``: ``join`` divides the run among all processes that are given the same spec;
    - ``against``: runs that decide when to stop asking: of one, as soon as it is known to be better
      or worse than that; of two, which of them it is like;
    - ``anchor``: an earlier run whose scores of all questions sharpen what this run of a ``limit``
      says of all of them;
    - ``max_cost``: US dollars the answers and the judges may cost, where their providers know;
    - ``inspect``: the parts of each task's first instance to show.

    Paths are taken as they are written: relative ones start where the run is made. What is secret
    stays in the environment of whoever makes the run: ``to_json`` and ``from_json`` refuse it.
    """

    plain_data: ClassVar[bool] = True

    model: str = ""
    tasks: tuple[TaskRequest, ...] = field(default=(), converter=items)
    kind: str = field(default="run", validator=_among(KINDS))
    rescored: str | None = None
    external: str | None = None
    arguments: tuple[Override, ...] = field(default=(), converter=_overrides)
    provider: str | None = None
    harness: str | HarnessConfig = "default"
    sandbox: str | None = None
    judge: str | None = None
    overrides: tuple[Override, ...] = field(default=(), converter=_overrides)
    limit: int | None = None
    seed: int | None = None
    plugins: tuple[str, ...] = field(default=(), converter=texts)
    name: str | None = None
    group: str | None = None
    step: int | None = None
    tokens: int | None = None
    results: str = field(factory=default_results)
    fresh: bool = False
    reuse: bool = True
    reuse_by_name: bool = False
    skip_missing: bool = False
    shard: str | None = field(default=None, validator=optional(_is_shard))
    workers: str | None = field(default=None, validator=optional(_among(WORKERS)))
    against: tuple[str, ...] = field(default=(), converter=texts, validator=max_len(2))
    anchor: str | None = None
    max_cost: float | None = field(default=None, validator=optional(bounds.number(least=0)))
    inspect: tuple[str, ...] = field(default=(), converter=texts, validator=_among(INSPECTED))

    @property
    def joins(self) -> bool:
        """Whether the run is made together with other processes of the same spec."""
        return self.workers == "join"

    def to_json(self) -> str:
        """The spec as JSON; settings that have their default value are left out.

        Raises:
            UsageError: naming the place of a secret, or of an object (a tool, a formatter) that
                only this process has.
        """
        given = {f.name: getattr(self, f.name) for f in attrs.fields(RunSpec)}
        said = {
            f.name: given[f.name]
            for f in attrs.fields(RunSpec)
            if f.name == "results" or given[f.name] != f.default
        }
        for place, leaf in _leaves(said, "spec"):
            if not _is_data(leaf):
                raise UsageError(
                    f"{place} is {_shown(leaf)}, which only this process has",
                    hint="register it in a plugin, and name it: then the run can be made elsewhere",
                )
        plain = {name: to_json(value) for name, value in said.items()}
        _refuse_secrets(plain, "spec")
        return json.dumps(plain, ensure_ascii=False, indent=2)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "spec") -> RunSpec:
        """The spec that ``to_json`` wrote, or a person.

        Raises:
            UsageError: it is not JSON, has an unknown key or a value of the wrong type (naming
                the place, such as ``spec.tasks[0].overrides[1]``), or holds a secret.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where} is not valid JSON: {error}") from error
        if not isinstance(data, dict):
            raise UsageError(f"{where}: expected an object of settings, got {data!r:.80}")
        _refuse_secrets(data, where)
        return structure(data, cls, where=where)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """(place, value) of everything in ``value`` that holds nothing else."""
    if isinstance(value, Override):
        if parse_override(value.text) != value:  # from Python: the text may not say it all
            yield from _leaves(value.value, f"{place} {value.key}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{i}]")
    elif getattr(type(value), "plain_data", False):
        for f in attrs.fields(type(value)):
            yield from _leaves(getattr(value, f.name), f"{place}.{f.name}")
    else:
        yield place, value


def _is_data(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, float) else f"a {type(value).__name__}"


def _refuse_secrets(value: Any, place: str) -> None:
    """Raise the first place below ``place`` that has what is or looks like a secret.

    Raises:
        UsageError: saying where, and never what.
    """
    redact = Redactor().text
    for where, name, text in _texts(value, place, ""):
        key = text.partition("=")[0] if name in ("overrides", "arguments") else ""
        names = [name, *key.split(".")]
        if "required_secrets" in names:  # which names them
            continue
        if any(map(is_secret_name, names)) or redact(text) != text:
            raise UsageError(
                f"{where}{f' ({key})' if key else ''} holds a secret, which a spec never does",
                hint="set it in the environment of whoever makes the run",
            )


def _texts(value: Any, place: str, name: str) -> Iterator[tuple[str, str, str]]:
    """(place, name of the setting, text) of every text in a JSON value that says something."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            below = name if is_secret_name(name) else str(key)
            yield from _texts(inner, f"{place}.{key}", below)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _texts(inner, f"{place}[{i}]", name)
    elif isinstance(value, str) and value:
        yield place, name, value

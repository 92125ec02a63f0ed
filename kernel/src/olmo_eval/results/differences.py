"""Which inputs of two runs differ, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.errors import UsageError

#: inputs that make the requests: where one of them differs, that the requests do is no news
_OF_REQUESTS = frozenset({"data", "fewshot", "formatter", "max_length"})
#: inputs that decide scores and no request: scoring anew makes them the same
_OF_SCORES = frozenset({"code", "extraction", "scorers", "metrics", "primary"})
#: inputs of a task's lock: how a person names them, and whether a difference forbids comparing.
#: The subset that is evaluated may differ: shared questions are what is compared.
_INPUTS: Mapping[str, tuple[str, bool]] = {
    "arguments": ("arguments", True),
    "data": ("data", True),
    "fewshot": ("few-shot examples", True),
    "formatter": ("formatter", True),
    "prompt_code": ("task code", False),
    "code": ("source code", True),
    "extraction": ("answer extraction", True),
    "sampling": ("sampling", True),
    "max_length": ("maximum length", True),
    "request": ("rendered requests", True),
    "scorers": ("scorers", True),
    "metrics": ("metrics", True),
    "primary": ("primary metric", True),
    "limit": ("limit", False),
    "seed": ("seed", False),
}


#: kinds of runs whose scores another program gave: they cannot be scored anew here
_SCORED_ELSEWHERE = frozenset({"external", "import"})
_NAMES = (*_INPUTS, "chat_template", "harness", "judge")


@frozen
class Difference:
    """One input that differs between two runs, with both sides shortened for people."""

    field: str
    label: str
    a: str
    b: str
    forbids: bool

    def sentence(self) -> str:
        return f"{self.label} differ: {self.a} against {self.b}"

    def to_dict(self) -> dict[str, Any]:
        return {"field": self.field, "a": self.a, "b": self.b}


def differing_inputs(
    a: Mapping[str, Any], b: Mapping[str, Any], task: str, task_b: str | None = None
) -> list[Difference]:
    """Every input of ``task`` whose locks differ, harness included; ``task_b`` is what it is called
    in the second run, where that is another name."""
    lock_a, lock_b = a.get("lock", {}), b.get("lock", {})
    inputs_a, inputs_b = _inputs(a, task), _inputs(b, task_b or task)
    found: list[Difference] = []
    for field, (label, forbids) in _INPUTS.items():
        if field not in inputs_a or field not in inputs_b:
            continue  # a run of before this was recorded
        left, right = inputs_a[field], inputs_b[field]
        if left == right or (field == "request" and _OF_REQUESTS & {d.field for d in found}):
            continue
        if field == "arguments":
            found += _by_name(field, label, left, right)
            continue
        if field == "prompt_code":
            forbids = _released(left) != _released(right)
        if field == "code":
            left, right = _modules_apart(lock_a, lock_b, left, right)
            if not left:
                continue  # other parts, named above or below, bring other modules with them
        found.append(Difference(field, label, _short(left), _short(right), forbids))
    templates = [lock.get("model", {}).get("chat_template") for lock in (lock_a, lock_b)]
    as_chat = _as_chat(a, task)
    # an external eval may ask either way: what differs is said, and forbids nothing
    if None not in templates and templates[0] != templates[1] and as_chat is not False:
        a_template, b_template = map(str, templates)
        found.append(
            Difference("chat_template", "chat template", a_template, b_template, bool(as_chat))
        )
    left, right = lock_a.get("harness", {}), lock_b.get("harness", {})
    of_harness = _by_name("harness", "harness settings", _unjudged(left), _unjudged(right))
    judges = _judges_apart(left, right) if _judged(a, task) else []
    return found + of_harness + judges


_JUDGES = ("judges", "judges_code")
_MODELS = "auxiliary_providers"


def _judge_models(harness: Mapping[str, Any]) -> dict[str, Any]:
    """The models that judge, by the names of their auxiliary providers."""
    named = {judge.get("provider") for judge in (harness.get("judges") or {}).values()}
    models: Mapping[str, Any] = harness.get(_MODELS) or {}
    return {name: model for name, model in models.items() if name in {"judge", *named}}


def _unjudged(harness: Mapping[str, Any]) -> dict[str, Any]:
    """A harness's lock without what judges are: they grade, and change no answer."""
    kept = {name: value for name, value in harness.items() if name not in _JUDGES}
    if _MODELS in kept:
        judges = _judge_models(harness)
        kept[_MODELS] = {n: one for n, one in (kept[_MODELS] or {}).items() if n not in judges}
    return kept


def _judges_apart(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """How the judges of two harnesses differ: the models they ask, their settings, their code."""
    models = _judge_models(left), _judge_models(right)
    found = []
    for name in sorted({*models[0], *models[1]}):
        one, other = models[0].get(name), models[1].get(name)
        if one == other:
            continue
        a, b = _model_apart(one or {}, other or {})
        found.append(Difference("judge", f"judges (model {name})", _short(a), _short(b), True))
    parts = [{key: side.get(key) for key in _JUDGES} for side in (left, right)]
    return found + _by_name("judge", "judges", *parts)


def _model_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Any, Any]:
    """What the models are called, or else the settings in which they differ."""
    if one.get("model") != other.get("model"):
        return one.get("model"), other.get("model")
    names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
    a, b = ({name: side.get(name) for name in names} for side in (one, other))
    return a, b


def _judged(record: Mapping[str, Any], task: str) -> bool:
    """Whether a scorer of the task asks another model; of a run that does not say so, it may."""
    entry: Mapping[str, Any] = next((e for e in record.get("tasks", ()) if e["name"] == task), {})
    needs = [metric.get("requires") for metric in entry.get("metrics", ())]
    if not needs or None in needs:
        return True
    return any(need.startswith(("judge", "model:")) for some in needs for need in some or ())


def _inputs(record: Mapping[str, Any], task: str) -> Mapping[str, Any]:
    inputs: Mapping[str, Any] = record.get("lock", {}).get("tasks", {}).get(task, {})
    return inputs


def _by_name(
    field: str, label: str, left: Mapping[str, Any], right: Mapping[str, Any]
) -> list[Difference]:
    """A difference for each setting that is not the same on both sides."""
    return [
        Difference(
            field, f"{label} ({name})", _short(left.get(name)), _short(right.get(name)), True
        )
        for name in sorted({*left, *right})
        if left.get(name) != right.get(name)
    ]


def _modules_apart(
    lock_a: Mapping[str, Any], lock_b: Mapping[str, Any], code_a: str, code_b: str
) -> tuple[str, str]:
    """The modules that both sides reach and that are not the same, as each side has them."""
    sides = []
    for lock, code in ((lock_a, code_a), (lock_b, code_b)):
        known = lock.get("code", {})
        names = known.get("reach", {}).get(code, ())
        sides.append({name: known.get("modules", {}).get(name, "") for name in names})
    apart = sorted(
        name for name in sides[0] if sides[1].get(name, sides[0][name]) != sides[0][name]
    )
    shown = [", ".join(f"{name} {side[name][:8]}" for name in apart) for side in sides]
    return shown[0], shown[1]


def _as_chat(record: Mapping[str, Any], task: str) -> bool | None:
    """Whether the task's questions reach the model through its chat template; None where that is
    not known, of an external eval and of an imported run.
    """
    if record.get("kind") in _SCORED_ELSEWHERE:
        return None
    entry: Mapping[str, Any] = next((e for e in record.get("tasks", ()) if e["name"] == task), {})
    harness = record.get("lock", {}).get("harness", {})
    told = any(harness.get(key) for key in ("system_prompt", "tools", "scaffold"))
    kind = entry.get("request_type")
    return bool(kind == "chat" or (kind == "completion" and told))


def _released(code: Mapping[str, Any] | None) -> Any:
    """What of a task's code its author vouches for; any edit changes the digest of the source."""
    return None if code is None else code.get("version")


def lock_differences(
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    task: str,
    allowed: Sequence[str],
    task_b: str | None = None,
) -> tuple[Difference, ...]:
    """The allowed differences of a task, which the second run may call ``task_b``.

    Raises:
        UsageError: inputs differ that were not allowed to; says which, and which are equal.
    """
    for name in allowed:
        if name not in _NAMES:
            raise UsageError(f"unknown input {name!r}", hint=f"inputs are: {', '.join(_NAMES)}")
    found = differing_inputs(a, b, task, task_b)
    forbidden = [d for d in found if d.forbids and d.field not in allowed]
    if forbidden:
        named = "; ".join(d.sentence() for d in forbidden)
        fields = dict.fromkeys(d.field for d in forbidden)
        differing = {d.field for d in found}
        if differing & _OF_REQUESTS:
            differing.add("request")
        both = _inputs(a, task).keys() & _inputs(b, task_b or task).keys()
        equal = [label for f, (label, _) in _INPUTS.items() if f in both - differing]
        ways = " ".join(f"--allow-different {field}" for field in fields)
        raise UsageError(
            f"{task}: {named}" + (f" ({', '.join(equal)} equal)" if equal else ""),
            hint=_hint(a, fields, ways),
        )
    return tuple(found)


def _hint(record: Mapping[str, Any], forbidden: Collection[str], ways: str) -> str:
    elsewhere = record.get("kind") in _SCORED_ELSEWHERE
    if set(forbidden) == {"judge"} and not elsewhere:
        return (
            "`olmo-eval rescore RUN --judge MODEL` has either run judged by the other's judge; to "
            f"compare what two judges say: {ways}"
        )
    if set(forbidden) <= {*_OF_SCORES, "judge"} and not elsewhere:
        return f"`olmo-eval rescore` scores either run anew; to compare them all the same: {ways}"
    return f"these runs did not ask the same; to compare them all the same: {ways}"


def _short(value: Any) -> str:
    import json

    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 80 else f"{text[:60]}...{text[-12:]}"

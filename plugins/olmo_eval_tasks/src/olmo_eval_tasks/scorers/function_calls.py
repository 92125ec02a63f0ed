"""``function_calls``: whether a model called the right functions with the right arguments.

The rules are those of the Berkeley function-calling leaderboard's syntax-tree checker for Python
(Patil et al. 2025): every parameter has a list of accepted values, of which ``""`` says that it may
be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput

_TYPES: Mapping[str, type] = {
    "string": str,
    "any": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
}
_NESTED = frozenset({"array", "tuple"})
_IGNORED = re.compile(r"[ ,./\-_*^]")

#: a call: the function's name, and its arguments (None where they are no JSON object)
Call = tuple[str, Mapping[str, Any] | None]


@frozen
class FunctionCallsScorer(Scorer):
    """1 where the calls are those expected, in any order.

    The extracted answer is a list of pairs: a function's name and its arguments. The instance's
    metadata gives ``functions`` (as the data describes them) and ``expected``: ``"calls"``, which
    are then the gold answer, ``"none"``, where no call is right, or ``"some"``, where any is.
    """

    name: str = "function_calls"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        calls = output.extracted_answer or ()
        expected = instance.metadata["expected"]
        if expected != "calls":
            return float(bool(calls) == (expected == "some"))
        functions = {flat(f["name"]): f for f in instance.metadata["functions"]}
        return float(calls_match(functions, calls, instance.gold_answer))


def flat(name: str) -> str:
    """A function's name as calling interfaces take it: without dots."""
    return name.replace(".", "_")


def calls_match(
    functions: Mapping[str, Mapping[str, Any]], calls: Sequence[Call], answers: Sequence[Any]
) -> bool:
    """Whether there are as many calls as answers, and every call can be the answer to one.

    One call may fit several answers, so that pairs are found by augmenting paths.
    """
    if len(calls) != len(answers):
        return False
    fitting = [
        [i for i, call in enumerate(calls) if call_matches(functions[flat(name)], call, accepted)]
        for answer in answers
        for name, accepted in answer.items()
    ]
    taken: dict[int, int] = {}
    return all(_placed(answer, fitting, taken, set()) for answer in range(len(fitting)))


def _placed(
    answer: int, fitting: Sequence[Sequence[int]], taken: dict[int, int], tried: set[int]
) -> bool:
    """Whether ``answer`` finds a call of its own; others may move for it to further ones."""
    for call in fitting[answer]:
        if call not in tried:
            tried.add(call)
            if call not in taken or _placed(taken[call], fitting, taken, tried):
                taken[call] = answer
                return True
    return False


def call_matches(
    function: Mapping[str, Any], call: Call, accepted: Mapping[str, Sequence[Any]]
) -> bool:
    """Whether ``call`` calls ``function`` with accepted values, and leaves none out that must be
    there."""
    name, arguments = call
    if arguments is None or flat(name) != flat(function["name"]):
        return False
    parameters = function["parameters"]
    properties = parameters["properties"]
    if any(required not in arguments for required in parameters.get("required", ())):
        return False
    if any(p not in properties or p not in accepted for p in arguments):
        return False
    if any("" not in values for p, values in accepted.items() if p not in arguments):
        return False
    return all(value_matches(properties[p], v, accepted[p]) for p, v in arguments.items())


def value_matches(described: Mapping[str, Any], value: Any, accepted: Sequence[Any]) -> bool:
    """Whether ``value`` has the described type and is one of those accepted.

    A value of another type is right where the data accepts just that: the name of a variable in
    place of a number, say.
    """
    kind = described["type"]
    expected = _TYPES[kind]
    nested = _TYPES[described["items"]["type"]] if kind in _NESTED else None
    if kind == "float" and type(value) is int:
        value = float(value)
    if not _has_type(value, accepted, expected, nested):
        return False
    known = _type_of(accepted)
    if type(value) is not expected or known not in (None, expected):
        return value in accepted
    if isinstance(value, dict):
        return any(_fits(value, option) for option in accepted if option != "")
    if isinstance(value, str):
        return _bare(value) in [_bare(option) for option in accepted if isinstance(option, str)]
    if isinstance(value, list):
        if nested is dict:
            return any(_dicts_match(value, option) for option in accepted)
        return any(_lists_match(value, option) for option in accepted)
    return value in accepted


def _type_of(accepted: Sequence[Any]) -> type | None:
    """The type of the first value accepted; None where the parameter can only be left out."""
    return next((type(option) for option in accepted if option != ""), None)


def _has_type(value: Any, accepted: Sequence[Any], expected: type, nested: type | None) -> bool:
    """Whether ``value`` is of the expected type, or else of the type of what is accepted; the
    members of a list are held against those of one accepted list."""
    found = type(value)
    if found is not expected:
        return _type_of(accepted) is found
    if nested is None:
        return True
    return any(
        not isinstance(option, list) or all(_has_type(v, option, nested, None) for v in value)
        for option in accepted
    )


def _bare(value: Any) -> Any:
    """A text without blanks and punctuation, in lower case; anything else as it is."""
    if not isinstance(value, str):
        return value
    return _IGNORED.sub("", value).lower().replace("'", '"')


def _lists_match(values: Sequence[Any], option: Sequence[Any]) -> bool:
    """Whether two lists have the same members; an option ``""`` is the empty list."""
    return list(map(_bare, values)) == list(map(_bare, option))


def _fits(value: Any, option: Mapping[str, Any]) -> bool:
    """Whether a dictionary has accepted values under every key, and no other keys."""
    if not isinstance(value, Mapping) or any(key not in option for key in value):
        return False
    accepted = {k: v if isinstance(v, list) else [v] for k, v in option.items()}
    if any("" not in options for key, options in accepted.items() if key not in value):
        return False
    return all(_bare(v) in map(_bare, accepted[key]) for key, v in value.items())


def _dicts_match(values: Sequence[Any], options: Any) -> bool:
    """Whether each dictionary fits the one at its place."""
    if not isinstance(options, list) or len(values) != len(options):
        return False
    return all(_fits(v, option) for v, option in zip(values, options, strict=True))

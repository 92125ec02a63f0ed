"""Runs in the environment of the program: executes it, and makes the calls that tests ask for.

``python3 -I -c PROGRAM`` with a JSON object on stdin: ``program`` is its source, ``calls`` a list
of ``{"name": .., "path": [..], "called": .., "arguments": [..], "keywords": {..}}``. What they gave
is written to the file ``results``: for each call ``{"value": ..}`` or ``{"raised": type, "text":
..}``, and ``arguments`` as they were afterwards. Whoever tampers with this decides what the calls
give, as every program does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from olmo_eval_tasks.scorers.apart.values import decode, encode


class References:
    """Objects of the program that cannot travel, by number."""

    def __init__(self) -> None:
        self.known: list[Any] = []

    def refer(self, value: Any) -> int:
        for number, known in enumerate(self.known):
            if known is value:
                return number
        self.known.append(value)
        return len(self.known) - 1

    def referred(self, number: int) -> Any:
        return self.known[number]


def make_calls(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Execute the program, then every call in order."""
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(compile(request["program"], "answer.py", "exec"), namespace)
    references = References()
    return [_made(call, namespace, references) for call in request["calls"]]


def _made(call: dict[str, Any], namespace: dict[str, Any], known: References) -> dict[str, Any]:
    arguments = [decode(a, known.referred) for a in call["arguments"]]
    keywords = {k: decode(v, known.referred) for k, v in call["keywords"].items()}
    name = call["name"]
    try:
        function = known.referred(name) if isinstance(name, int) else namespace[name]
        for attribute in call["path"]:
            function = getattr(function, attribute)
        value = function(*arguments, **keywords) if call["called"] else function
        done = {"value": encode(value, known.refer)}
    except Exception as error:
        done = {"raised": _builtin_name(error), "text": str(error)}
    return {**done, "arguments": [encode(a, known.refer) for a in arguments]}


def _builtin_name(error: BaseException) -> str:
    """The closest builtin exception that this one is."""
    return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def main() -> None:
    request = json.load(sys.stdin)
    sys.setrecursionlimit(request["recursion_limit"])
    results = make_calls(request)
    with open(request["results"], "w") as file:
        json.dump(results, file)

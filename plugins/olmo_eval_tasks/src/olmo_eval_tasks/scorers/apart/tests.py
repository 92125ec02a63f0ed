"""Runs in the environment of the tests: learns what they call, and decides.

``python3 -I -c PROGRAM`` with a JSON object on stdin: ``setup`` is code that the tests may use (a
prompt's helpers), ``tests`` their source, ``program_names`` what else of the program they may
name, ``answers`` a list of ``[call, result]``. One JSON object is printed last:

- without answers, and where an answer is lacking: ``{"calls": [..]}``, all that can be foreseen;
- else ``{"passed": true}``, or ``{"passed": false, "why": ..}``.

To foresee calls, tests are run with assertions that cannot fail and results that stand for
anything.
"""

from __future__ import annotations

import ast
import builtins
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

from olmo_eval_tasks.scorers.apart.values import Untransferable, decode, encode

SEED = 0


class Unanswered(BaseException):
    """A call whose result is not known yet; no test may catch it."""


class Anything:
    """What a call may give, while nobody knows: it takes part in all, and decides nothing."""

    def __getattr__(self, name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any, **__: Any) -> Anything:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getitem__(self, _: Any) -> Anything:
        return self

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __eq__(self, _: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


def _same(self: Anything, *_: Any) -> Anything:
    return self


_ARITHMETIC = "add radd sub rsub mul rmul truediv rtruediv floordiv mod pow neg abs round"
_COMPARISONS = "lt le gt ge ne contains"
for _name in _ARITHMETIC.split():
    setattr(Anything, f"__{_name}__", _same)
for _name in _COMPARISONS.split():
    setattr(Anything, f"__{_name}__", lambda self, *_: True)


class Conversation:
    """The calls that tests make, and what is known of their results."""

    def __init__(self, answers: list[Any], foresee: bool) -> None:
        self.foresee = foresee
        self.calls: list[dict[str, Any]] = []
        self.known: dict[str, list[Any]] = {}
        for call, result in answers:
            self.known.setdefault(json.dumps(call, sort_keys=True), []).append(result)

    def call(self, call: dict[str, Any], arguments: tuple[Any, ...]) -> Any:
        self.calls.append(call)
        if self.foresee:
            return Anything()
        results = self.known.get(json.dumps(call, sort_keys=True))
        if not results:
            raise Unanswered
        return self.understood(results.pop(0), arguments)

    def understood(self, result: dict[str, Any], arguments: tuple[Any, ...]) -> Any:
        """The value of a result, once the arguments are as the call has left them."""
        for mine, theirs in zip(arguments, result["arguments"], strict=True):
            _become(mine, decode(theirs, self.remote))
        if "raised" in result:
            kind = getattr(builtins, result["raised"], Exception)
            raise kind(result["text"])
        return decode(result["value"], self.remote)

    def remote(self, name: int | str) -> Remote:
        return Remote(self, name)


class Remote:
    """A function, class or object of the program."""

    _talk: Conversation
    _name: int | str
    _path: tuple[str, ...]

    def __init__(self, talk: Conversation, name: int | str, path: tuple[str, ...] = ()) -> None:
        vars(self).update(_talk=talk, _name=name, _path=path)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._ask(True, arguments, keywords)

    def __getattr__(self, name: str) -> Remote:
        if name.startswith("__"):
            raise AttributeError(name)
        return Remote(self._talk, self._name, (*self._path, name))

    def __setattr__(self, name: str, _value: Any) -> None:
        """Tests that change an object of the program have to run beside it."""
        raise Untransferable(f"the attribute {name!r} that a test sets")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def _ask(self, called: bool, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        call = {
            "name": self._name,
            "path": list(self._path),
            "called": called,
            "arguments": [encode(a, _number) for a in arguments],
            "keywords": {k: encode(v, _number) for k, v in keywords.items()},
        }
        return self._talk.call(call, arguments)


def _number(value: Any) -> int:
    """The reference that an object of the program is known by.

    Raises:
        Untransferable: it is not one of the program's.
    """
    if isinstance(value, Remote) and isinstance(value._name, int) and not value._path:
        return value._name
    raise Untransferable(f"a value of type {type(value).__name__}")


def _become(mine: Any, after: Any) -> None:
    """Change a list, set or dictionary in place to what it was after the call."""
    if isinstance(mine, list) and isinstance(after, list):
        mine[:] = after
    elif isinstance(mine, set | dict) and type(mine) is type(after):
        mine.clear()
        mine.update(after)


class Lenient(ast.NodeTransformer):
    """Tests whose assertions are evaluated and cannot fail."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        ignore = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])
        return ast.Try([ast.Expr(node.test)], [ignore], [], [])


def run_tests(request: dict[str, Any], talk: Conversation) -> None:
    """Run the tests to their end; what they raise is for the caller."""
    tree = ast.parse(request["tests"], "tests.py")
    if talk.foresee:
        tree = ast.fix_missing_locations(Lenient().visit(tree))
    namespace: dict[str, Any] = {"__name__": "tests"}
    exec(compile(request["setup"], "setup.py", "exec"), namespace)
    for name in request["program_names"]:
        namespace[name] = talk.remote(name)
    random.seed(SEED)
    exec(compile(tree, "tests.py", "exec"), namespace)


def foreseen(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls that the tests seem to make."""
    talk = Conversation([], foresee=True)
    try:
        run_tests(request, talk)
    except Untransferable:
        raise
    except Exception:  # results that stand for anything do not carry every test to its end
        return talk.calls
    return talk.calls


def decided(request: dict[str, Any]) -> dict[str, Any]:
    """Whether the tests pass with these answers; their calls, where one lacks its answer."""
    talk = Conversation(request["answers"], foresee=False)
    try:
        run_tests(request, talk)
    except Unanswered:
        return {"calls": talk.calls}
    except Untransferable:
        raise
    except BaseException as error:
        return {"passed": False, "why": f"{type(error).__name__}: {error}"[:500]}
    return {"passed": True}


def main() -> None:
    request = json.load(sys.stdin)
    sys.setrecursionlimit(request["recursion_limit"])
    said: dict[str, Any]
    try:
        unknown = request["answers"] is None
        said = {"calls": foreseen(request)} if unknown else decided(request)
    except Untransferable as error:
        said = {"impossible": str(error)}
    print("\n" + json.dumps(said))

"""Tool calls in the text of a model: the forms that open models write."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from olmo_eval.common.types import ToolCall

#: from a text to what stands beside its tool calls, and the calls
ToolCallReader = Callable[[str], tuple[str, tuple[ToolCall, ...]]]

#: Hermes, Qwen and others: a JSON object between tags
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
#: Olmo 3: calls as Python writes them, one a line, between tags
_PYTHON = re.compile(r"<function_calls>\s*(.*?)\s*(?:</function_calls>|\Z)", re.DOTALL)
#: JSON's words among Python's values
_WORDS = {"true": True, "false": False, "null": None}
#: what a malformed or endlessly nested text raises when it is read
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def tool_calls_in(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """The text beside the calls, and the calls.

    Calls between ``<tool_call>`` tags as JSON objects with a name and arguments, calls between
    ``<function_calls>`` tags as Python writes them, or a text that is nothing but one JSON object
    (Llama 3.1). What cannot be read as a call stays text.
    """
    for form, read in ((_TAGGED, _json_calls), (_PYTHON, _python_calls)):
        calls: list[tuple[str, Any]] = []
        kept = form.sub(lambda found, c=calls, r=read: _take(found, c, r), text)  # type: ignore[misc]
        if calls:
            return kept.strip(), _numbered(calls)
    alone = list(_json_calls(text.strip().removeprefix("<|python_tag|>")))
    return ("", _numbered(alone)) if alone else (text, ())


def _take(
    found: re.Match[str],
    calls: list[tuple[str, Any]],
    read: Callable[[str], Iterator[tuple[str, Any]]],
) -> str:
    """Move what is a call to ``calls``; what remains of the match."""
    new = list(read(found[1]))
    calls += new
    return "" if new else found[0]


def _numbered(calls: list[tuple[str, Any]]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(
            id=f"call_{number}",
            name=name,
            arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
        )
        for number, (name, arguments) in enumerate(calls)
    )


def _json_calls(text: str) -> Iterator[tuple[str, Any]]:
    try:
        content: Any = json.loads(text)
    except _UNREADABLE:
        return
    if isinstance(content, dict) and isinstance(content.get("name"), str):
        arguments = content.get("arguments", content.get("parameters"))
        if arguments is not None:
            yield content["name"], arguments


def _python_calls(text: str) -> Iterator[tuple[str, Any]]:
    """Calls like ``search(query="x", limit=3)``: all of them, or none where one is unreadable."""
    try:
        calls = [_python_call(node) for node in _expressions(ast.parse(text.strip()))]
        json.dumps(calls)
    except (*_UNREADABLE, TypeError):
        return
    yield from calls


def _expressions(module: ast.Module) -> Iterator[ast.expr]:
    """The calls of a module: statements, or the members of a list."""
    for statement in module.body:
        if not isinstance(statement, ast.Expr):
            raise ValueError("no call")
        if isinstance(statement.value, ast.List):
            yield from statement.value.elts
        else:
            yield statement.value


def _python_call(node: ast.expr) -> tuple[str, dict[str, Any]]:
    if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
        raise ValueError("no call with named arguments")
    return ast.unparse(node.func), {str(k.arg): _value(k.value) for k in node.keywords}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(element) for element in node.elts]
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(k): _value(v) for k, v in _items(node)}
    return ast.literal_eval(node)


def _items(node: ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise ValueError("no dictionary of values")
        yield key, value

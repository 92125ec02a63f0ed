"""What a model wrote as the arguments of a tool: read, checked against its schema, explained."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from olmo_eval.agents.schema import is_built
from olmo_eval.agents.tools import Tool
from olmo_eval.common.convert import structure
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from jsonschema import ValidationError


def parse_arguments(tool: Tool, text: str) -> tuple[dict[str, Any], str]:
    """The arguments the model wrote and "", or an explanation for the model of what is wrong."""
    try:
        arguments = json.loads(text or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return {}, f"The arguments of {tool.name} are not valid JSON: {error}."
    if not isinstance(arguments, dict):
        return {}, f"The arguments of {tool.name} must be a JSON object."
    problem = _misfit(tool, arguments)
    if problem:
        return {}, problem
    try:
        return {**arguments, **_built(tool, arguments)}, ""
    except UsageError as error:  # a class has rules of its own
        return {}, f"The call of {tool.name} is wrong: {error.message}."


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _misfit(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """What does not fit the schema, one thing of it."""
    from jsonschema.exceptions import relevance

    errors = list(_validator(tool).iter_errors(arguments))
    if not errors:
        return ""
    wrong = {error.validator for error in errors if len(error.absolute_schema_path) == 1}
    if "required" in wrong:
        missing = [n for n in tool.schema.parameters["required"] if n not in arguments]
        return _misnamed(tool, f"lacks {', '.join(missing)}")
    if "additionalProperties" in wrong and "patternProperties" not in tool.schema.parameters:
        unknown = [n for n in arguments if n not in tool.schema.parameters.get("properties", {})]
        return _misnamed(tool, f"has no {', '.join(unknown)}")
    error = _innermost(max(errors, key=relevance))
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    what = f"argument {place[1:]}" if place else "call"
    return f"The {what} of {tool.name} {_said(error)}."


def _misnamed(tool: Tool, what: str) -> str:
    """The commonest slips are told with the arguments there are."""
    known = ", ".join(tool.schema.parameters.get("properties", {}))
    return f"The call of {tool.name} {what}; its arguments are: {known}."


def _innermost(error: ValidationError) -> ValidationError:
    """Of a choice of schemas that fails: what is wrong with the one that the value must mean,
    because it has the type of no other."""
    from jsonschema.exceptions import relevance

    while error.context:
        meant = [e for e in error.context if e.validator != "type" or e.relative_path]
        if len({e.relative_schema_path[0] for e in meant}) != 1:
            break
        error = max(meant, key=relevance)
    return error


def _said(error: ValidationError) -> str:
    got = f"got {_json(error.instance)}"
    if error.validator in ("type", "enum", "const"):
        return f"must be {_wanted(error.schema)}, {got}"
    if error.validator in ("anyOf", "oneOf"):
        wanted = [_wanted(option) for option in error.validator_value]  # type: ignore[union-attr]
        if all(wanted):
            return f"must be {' or '.join(wanted)}, {got}"
    return f"is wrong: {error.message:.300}"


def _wanted(schema: Any) -> str:
    """What a schema asks for, where that is a type or a choice among values."""
    if not isinstance(schema, Mapping):
        return ""
    if "enum" in schema:
        return f"one of {', '.join(map(_json, schema['enum']))}"
    if "const" in schema:
        return _json(schema["const"])
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return f"of type {' or '.join(kinds)}" if kinds else ""


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _built(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the function wants as something else than JSON."""
    hints = _built_hints(tool.function)
    return {n: structure(v, hints[n], where=n) for n, v in arguments.items() if n in hints}


@lru_cache(maxsize=1024)
def _built_hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # beside a schema written by hand hints are but comments
        return {}
    return {name: hint for name, hint in hints.items() if name != "return" and is_built(hint)}


def check_schema(tool: Tool) -> None:
    """Refuse a tool whose schema nothing can be checked against.

    Raises:
        UsageError: it is not valid JSON Schema, or refers to what is not in it.
    """
    from jsonschema.exceptions import SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    schema, kind = tool.schema.parameters, type(_validator(tool))
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    try:
        kind.check_schema(schema, format_checker=kind.FORMAT_CHECKER)
    except SchemaError as error:
        place = "".join(f".{part}" for part in error.absolute_path)
        raise UsageError(
            f"tool {tool.name!r}: parameters{place} is not valid JSON Schema: {error.message:.300}"
        ) from error
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise UsageError(
                f"tool {tool.name!r}: its schema refers to {reference!r}, which is not in it"
            ) from error


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _references(value)


def _validator(tool: Tool) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = dict(tool.schema.parameters)
    kind = validator_for(schema, default=Draft202012Validator)
    if "patternProperties" not in schema:  # a function takes no argument that nobody describes
        schema.setdefault("additionalProperties", False)
    # a registry of its own: nothing is fetched from the network
    return _exact(kind)(schema, registry=Registry())


@cache
def _exact(kind: Any) -> Any:
    """``kind``, for which 1.0 is no integer: a function that counts would be given a float."""
    from jsonschema.validators import extend

    def is_integer(_checker: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    return extend(  # type: ignore[no-untyped-call]
        kind, type_checker=kind.TYPE_CHECKER.redefine("integer", is_integer)
    )

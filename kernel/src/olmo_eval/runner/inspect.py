"""Showing the first instance of a task while it runs (``--inspect``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from olmo_eval.common.convert import to_json
from olmo_eval.common.types import Response
from olmo_eval.harness.provider import Provider


def inspection(
    name: str, row: dict[str, Any], response: Response, parts: Sequence[str], provider: Provider
) -> str:
    """The wanted ``parts`` (instance, request, response, formatted, tokens) of one instance."""
    lines = [f"== {name}, instance {response.instance_id}"]
    for part in parts:
        lines.append(f"-- {part}")
        lines.append(_part(part, row, response, provider))
    return "\n".join(lines)


def _part(part: str, row: dict[str, Any], response: Response, provider: Provider) -> str:
    if part == "instance":
        return _json(to_json(response.instance))
    if part == "request":
        return _json({k: v for k, v in row["request"].items() if v is not None})
    if part == "response":
        kept = ("outcome", "error", "outputs", "scores", "values")
        return _json({k: row[k] for k in kept if row[k] is not None})
    text = _rendered(response, provider)
    if text is None:
        return "this provider does not say what its engine receives"
    if part == "formatted":
        return text
    ids = provider.encode(text)
    if ids is None:
        return "this provider does not say how it tokenizes"
    return " ".join(map(str, ids))


def _rendered(response: Response, provider: Provider) -> str | None:
    """The text the engine receives; for likelihoods the first context and continuation."""
    request = response.request
    if request.continuations:
        return request.contexts()[0] + request.continuations[0]
    return provider.render(request)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)

"""What a running server says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from olmo_eval.errors import ProviderError, TransientError
from olmo_eval_providers.openai_api.client import OpenAIClient

#: names that mean "whatever the server serves"
ANY = frozenset({"any", "default", "openai/any"})


@frozen
class ServedModel:
    """The model's name on the server, and its context length in tokens where the server says."""

    name: str
    max_length: int | None


async def find_served_model(client: OpenAIClient, model: str) -> ServedModel:
    """Which of the server's models ``model`` is.

    Raises:
        ProviderError: nobody answers, or the server has no such model.
    """
    try:
        answer = await client.get("/models")
    except TransientError as error:
        raise ProviderError(error.message, hint=error.hint) from error
    except ProviderError as error:
        if "answered 404" in error.message:  # a server without a list serves what it is asked for
            return ServedModel(model, None)
        raise
    listed = _listed(answer)
    if model in listed:
        return ServedModel(model, listed[model])
    if model in ANY and len(listed) == 1:
        return ServedModel(*next(iter(listed.items())))
    if not listed:
        return ServedModel(model, None)
    raise ProviderError(
        f"{client.base_url} serves {', '.join(listed)}, not {model}",
        hint=f"-m {next(iter(listed))}",
    )


def _listed(answer: Any) -> dict[str, int | None]:
    entries = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(entries, list):
        return {}
    found: dict[str, int | None] = {}
    for entry in entries:
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
            length = entry.get("max_model_len")
            found[entry["id"]] = length if isinstance(length, int) else None
    return found

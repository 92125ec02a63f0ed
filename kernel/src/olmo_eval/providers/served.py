"""What a running server says it serves, asked before a run is planned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from attrs import frozen

#: seconds to wait for a list of models: a busy server must not count as one that tells nothing
_PATIENCE = 20.0
#: bytes of the list that are read; it is a few hundred as a rule
_LONGEST = 4 * 2**20
#: names that mean "whatever the server serves"
ANY_MODEL = frozenset({"any", "default"})


@frozen
class ServedModel:
    """A model as its server lists it; ``root`` is where it was loaded from, where that is told."""

    name: str
    root: str | None = None


def served_model(base_url: str, model: str, key: str | None = None) -> ServedModel | None:
    """The entry for ``model`` in an OpenAI-compatible server's ``/models``.

    The only model of a server answers to every name in ``ANY_MODEL``. None where the server is not
    reached, has no such list or does not list the model.
    """
    entries = _entries(base_url, key)
    names = (model, model.partition("/")[2])  # some clients put the make of server in front
    for entry in entries:
        if entry.name in names:
            return entry
    return entries[0] if len(entries) == 1 and ANY_MODEL & set(names) else None


def _entries(base_url: str, key: str | None) -> list[ServedModel]:
    base = base_url.rstrip("/")
    for url in dict.fromkeys((f"{base}/models", f"{base.removesuffix('/v1')}/v1/models")):
        listed = _get(url, key)
        data = listed.get("data") if isinstance(listed, Mapping) else None
        if isinstance(data, list):
            return [found for found in map(_entry, data) if found is not None]
    return []


def _entry(data: Any) -> ServedModel | None:
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), str):
        return None
    root = data.get("root")
    return ServedModel(data["id"], root if isinstance(root, str) and root else None)


def _get(url: str, key: str | None) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        return None
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=_PATIENCE) as answer:
            return json.loads(answer.read(_LONGEST))
    except (URLError, OSError, ValueError):
        return None  # whoever starts the provider says what is wrong with the server


def host_of(base_url: str) -> str:
    """The host of an address, without its port: a server that moved to another port is the same."""
    host = urlsplit(base_url).hostname or ""
    return "localhost" if host in ("localhost", "::1") or host.startswith("127.") else host

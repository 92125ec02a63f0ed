"""Digests of configurations, for packs that keep results of their own."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def _digest(config: Any) -> str:
    from olmo_eval.common.convert import to_json  # which knows the types

    content = json.dumps(to_json(config), sort_keys=True, default=str)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def compute_task_hash(config: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of a task's configuration.

    It covers what is declared. A run's lock covers prompts, data and code as well.
    """
    return _digest(config)


def compute_model_hash(config: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of a provider's configuration; a run's record also has
    the fingerprint of the weights."""
    return _digest(config)

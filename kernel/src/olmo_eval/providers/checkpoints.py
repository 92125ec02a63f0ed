"""Checkpoint folders: what their files hold, and how far they were trained, by their name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from olmo_eval.errors import ProviderError

_STEP = re.compile(r"(?:^|[^a-z])(?:global[_-]?step|step|checkpoint|ckpt|iter)[_-]?(\d+)", re.I)
_TOKENS = re.compile(r"tokens?[_-]?(\d+(?:\.\d+)?)([kmbt])?(?![a-z0-9])", re.I)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def training_progress(name: str) -> tuple[int | None, int | None]:
    """(step, tokens) from names such as ``step1000-tokens4B``, ``checkpoint-500``,
    ``global_step7``; None where the last two parts of the path do not say.
    """
    tail = "/".join(name.rstrip("/").split("/")[-2:])
    steps, tokens = _STEP.findall(tail), _TOKENS.findall(tail)
    step = int(steps[-1]) if steps else None
    if not tokens:
        return step, None
    number, unit = tokens[-1]
    return step, int(float(number) * _UNITS[unit.lower()])


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of the model folder.

    Raises:
        ProviderError: the file is missing, unreadable or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProviderError(
            f"{path.parent} has no {path.name}",
            hint="give a folder in Hugging Face format: config.json, model.safetensors, "
            "tokenizer.json",
        ) from None
    except OSError as error:
        raise ProviderError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ProviderError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ProviderError(f"{path} does not hold a JSON object")
    return content

"""The files of a checkpoint's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from olmo_eval.errors import ProviderError


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

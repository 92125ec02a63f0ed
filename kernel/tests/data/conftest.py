"""Every data test runs without the machine's own mirror and hub settings, unless it asks."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_REAL_MIRROR = os.environ.get("OLMO_EVAL_DATA_MIRROR")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLMO_EVAL_DATA_MIRROR", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def real_mirror() -> Path:
    """The folder of real benchmark data that OLMO_EVAL_DATA_MIRROR names."""
    if not _REAL_MIRROR:
        pytest.skip("OLMO_EVAL_DATA_MIRROR names no folder of real benchmark data")
    return Path(_REAL_MIRROR)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write rows (a list) or bytes under ``tmp_path``; ``.gz`` names are compressed."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            content = "".join(json.dumps(row) + "\n" for row in content).encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write

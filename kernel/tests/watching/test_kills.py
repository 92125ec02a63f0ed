"""Trainers and watchers that are killed anywhere: nothing half-written is read, nothing is lost,
nothing is done twice.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

KILLING = Path(__file__).parent / "killing.py"
spec = importlib.util.spec_from_file_location("killing", KILLING)
killing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(killing)


@pytest.mark.parametrize("layout", ["hugging-face", "olmo-core"])
def test_a_few_kills(layout, tmp_path):
    assert killing.rounds(tmp_path, layout, kills=8, each=4)


@pytest.mark.slow
@pytest.mark.parametrize("layout", killing.NINE)
def test_kills_in_every_layout(layout, tmp_path):
    """``benchmarks/watch_kills.py`` does 200 in each."""
    assert killing.rounds(tmp_path, layout, kills=20, each=10, seed="short")

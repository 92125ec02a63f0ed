"""Container engines, where the machine has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from containers_here import ENGINES, why_not


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of each container engine in turn."""
    name = request.param
    if why := why_not(name):
        pytest.skip(why)
    yield name

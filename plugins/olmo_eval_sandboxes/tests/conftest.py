"""Container engines, where the machine has them, and clouds on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from clouds_here import CLOUDS
from containers_here import ENGINES, why_not


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of each container engine in turn."""
    name = request.param
    if why := why_not(name):
        pytest.skip(why)
    yield name


def _point(variables: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def modal_here(modal_service: dict[str, str]) -> Iterator[None]:
    """Modal's SDK finds a service on loopback."""
    yield from _point(modal_service)


@pytest.fixture
def kubernetes_here(kubernetes_service: dict[str, str]) -> Iterator[None]:
    """Kubernetes' clients find an API on loopback."""
    yield from _point(kubernetes_service)


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> str:
    """The name of each cloud in turn, which can be reached."""
    request.getfixturevalue(f"{request.param}_here")
    return str(request.param)

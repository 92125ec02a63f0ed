"""Where OpenHands' SDK cannot be, a run is refused with the way to get it."""

from __future__ import annotations

import sys

import pytest

from olmo_eval.errors import MissingDependencyError
from olmo_eval_scaffolds.openhands import package
from olmo_eval_scaffolds.openhands.scaffold import OpenHandsScaffold


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    package.load.cache_clear()
    monkeypatch.setitem(sys.modules, "openhands.sdk", None)
    monkeypatch.setitem(sys.modules, "openhands", None)


def test_an_older_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PYTHON", (99, 0))
    with pytest.raises(MissingDependencyError, match=r"needs Python 3\.12 or later"):
        OpenHandsScaffold()


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PYTHON", (3, 0))
    with pytest.raises(MissingDependencyError, match="is not installed") as caught:
        OpenHandsScaffold()
    assert caught.value.hint == "pip install 'olmo-eval-scaffolds[openhands]'"

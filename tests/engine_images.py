"""Images that tests have container engines build: removed when all tests are done, no others.

Tests of a kind share them, also across processes, so that none may go while another test runs.
"""

from __future__ import annotations

import contextlib
import importlib.util
from typing import Any

import pytest

#: how a worker process tells the one that started it
_KEY = "engine_images"


class EngineImages:
    """Notes which images this process keeps, and removes those of all processes in the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._built: set[tuple[str, str]] = set()
        self._patch = pytest.MonkeyPatch()
        for name, kind in _engines().items():
            self._note(name, kind)

    def _note(self, name: str, kind: Any) -> None:
        commit = kind.commit

        def noted(engine: Any, container_id: str, image: str, labels: Any) -> None:
            commit(engine, container_id, image, labels)
            self._built.add((name, image))

        self._patch.setattr(kind, "commit", noted)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {}).get(_KEY, ())
        self._built |= {(name, image) for name, image in told}

    def pytest_sessionfinish(self) -> None:
        self._patch.undo()
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_KEY] = sorted(map(list, self._built))
            return
        for name, image in sorted(self._built):
            _remove(name, image)


def _engines() -> dict[str, Any]:
    """The engines whose packages are installed."""
    if importlib.util.find_spec("olmo_eval_sandboxes") is None:
        return {}
    from olmo_eval_sandboxes.containers.docker import DockerEngine
    from olmo_eval_sandboxes.containers.podman import PodmanEngine

    return {"docker": DockerEngine, "podman": PodmanEngine}


def _remove(name: str, image: str) -> None:
    """What a test has removed already, or somebody uses, is left as it is."""
    from olmo_eval.errors import OlmoEvalError

    engine = _engines()[name]()
    with contextlib.suppress(OlmoEvalError):
        engine.connect()
        try:
            engine.remove_image(image)
        finally:
            engine.close()

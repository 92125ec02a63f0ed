"""What an external eval finds around it: the model's endpoint, and a way to say how far it is."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal

from olmo_eval.agents.needs import of_sandboxes
from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.endpoint.forwarding import run_with_endpoint
from olmo_eval.endpoint.server import Endpoint
from olmo_eval.endpoint.service import Service
from olmo_eval.harness.runtime import Harness
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.runner.apart import ModelApart
from olmo_eval.runner.asked import (
    Answering,
    AuxiliaryModel,
    EvaluatedModel,
    RecordedModel,
    RequestLog,
)
from olmo_eval.runner.progress import Progress
from olmo_eval.sandbox.backend import ExecResult, Sandbox
from olmo_eval.sandbox.binding import Binding

T = TypeVar("T")


class Models:
    """The models of a run as an external eval finds them: recorded in ``log``, asked through
    ``portal``, each served when its endpoint is first asked for.
    """

    def __init__(self, harness: Harness, log: RequestLog, portal: BlockingPortal) -> None:
        self._harness, self._log, self.portal = harness, log, portal
        self._recorded: dict[str | None, RecordedModel] = {}
        self._endpoints: dict[str | None, Endpoint] = {}
        self._lock = threading.Lock()
        self.evaluated = ModelApart(self._model(None), portal, harness.provider)

    def _model(self, name: str | None) -> RecordedModel:
        """The evaluated model, or the auxiliary one of that name."""
        if name not in self._recorded:
            model: Answering
            if name is None:
                model = EvaluatedModel(self._harness)
            else:
                model = AuxiliaryModel(self._harness.auxiliary, name)
            self._recorded[name] = RecordedModel(model, self._log, name)
        return self._recorded[name]

    def endpoint(self, name: str | None = None) -> Endpoint:
        """The endpoint of a model, the same each time.

        Raises:
            UsageError: the harness has no auxiliary provider of that name.
        """
        with self._lock:
            if name not in self._endpoints:
                model = ModelApart(self._model(name), self.portal)
                made = Endpoint(model, served_name(model.config), (model.config.model,))
                self._endpoints[name] = made
            return self._endpoints[name]

    def service(self, name: str | None = None) -> tuple[Service, str]:
        """What answers for a model in the run's own event loop, and the key it wants."""
        model, key = self._model(name), secrets.token_urlsafe(32)
        return Service(model, served_name(model.config), key, (model.config.model,)), key

    def tally(self) -> dict[str, Any]:
        """What was asked of the evaluated model, and below their names of the others."""
        others = {n: r.tally.to_dict() for n, r in self._recorded.items() if n is not None}
        own = self._model(None).tally.to_dict()
        return {**own, "auxiliary": others} if others else own

    def close(self) -> None:
        for endpoint in self._endpoints.values():
            endpoint.close()


def served_name(config: ProviderConfig) -> str:
    """The name under which a model is served: its alias, the name of its folder, or its own."""
    model = config.model
    folder = Path(model).is_dir() or "://" in model
    return config.alias or (model.rstrip("/").rpartition("/")[2] if folder else model) or "model"


class Sandboxes:
    """The environments of an external eval, made by the harness's sandboxes; ended by ``close``."""

    def __init__(self, harness: Harness, needs: Collection[str], models: Models) -> None:
        self._harness, self._needs, self._models = harness, of_sandboxes(needs), models
        self._bindings: list[Binding] = []

    async def furnish(self, spec: EnvironmentSpec | None) -> EnvironmentApart:
        """An environment, for another thread's event loop."""
        portal = self._models.portal
        made = await asyncio.wrap_future(portal.start_task_soon(self._make, spec))
        return EnvironmentApart(made, self._models)

    async def _make(self, spec: EnvironmentSpec | None) -> Sandbox:
        binding = self._harness.sandboxes.binding(self._needs, spec)
        self._bindings.append(binding)
        return await binding.get()

    async def close(self) -> None:
        for binding in self._bindings:
            await binding.close()


class EnvironmentApart:
    """A sandbox as another thread's event loop may use it; everything is done in the run's own."""

    def __init__(self, sandbox: Sandbox, models: Models) -> None:
        self._sandbox, self._models = sandbox, models

    async def exec(self, argv: Sequence[str], **how: Any) -> ExecResult:
        return await self._do(partial(self._sandbox.exec, argv, **how))

    async def exec_with_endpoint(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        auxiliary: str | None = None,
    ) -> ExecResult:
        service, key = self._models.service(auxiliary)
        variables = {
            "OPENAI_API_KEY": key,
            "OPENAI_MODEL": service.name,
            **(env or {}),
        }
        return await self._do(
            partial(
                run_with_endpoint,
                self._sandbox,
                argv,
                service,
                timeout=timeout,
                env=variables,
                cwd=cwd,
            )
        )

    async def write(self, path: str, data: bytes) -> None:
        await self._do(partial(self._sandbox.write, path, data))

    async def read(self, path: str) -> bytes:
        return await self._do(partial(self._sandbox.read, path))

    async def _do(self, call: Callable[[], Awaitable[T]]) -> T:
        return await asyncio.wrap_future(self._models.portal.start_task_soon(call))


class Steps:
    """How far an external eval says it is, for the person who waits."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._name, self._progress = name, progress
        self.started = False
        self._done = 0

    def say(self, text: str) -> None:
        self._progress.message(f"{self._name}: {text}")

    def reached(self, done: int, total: int | None) -> None:
        if not self.started:
            self.started = True
            self._progress.task_started(self._name, total, 0)
        self._done = done
        self._progress.advanced(self._name, done, None)

    def finished(self, seconds: float) -> None:
        if self.started:
            self._progress.task_finished(self._name, self._done, None)
        else:
            self.say(f"finished in {seconds:.1f} s")

"""vLLM's engine, and the thread that steps it while there is anything to do.

A thread that adds requests between steps gives continuous batching the same work to do as vLLM's
asynchronous engine (``async_engine``), which moves every request to another process and back.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import define

from olmo_eval.errors import MissingDependencyError, ProviderError, RunFailedError, UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import install_command, require
from olmo_eval_providers.local.errors import first_line
from olmo_eval_providers.local.weight_shapes import check_model
from olmo_eval_providers.vllm_args import OTHER_SOURCES, model_arguments

#: seconds between two checks that the engine is alive
LIVENESS_INTERVAL = 0.5
_RESUME = "what is finished is kept; rerun the same command to resume"


@define(eq=False)
class PendingRequest:
    """Token ids to be continued as ``sampling`` (vLLM's) says; ``done`` is called at most once,
    from any thread, with vLLM's request output or an error."""

    prompt: list[int]
    sampling: Any
    done: Callable[[Any], None]
    cancelled: bool = False

    @property
    def tokens(self) -> dict[str, Any]:
        """The prompt as vLLM keeps it, which spares a second look at every token."""
        return {"type": "token", "prompt_token_ids": self.prompt}


class Engine(Protocol):
    """What the provider asks, whichever way vLLM (``engine``) is driven."""

    engine: Any

    def submit(self, pending: PendingRequest) -> None:
        """Raises RunFailedError where the engine has died."""

    def cancel(self, pending: PendingRequest) -> None:
        """Nobody waits for ``pending`` any more; where it is answered, nothing happens."""

    async def close(self) -> None:
        """Ends the engine; whoever still waits gets a ProviderError."""


def load(config: ProviderConfig, extra: Mapping[str, Any], *, asynchronous: bool = False) -> Any:
    """vLLM's ``LLMEngine`` for ``config``, or its ``AsyncLLM`` where ``asynchronous``; ``extra``
    are further ``EngineArgs``.

    Raises:
        MissingDependencyError: vLLM is not installed.
        UsageError: vLLM has no such setting. ProviderError: it cannot run the model.
    """
    arguments = {**model_arguments(config), "disable_log_stats": True, **extra}
    require("vllm", "vllm")
    check_model(config, unless=OTHER_SOURCES)
    try:
        from vllm import AsyncEngineArgs, EngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM
        from vllm.v1.engine.llm_engine import LLMEngine
    except ImportError as error:
        raise MissingDependencyError(
            f"this vLLM does not fit: {error}", hint=install_command("vllm")
        ) from error
    kind, settings = (AsyncLLM, AsyncEngineArgs) if asynchronous else (LLMEngine, EngineArgs)
    try:
        parsed = settings(**arguments)
    except TypeError as error:
        raise UsageError(f"vllm: {error}", hint="options go to vLLM's EngineArgs") from error
    except Exception as error:
        raise ProviderError(f"vLLM cannot use {config.model}: {first_line(error)}") from error
    try:
        return kind.from_engine_args(parsed)
    except Exception as error:
        raise ProviderError(
            f"vLLM could not start with {config.model}: {first_line(error)}",
            hint="its messages are above; provider.kwargs.gpu_memory_utilization and "
            "provider.max_model_len lower what it needs",
        ) from error


def request_refused(error: BaseException) -> ProviderError:
    """This request is impossible; the engine is well."""
    return ProviderError(f"vLLM refuses a request: {first_line(error)}")


def engine_died(reason: BaseException) -> RunFailedError:
    return RunFailedError(
        f"vLLM's engine died: {type(reason).__name__}: {first_line(reason)}", hint=_RESUME
    )


def finished_output(output: Any) -> Any:
    """``output``, or an error in its place where vLLM gave it up: half an answer is none."""
    reasons = {part.finish_reason for part in output.outputs}
    if "abort" in reasons:  # nobody asked for that, so it is going down: it gets Ctrl-C as well
        return RunFailedError("vLLM's engine was stopped before it had answered", hint=_RESUME)
    if "error" in reasons:
        return ProviderError("vLLM failed at a request; its messages are above")
    return output


def provider_closed() -> ProviderError:
    return ProviderError("the vllm provider was closed")


def _refusals() -> tuple[type[Exception], ...]:
    """What vLLM raises for a request that it cannot answer, while the engine is well."""
    try:
        from vllm.exceptions import VLLMClientError
    except ImportError:  # before there were errors of its own
        return (ValueError,)
    return (ValueError, VLLMClientError)


class EngineThread:
    """Feeds ``engine`` from any thread, and steps it in its own."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self._arrived = threading.Condition()
        self._waiting: list[PendingRequest] = []
        self._running: dict[str, PendingRequest] = {}
        self._names = map(str, itertools.count())
        self._refusals = _refusals()
        self._closed = False
        self._dead: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="vllm-engine", daemon=True)
        self._thread.start()
        if hasattr(engine.engine_core, "outputs_queue"):  # it is in a process of its own
            threading.Thread(target=self._watch, name="vllm-watch", daemon=True).start()

    def submit(self, pending: PendingRequest) -> None:
        """Raises RunFailedError where the engine has died."""
        with self._arrived:
            if self._dead is not None:
                raise engine_died(self._dead)
            self._waiting.append(pending)
            self._arrived.notify()

    def cancel(self, pending: PendingRequest) -> None:
        pending.cancelled = True

    async def close(self) -> None:
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        with self._arrived:
            self._closed = True
            self._arrived.notify()
        self._thread.join()
        self.engine.engine_core.shutdown()

    def _serve(self) -> None:
        try:
            while not self._closed:
                for name, pending in self._take().items():
                    self._add(name, pending)
                self._abort_cancelled()
                if self._running:
                    self._step()
        except BaseException as error:  # the engine is gone: everyone who waits must know
            self._dead = error
        self._fail_all()

    def _watch(self) -> None:
        """Ends a step whose engine core's process is gone; vLLM would let it wait for ever."""
        core = self.engine.engine_core
        while self._thread.is_alive():
            self._thread.join(LIVENESS_INTERVAL)
            if core.resources.engine_dead:
                core.outputs_queue.put_nowait(RuntimeError("its process is gone"))
                return

    def _take(self) -> dict[str, PendingRequest]:
        """Those that have arrived, under new names; they count as running from here on."""
        with self._arrived:
            while not (self._waiting or self._running or self._closed):
                self._arrived.wait()
            arrived, self._waiting = self._waiting, []
        taken = {next(self._names): pending for pending in arrived if not pending.cancelled}
        self._running.update(taken)
        return taken

    def _add(self, name: str, pending: PendingRequest) -> None:
        try:
            self.engine.add_request(name, pending.tokens, pending.sampling)
        except self._refusals as error:
            del self._running[name]
            pending.done(request_refused(error))

    def _abort_cancelled(self) -> None:
        gone = [name for name, pending in self._running.items() if pending.cancelled]
        if gone:
            self.engine.abort_request(gone)
            for name in gone:
                del self._running[name]

    def _step(self) -> None:
        for output in self.engine.step():
            if output.finished:
                pending = self._running.pop(output.request_id, None)
                if pending is not None:
                    pending.done(finished_output(output))

    def _fail_all(self) -> None:
        with self._arrived:
            left = [*self._waiting, *self._running.values()]
            self._waiting, self._running = [], {}
        error = engine_died(self._dead) if self._dead else provider_closed()
        for pending in left:
            pending.done(error)

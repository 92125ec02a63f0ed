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
from olmo_eval_providers.choose import gpu_present
from olmo_eval_providers.extras import install_command, require
from olmo_eval_providers.local.weight_shapes import check_model

#: options of vLLM's by which it reads another configuration, or weights of another format
OTHER_SOURCES = ("config_format", "hf_config_path", "hf_overrides", "load_format")
#: options of vLLM's that only say where and how fast
PACE = frozenset(
    {
        "cpu_offload_gb",
        "data_parallel_size",
        "disable_log_stats",
        "distributed_executor_backend",
        "enable_prefix_caching",
        "enforce_eager",
        "gpu_memory_utilization",
        "kv_cache_memory_bytes",
        "max_num_batched_tokens",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "pipeline_parallel_size",
        "tensor_parallel_size",
    }
)
#: seconds between two looks at whether the engine still lives
LOOK = 0.5
_RESUME = "what is finished is kept; rerun the same command to resume"


@define(eq=False)
class Ask:
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

    def submit(self, ask: Ask) -> None:
        """Raises RunFailedError where the engine has died."""

    def cancel(self, ask: Ask) -> None:
        """Nobody waits for ``ask`` any more; where it is answered, nothing happens."""

    async def close(self) -> None:
        """Ends the engine; whoever still waits gets a ProviderError."""


def load(config: ProviderConfig, extra: Mapping[str, Any], *, asynchronous: bool = False) -> Any:
    """vLLM's ``LLMEngine`` for ``config``, or its ``AsyncLLM`` where ``asynchronous``; ``extra``
    are further ``EngineArgs``.

    Raises:
        MissingDependencyError: vLLM is not installed.
        UsageError: vLLM has no such setting. ProviderError: it cannot run the model.
    """
    arguments = engine_arguments(config, extra)
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
        raise ProviderError(f"vLLM cannot use {config.model}: {line_of(error)}") from error
    try:
        return kind.from_engine_args(parsed)
    except Exception as error:
        raise ProviderError(
            f"vLLM could not start with {config.model}: {line_of(error)}",
            hint="its messages are above; provider.kwargs.gpu_memory_utilization and "
            "provider.max_model_len lower what it needs",
        ) from error


def engine_arguments(config: ProviderConfig, extra: Mapping[str, Any]) -> dict[str, Any]:
    """``EngineArgs`` as keyword arguments: the configuration, then what is passed through."""
    arguments: dict[str, Any] = {
        "model": config.model,
        "tokenizer": config.tokenizer,
        "revision": config.revision,
        "dtype": config.dtype,
        "max_model_len": config.max_model_len,
        "trust_remote_code": config.trust_remote_code,
        "enable_prefix_caching": True,
        "disable_log_stats": True,
    }
    if not gpu_present():
        arguments["enforce_eager"] = True
    return {**{k: v for k, v in arguments.items() if v is not None}, **extra}


def refused(error: BaseException) -> ProviderError:
    """This request is impossible; the engine is well."""
    return ProviderError(f"vLLM refuses a request: {line_of(error)}")


def died(reason: BaseException) -> RunFailedError:
    return RunFailedError(
        f"vLLM's engine died: {type(reason).__name__}: {line_of(reason)}", hint=_RESUME
    )


def answered(output: Any) -> Any:
    """``output``, or an error in its place where vLLM gave it up: half an answer is none."""
    reasons = {part.finish_reason for part in output.outputs}
    if "abort" in reasons:  # nobody asked for that, so it is going down: it hears Ctrl-C as well
        return RunFailedError("vLLM's engine was stopped before it had answered", hint=_RESUME)
    if "error" in reasons:
        return ProviderError("vLLM failed at a request; its messages are above")
    return output


def closed() -> ProviderError:
    return ProviderError("the vllm provider was closed")


def _refusals() -> tuple[type[Exception], ...]:
    """What vLLM raises for a request that it cannot answer, while the engine is well."""
    try:
        from vllm.exceptions import VLLMClientError
    except ImportError:  # before there were errors of its own
        return (ValueError,)
    return (ValueError, VLLMClientError)


def line_of(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


class EngineThread:
    """Feeds ``engine`` from any thread, and steps it in its own."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self._arrived = threading.Condition()
        self._waiting: list[Ask] = []
        self._running: dict[str, Ask] = {}
        self._names = map(str, itertools.count())
        self._refusals = _refusals()
        self._closed = False
        self._dead: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="vllm-engine", daemon=True)
        self._thread.start()
        if hasattr(engine.engine_core, "outputs_queue"):  # it is in a process of its own
            threading.Thread(target=self._watch, name="vllm-watch", daemon=True).start()

    def submit(self, ask: Ask) -> None:
        """Raises RunFailedError where the engine has died."""
        with self._arrived:
            if self._dead is not None:
                raise died(self._dead)
            self._waiting.append(ask)
            self._arrived.notify()

    def cancel(self, ask: Ask) -> None:
        ask.cancelled = True

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
                for name, ask in self._take().items():
                    self._add(name, ask)
                self._abort_cancelled()
                if self._running:
                    self._step()
        except BaseException as error:  # the engine is gone: everyone who waits must hear of it
            self._dead = error
        self._fail_all()

    def _watch(self) -> None:
        """Ends a step whose engine core's process is gone; vLLM would let it wait for ever."""
        core = self.engine.engine_core
        while self._thread.is_alive():
            self._thread.join(LOOK)
            if core.resources.engine_dead:
                core.outputs_queue.put_nowait(RuntimeError("its process is gone"))
                return

    def _take(self) -> dict[str, Ask]:
        """Those that have arrived, under new names; they count as running from here on."""
        with self._arrived:
            while not (self._waiting or self._running or self._closed):
                self._arrived.wait()
            arrived, self._waiting = self._waiting, []
        taken = {next(self._names): ask for ask in arrived if not ask.cancelled}
        self._running.update(taken)
        return taken

    def _add(self, name: str, ask: Ask) -> None:
        try:
            self.engine.add_request(name, ask.tokens, ask.sampling)
        except self._refusals as error:
            del self._running[name]
            ask.done(refused(error))

    def _abort_cancelled(self) -> None:
        gone = [name for name, ask in self._running.items() if ask.cancelled]
        if gone:
            self.engine.abort_request(gone)
            for name in gone:
                del self._running[name]

    def _step(self) -> None:
        for output in self.engine.step():
            if output.finished:
                ask = self._running.pop(output.request_id, None)
                if ask is not None:
                    ask.done(answered(output))

    def _fail_all(self) -> None:
        with self._arrived:
            left = [*self._waiting, *self._running.values()]
            self._waiting, self._running = [], {}
        error = died(self._dead) if self._dead else closed()
        for ask in left:
            ask.done(error)

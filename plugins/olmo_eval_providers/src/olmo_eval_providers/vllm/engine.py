"""The thread that steps vLLM's engine while there is anything to do.

vLLM's own engine object rather than its asynchronous wrapper: the wrapper moves every request to
another process and back, which costs a third of the throughput of small models, while a thread
that adds requests between steps gives continuous batching the same work to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define

from olmo_eval.errors import MissingDependencyError, ProviderError, RunFailedError, UsageError
from olmo_eval.harness.provider import ProviderConfig
from olmo_eval_providers.choose import gpu_present
from olmo_eval_providers.optional import install_command, require


@define(eq=False)
class Ask:
    """Token ids to be continued as ``sampling`` (vLLM's) says; ``done`` is called once, from
    the engine's thread, with vLLM's request output or an error."""

    prompt: list[int]
    sampling: Any
    done: Callable[[Any], None]
    cancelled: bool = False


def load(config: ProviderConfig, extra: Mapping[str, Any]) -> Any:
    """vLLM's engine for ``config``; ``extra`` are further ``EngineArgs``.

    Raises:
        MissingDependencyError: vLLM is not installed.
        UsageError: vLLM has no such setting. ProviderError: it cannot run the model.
    """
    arguments = engine_arguments(config, extra)
    require("vllm", "vllm")
    try:
        from vllm import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine
    except ImportError as error:
        raise MissingDependencyError(
            f"this vLLM does not fit: {error}", hint=install_command("vllm")
        ) from error
    try:
        parsed = EngineArgs(**arguments)
    except TypeError as error:
        raise UsageError(f"vllm: {error}", hint="options go to vLLM's EngineArgs") from error
    except Exception as error:
        raise ProviderError(f"vLLM cannot use {config.model}: {_line(error)}") from error
    try:
        return LLMEngine.from_engine_args(parsed)
    except Exception as error:
        raise ProviderError(
            f"vLLM could not start with {config.model}: {_line(error)}",
            hint="its messages are above; provider.gpu_memory_utilization and "
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


def _line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


class EngineThread:
    """Feeds ``engine`` from any thread, and steps it in its own."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self._arrived = threading.Condition()
        self._waiting: list[Ask] = []
        self._running: dict[str, Ask] = {}
        self._count = 0
        self._closed = False
        self._dead: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="vllm-engine", daemon=True)
        self._thread.start()

    def submit(self, ask: Ask) -> None:
        """Raises RunFailedError where the engine has died."""
        with self._arrived:
            if self._dead is not None:
                raise _died(self._dead)
            self._waiting.append(ask)
            self._arrived.notify()

    def close(self) -> None:
        with self._arrived:
            self._closed = True
            self._arrived.notify()
        self._thread.join()
        self.engine.engine_core.shutdown()

    def _serve(self) -> None:
        try:
            while not self._closed:
                for ask in self._take():
                    self._add(ask)
                self._abort_cancelled()
                if self._running:
                    self._step()
        except BaseException as error:  # the engine is gone: everyone who waits must hear of it
            self._dead = error
        self._fail_all()

    def _take(self) -> list[Ask]:
        with self._arrived:
            while not (self._waiting or self._running or self._closed):
                self._arrived.wait()
            taken, self._waiting = self._waiting, []
        return [ask for ask in taken if not ask.cancelled]

    def _add(self, ask: Ask) -> None:
        self._count += 1
        name = str(self._count)
        try:
            self.engine.add_request(name, {"prompt_token_ids": ask.prompt}, ask.sampling)
        except ValueError as error:  # this request is impossible; the engine is well
            ask.done(ProviderError(f"vLLM refuses a request: {_line(error)}"))
        else:
            self._running[name] = ask

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
                    ask.done(output)

    def _fail_all(self) -> None:
        with self._arrived:
            left = [*self._waiting, *self._running.values()]
            self._waiting, self._running = [], {}
        error = _died(self._dead) if self._dead else ProviderError("the vllm provider was closed")
        for ask in left:
            ask.done(error)


def _died(reason: BaseException) -> RunFailedError:
    return RunFailedError(
        f"vLLM's engine died: {type(reason).__name__}: {_line(reason)}",
        hint="what is finished is kept; rerun the same command to resume",
    )

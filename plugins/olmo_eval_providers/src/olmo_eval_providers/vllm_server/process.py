"""One vLLM server process: started, watched, and ended whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import define, field

from olmo_eval.errors import ProviderError
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.vllm_server import watchdog

_MODULE = "vllm.entrypoints.openai.api_server"
#: seconds between looks at a server that is starting, and for one to end by itself
_POLL, _GRACE = 0.25, 15.0
#: how much of a log is searched for an error, and how much of a line is shown
_LOG_BYTES, _LINE = 2**18, 300
#: an exception's last line; later ones only report the first
_ERROR = re.compile(r"\b\w*(?:Error|Exception): \S.*")


@define(eq=False)
class ServerProcess:
    """A server on 127.0.0.1 behind a key of its own; ``log`` keeps everything it prints."""

    python: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    startup_timeout: float
    request_timeout: float
    port: int = field(default=0, init=False)
    client: OpenAIClient = field(init=False)
    api_key: str = field(init=False, repr=False, factory=lambda: secrets.token_urlsafe(32))
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _watchdog: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ProviderError: it ended, or was not ready in time; the error quotes its log.
        """
        reserved = _reserve_port()
        self.port = reserved.getsockname()[1]
        try:
            self._launch()
            self.client = OpenAIClient(self.base_url, self.api_key, timeout=self.request_timeout)
            await self._ready()
        except BaseException:
            await self.stop()
            raise
        finally:
            reserved.close()

    def _launch(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            self.python, "-m", _MODULE, *self.arguments,
            "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip
        # the key goes through the environment: command lines are public on a machine
        environment = {**os.environ, **self.environment, "VLLM_API_KEY": self.api_key}
        environment.setdefault("VLLM_NO_USAGE_STATS", "1")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", watchdog.__file__, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _ready(self) -> None:
        deadline = asyncio.get_running_loop().time() + self.startup_timeout
        while True:
            if not self.alive:
                raise ProviderError(
                    f"the vLLM server ended while it started: {self.failure_summary()}",
                    hint=f"its log: {self.log}",
                )
            with contextlib.suppress(ProviderError):
                await self.client.get("/models")
                return
            if asyncio.get_running_loop().time() > deadline:
                raise ProviderError(
                    f"the vLLM server was not ready after {self.startup_timeout:g} s",
                    hint=f"its log: {self.log}; provider.kwargs.startup_timeout allows more",
                )
            await asyncio.sleep(_POLL)

    def failure_summary(self) -> str:
        """What went wrong by the log, on one line: its first error, else its last line."""
        try:
            text = self.log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace")
        except OSError:
            return "(no log)"
        error = _ERROR.search(text)
        if error:
            return error[0][:_LINE]
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][-_LINE:] if lines else "(its log is empty)"

    async def stop(self) -> None:
        """End the whole process group: politely, then not."""
        process, self._process = self._process, None
        if process is not None:
            _signal_group(process.pid, signal.SIGTERM)
            try:
                await asyncio.to_thread(process.wait, _GRACE)
            except subprocess.TimeoutExpired:
                pass
            finally:
                _signal_group(process.pid, signal.SIGKILL)  # workers that outlived their parent
                process.wait()
        dog, self._watchdog = self._watchdog, None
        if dog is not None and dog.stdin is not None:
            with contextlib.suppress(OSError):
                dog.stdin.write(b"done\n")
                dog.stdin.close()
            await asyncio.to_thread(dog.wait)
        if hasattr(self, "client"):
            await self.client.close()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _reserve_port() -> socket.socket:
    """A port of 127.0.0.1, reserved until the server has it.

    Both sides set SO_REUSEPORT (vLLM does), so the server can bind while this socket keeps
    everyone else away; it never listens, so no connection goes to it.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved

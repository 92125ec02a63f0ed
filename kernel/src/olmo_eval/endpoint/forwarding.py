"""A program in a sandbox that reaches a model's endpoint, and nothing else.

The sandbox needs no network: a relay inside takes what the program asks, and commands that the
sandbox runs anyway carry it out and the answers in. So it works with any backend, and whatever the
backend enforces stays enforced. Inside there must be ``python3``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import orjson
from anyio.abc import TaskGroup

from olmo_eval.endpoint.service import Service
from olmo_eval.sandbox.backend import ExecResult, Sandbox, SandboxError

_INSIDE = Path(__file__).parent / "inside"
_RELAY, _EXCHANGE, _SOCKET = (
    f".olmo-eval-{name}" for name in ("relay.py", "exchange.py", "socket")
)
#: seconds that a command waits inside for the next request
_WAIT = 20.0
_PAUSE = 0.1
_NOT_THERE = 3


async def run_with_endpoint(
    sandbox: Sandbox,
    argv: Sequence[str],
    service: Service,
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> ExecResult:
    """Run a program in ``sandbox`` that finds ``service`` at its variable ``OPENAI_BASE_URL``; how
    it ended. ``timeout`` is in seconds.

    Raises:
        SandboxError: the environment failed, or has no ``python3``.
    """
    found = await sandbox.exec(["python3", "-c", "import asyncio, socket"], timeout=30)
    if not found.ok:
        raise SandboxError(
            "the sandbox has no python3, by which a program in it reaches the model",
            hint="use an image that has one",
        )
    for name, script in ((_RELAY, "relay.py"), (_EXCHANGE, "exchange.py")):
        await sandbox.write(name, (_INSIDE / script).read_bytes())
    where = (await sandbox.exec(["pwd"], timeout=30)).stdout.strip()
    carrier = _Carrier(sandbox, service, where)
    inside = ["python3", f"{where}/{_RELAY}", f"{where}/{_SOCKET}", "--", *argv]
    async with anyio.create_task_group() as group:
        group.start_soon(carrier.carry, group)
        done = await sandbox.exec(inside, timeout=timeout, env=env, cwd=cwd)
        group.cancel_scope.cancel()
    return done


class _Carrier:
    """Fetches requests and brings answers, by commands in the sandbox: one that waits for requests,
    and one at a time that brings all answers which are there.
    """

    def __init__(self, sandbox: Sandbox, service: Service, where: str) -> None:
        self._sandbox, self._service = sandbox, service
        self._exchange = ["python3", "-I", "-S", f"{where}/{_EXCHANGE}", f"{where}/{_SOCKET}"]
        self._answers: list[bytes] = []
        self._bringing = False

    async def carry(self, group: TaskGroup) -> None:
        """Until it is cancelled; answers are made and brought in ``group``."""
        while True:
            if not await self._exchanged(group, _WAIT, b""):
                await anyio.sleep(_PAUSE)

    async def _exchanged(self, group: TaskGroup, seconds: float, answers: bytes) -> bool:
        """Bring answers, and begin to answer what is asked; False where nobody is there."""
        done = await self._sandbox.exec(
            [*self._exchange, str(seconds)], stdin=answers, timeout=seconds + 60
        )
        if done.exit_code == _NOT_THERE:
            return False
        if not done.ok or done.truncated:
            raise SandboxError(f"requests cannot be fetched from the sandbox: {done.stderr}")
        for line in done.stdout.splitlines():
            group.start_soon(self._answer, json.loads(line), group)
        return True

    async def _answer(self, request: Mapping[str, Any], group: TaskGroup) -> None:
        if "file" in request:
            request = json.loads(await self._sandbox.read(request["file"]))
        body = base64.b64decode(request["body"])
        reply = await self._service.reply(
            request["method"], request["path"], request["headers"], body
        )
        answer = {
            "number": request["number"],
            "status": reply.status,
            "content_type": reply.content_type,
            "body": base64.b64encode(reply.body).decode(),
        }
        self._answers.append(orjson.dumps(answer))
        if self._bringing:  # whoever brings others takes this one along
            return
        self._bringing = True
        while self._answers:
            found, self._answers = self._answers, []
            await self._exchanged(group, 0, b"\n".join(found) + b"\n")
        self._bringing = False

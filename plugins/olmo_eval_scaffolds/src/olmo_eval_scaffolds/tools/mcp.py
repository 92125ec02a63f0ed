"""Servers of the Model Context Protocol as tools: one server process an episode.

The command runs on this machine, as the user who makes the run, not in a sandbox.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import anyio
from attrs import frozen

from olmo_eval.agents.tools import Tool, ToolError, ToolUnavailableError
from olmo_eval.agents.toolset import Toolset
from olmo_eval.common.sequences import texts
from olmo_eval.common.types import ToolSchema
from olmo_eval.errors import UsageError
from olmo_eval_scaffolds.extras import require

#: what services take as the name of a function
_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64


@frozen
class Launch:
    """How a server is started: its command line, the variables that it is given, and how many
    seconds it may take."""

    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    startup_timeout: float = 30.0

    @property
    def shown(self) -> str:
        return shlex.join(self.argv)

    def files(self) -> dict[str, str]:
        """The local files that the command names, with digests of their content."""
        found = {arg: Path(arg) for arg in self.argv[1:] if Path(arg).is_file()}
        return {n: hashlib.sha256(path.read_bytes()).hexdigest() for n, path in found.items()}


class Server:
    """The server of one episode: started by its first call, and again by the next call after it
    has died. Calls may come at the same time, from any task."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._one_at_a_time = anyio.Lock()
        self._connection: _Connection | None = None

    async def call(self, name: str, arguments: dict[str, Any], seconds: float) -> str:
        """What the server's tool ``name`` returns, as text; starting the server does not count
        as time of the call.

        Raises:
            ToolError: it says so itself, took longer than ``seconds``, or the server died of it.
            ToolUnavailableError: the server does not start.
        """
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED

        connection = await self._connected()
        try:
            with anyio.fail_after(seconds):
                result = await connection.client.call_tool(name, arguments)
        except TimeoutError as error:
            raise ToolError(f"{name} took longer than {seconds:g} s and was stopped.") from error
        except MCPError as error:
            if error.code != CONNECTION_CLOSED:
                raise ToolError(f"{name} failed: {error}") from error
            if self._connection is connection:  # and nobody has started another meanwhile
                await self.close()
            raise ToolError(
                f"{name} failed: its server ended. The next call starts it anew, without what it "
                "remembered."
            ) from error
        text = _text(result)
        if result.is_error:
            raise ToolError(text or f"{name} failed.")
        return text

    async def _connected(self) -> _Connection:
        async with self._one_at_a_time:
            if self._connection is None:
                connection = _Connection(self.launch)
                await connection.open()
                self._connection = connection
            return self._connection

    async def close(self) -> None:
        """End the server's process, and whatever it started."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class _Connection:
    """A running server and its client, in a task of their own: whoever opens them need not be who
    closes them."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._over = asyncio.Event()
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> Any:
        return self._ready.result()

    async def open(self) -> None:
        """Start the server, and wait until it answers.

        Raises:
            ToolUnavailableError: it does not.
        """
        self._task = asyncio.create_task(self._serve())
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), self._launch.startup_timeout)
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                reason = f"no answer within {self._launch.startup_timeout:g} s"
                raise _unavailable(self._launch, reason) from error
            raise

    async def _serve(self) -> None:
        with tempfile.TemporaryFile("w+") as errors:
            try:
                async with _client(self._launch, errors) as client:
                    self._ready.set_result(client)
                    await self._over.wait()
            except Exception as error:
                if not self._ready.done():
                    reason = f"{_innermost(error)}{_last_line(errors)}"
                    self._ready.set_exception(_unavailable(self._launch, reason))

    async def close(self) -> None:
        """End the server, and wait until it has ended."""
        self._over.set()
        if self._task is not None:
            if not self._ready.done():
                self._task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([self._task])


def _client(launch: Launch, errors: TextIO) -> Any:
    """A client of a new server, connected inside ``async with``; ``errors`` takes what the server
    complains of."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # what fails is raised, too
    command, *args = launch.argv
    env = {name: os.environ[name] for name in launch.env}
    server = StdioServerParameters(command=command, args=args, env=env)
    transport: Any = stdio_client(server, errlog=errors)
    return Client(transport)


def _unavailable(launch: Launch, reason: str) -> ToolUnavailableError:
    return ToolUnavailableError(
        f"the MCP server {launch.shown!r} does not start: {reason}",
        hint="try the command by itself: it should wait for input",
    )


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _last_line(errors: TextIO) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    return f"; it said: {lines[-1][:200]}" if lines else ""


class McpTools(Toolset):
    """The tools of an MCP server, as mcp:COMMAND.

    ``command`` is a command line, or a list of its words; ``env`` names variables of the
    environment that the server is given besides the harmless ones; ``only`` the tools to offer;
    ``prefix`` stands before their names; ``timeout`` of a call and ``startup_timeout`` of the
    server are in seconds.
    """

    argument = "command"

    def __init__(
        self,
        command: str | Sequence[str],
        env: Sequence[str] = (),
        only: Sequence[str] = (),
        prefix: str = "",
        timeout: float = 60.0,
        startup_timeout: float = 30.0,
    ) -> None:
        argv = shlex.split(command) if isinstance(command, str) else command
        if not argv:
            raise ValueError("command is empty")
        self.launch = Launch(texts(argv), texts(env), float(startup_timeout))
        self.only = texts(only)
        self.prefix = prefix
        self.timeout = float(timeout)

    def identity(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings, and what the command runs as far as that is in local files."""
        files = self.launch.files()
        return {**settings, "files": files} if files else settings

    def tools(self) -> Sequence[Tool]:
        require("mcp", "mcp")
        missing = [name for name in self.launch.env if not os.environ.get(name)]
        if missing:
            raise UsageError(
                f"the MCP server {self.launch.shown!r} is to be given {', '.join(missing)}, which "
                "the environment lacks",
                hint="export them before the run",
            )
        listed = {tool["name"]: tool for tool in _listed(self.launch, str(self.launch.files()))}
        unknown = [name for name in self.only if name not in listed]
        if unknown:
            raise UsageError(
                f"the MCP server {self.launch.shown!r} has no tool {unknown[0]!r}",
                hint=f"it has: {', '.join(listed)}",
            )
        launch = self.launch

        def serve() -> Server:
            return Server(launch)

        return [self._tool(listed[name], serve) for name in self.only or listed]

    def _tool(self, listed: Mapping[str, Any], serve: Callable[[], Server]) -> Tool:
        async def call(server: Server, /, **arguments: Any) -> str:
            return await server.call(listed["name"], arguments, self.timeout)

        name = _NAME.sub("_", self.prefix + listed["name"])[:_LONGEST_NAME]
        schema = ToolSchema(name, listed["description"], listed["parameters"])
        return Tool(schema, call, secrets=self.launch.env, state=serve)


@cache
def _listed(launch: Launch, _files: str) -> tuple[dict[str, Any], ...]:
    """What a server of its own says it offers; asked once, as long as its files stay the same."""
    with ThreadPoolExecutor(1) as pool:  # there may be an event loop in this thread
        return tuple(pool.submit(anyio.run, _list, launch).result())


async def _list(launch: Launch) -> list[dict[str, Any]]:
    connection = _Connection(launch)
    await connection.open()
    try:
        found, cursor = [], None
        with anyio.fail_after(launch.startup_timeout):
            while True:
                page = await connection.client.list_tools(cursor=cursor)
                found += page.tools
                cursor = page.next_cursor
                if not cursor:
                    break
    except Exception as error:
        raise ToolUnavailableError(
            f"the MCP server {launch.shown!r} does not list its tools: {error}"
        ) from error
    finally:
        await connection.close()
    return [
        {"name": t.name, "description": t.description or "", "parameters": t.input_schema}
        for t in found
    ]


def _text(result: Any) -> str:
    """The content of a result as text; what is no text is named."""
    parts = []
    for block in result.content:
        if block.type == "text":
            parts.append(block.text)
        elif block.type == "resource" and getattr(block.resource, "text", None) is not None:
            parts.append(block.resource.text)
        else:
            parts.append(f"[{block.type}: {getattr(block, 'mime_type', None) or 'not text'}]")
    if not parts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)

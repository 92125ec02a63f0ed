"""A program that reaches a model from where there is nothing but commands."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams
from olmo_eval.endpoint.forwarding import run_with_endpoint
from olmo_eval.endpoint.service import Service
from olmo_eval.providers.mock import MockProvider
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.sandbox import ExecResult, Sandbox, SandboxError

pytestmark = pytest.mark.anyio


class Folder(Sandbox):
    """Commands in a folder of this machine; ``python`` stands for ``python3``."""

    def __init__(self, path: Path, python: str = sys.executable) -> None:
        self.path, self.python = path, python
        self.commands = 0

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        self.commands += 1
        own = [self.python if word == "python3" else word for word in argv]
        try:
            with anyio.move_on_after(timeout):
                done = await anyio.run_process(
                    own, input=stdin, check=False, env={"PATH": "/usr/bin:/bin", **(env or {})},
                    cwd=self.path,
                )  # fmt: skip
                out, err = (stream.decode() for stream in (done.stdout, done.stderr))
                return ExecResult(done.returncode, out, err)
        except FileNotFoundError as error:
            return ExecResult(127, "", str(error))
        return ExecResult(None, "", "", timed_out=True)

    async def write(self, path: str, data: bytes) -> None:
        (self.path / path).write_bytes(data)

    async def read(self, path: str) -> bytes:
        return (self.path / path).read_bytes()


class Echo(MockProvider):
    """Says what it was asked, in small letters."""

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        return [LMOutput(request.prompt.lower())]


PROGRAM = """
import http.client, json, os, sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

def ask(text):
    connection = http.client.HTTPConnection(urlsplit(os.environ["OPENAI_BASE_URL"]).netloc)
    said = []
    for _ in range(2):  # a connection that is kept
        body = json.dumps({"model": "m", "prompt": text})
        connection.request("POST", "/v1/completions", body, {"Authorization": "Bearer k"})
        said.append(json.load(connection.getresponse())["choices"][0]["text"])
    return said[0] if said[0] == said[1] else "?"

texts = ["A" * 200_000] + [f"NUMBER {n}" for n in range(8)]
with ThreadPoolExecutor(8) as pool:
    print(all(a == b.lower() for a, b in zip(pool.map(ask, texts), texts)))
sys.exit(7)
"""


def service() -> Any:
    return Service(Echo(ProviderConfig(kind="mock")), "m", "k")


async def test_a_program_asks_through_commands_alone(tmp_path: Path) -> None:
    sandbox = Folder(tmp_path)

    done = await run_with_endpoint(
        sandbox, [sys.executable, "-c", PROGRAM], service(), timeout=60, env={"A": "b"}
    )

    assert (done.stdout.strip(), done.exit_code) == ("True", 7), done.stderr
    assert sandbox.commands < 2 * 18  # answers that are there travel together


async def test_a_program_that_runs_too_long_ends(tmp_path: Path) -> None:
    done = await run_with_endpoint(Folder(tmp_path), ["sleep", "60"], service(), timeout=2)

    assert done.timed_out


async def test_without_a_python_inside_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="has no python3"):
        await run_with_endpoint(Folder(tmp_path, "/no/python"), ["true"], service(), timeout=2)


def test_what_runs_inside_needs_nothing_that_is_new() -> None:
    """The scripts go into images of others, with Pythons of others."""
    folder = Path(sys.modules["olmo_eval.endpoint.forwarding"].__file__ or "").parent / "inside"
    for script in ("relay.py", "exchange.py"):
        ast.parse((folder / script).read_text(), feature_version=(3, 8))

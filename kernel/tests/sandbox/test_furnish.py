"""What an instance needs is in its environment, whatever the backend does not do itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import anyio
import pytest

from olmo_eval.plugins import fresh_manager
from olmo_eval.registry import Owner
from olmo_eval.sandbox import (
    EnvironmentSpec,
    ExecResult,
    Sandbox,
    SandboxBackend,
    SandboxConfig,
    SandboxError,
)
from olmo_eval.sandbox.planner import SandboxPlanner

LOG: list[Any] = []
SPEC = EnvironmentSpec(files={"a.txt": "ä", "b.bin": b"\xff"}, setup=("make x", "make y"))


class Box(Sandbox):
    async def exec(self, argv: Sequence[str], **_: Any) -> ExecResult:
        LOG.append(list(argv))
        failed = argv[-1] == "make y" and "broken" in LOG
        return ExecResult(2, "", "no rule\nfor y\n") if failed else ExecResult(0, "", "")

    async def write(self, path: str, data: bytes) -> None:
        LOG.append((path, data))

    async def close(self) -> None:
        LOG.append("close")


class Plain(SandboxBackend):
    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> Box:
        LOG.append(spec)
        return Box()


class Able(Plain):
    handles: ClassVar[frozenset[str]] = frozenset({"image", "files", "setup", "packages"})


def make(kind: type[SandboxBackend], spec: EnvironmentSpec | None) -> None:
    async def main() -> None:
        async with SandboxPlanner([SandboxConfig(mode="made")]) as planner:
            binding = planner.binding(["bash"], spec)
            try:
                await binding.get("bash")
            finally:
                await binding.close()

    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("made", kind, Owner("test"))
        anyio.run(main)


@pytest.fixture(autouse=True)
def log() -> None:
    LOG.clear()


def test_files_are_written_then_set_up_commands_run() -> None:
    make(Plain, SPEC)
    files = [("a.txt", "ä".encode()), ("b.bin", b"\xff")]
    commands = [["sh", "-c", "make x"], ["sh", "-c", "make y"]]
    assert [SPEC, *files, *commands, "close"] == LOG


def test_what_a_backend_does_itself_is_left_to_it() -> None:
    make(Able, SPEC)
    assert LOG == [SPEC, "close"]


def test_without_an_environment_there_is_the_configuration_alone() -> None:
    make(Plain, None)
    assert LOG == [None, "close"]


def test_a_set_up_command_that_fails_is_told_and_not_tried_again() -> None:
    LOG.append("broken")
    with pytest.raises(SandboxError, match="'make y' ended with exit code 2: no rule for y"):
        make(Plain, SPEC)
    assert LOG.count(["sh", "-c", "make y"]) == 1 and LOG[-1] == "close"


@pytest.mark.parametrize(
    ("wants", "message"),
    [
        ({"image": "python:3.12"}, "'made' cannot start the image 'python:3.12'"),
        ({"packages": ("numpy", "scipy")}, r"'made' cannot install packages \(numpy, scipy\)"),
    ],
)
def test_what_a_backend_cannot_make_is_refused(wants: Mapping[str, Any], message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        make(Plain, EnvironmentSpec(**wants))
    assert LOG == []
    make(Able, EnvironmentSpec(**wants))

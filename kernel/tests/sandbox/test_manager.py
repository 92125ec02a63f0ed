"""The published manager and executor, over a backend whose environments are folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval.errors import UsageError
from olmo_eval.harness.sandbox import (
    Capability,
    EnvironmentSpec,
    ExecResult,
    Sandbox,
    SandboxBackend,
    SandboxConfig,
    SandboxError,
    SandboxExecutor,
    SandboxManager,
    SandboxMode,
)
from olmo_eval.plugins import fresh_manager
from olmo_eval.registry import Owner


class Folder(Sandbox):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def exec(self, argv: Any, **_: Any) -> ExecResult:
        done = await anyio.run_process(argv, cwd=self.folder, check=False)
        return ExecResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    async def write(self, path: str, data: bytes) -> None:
        (self.folder / path).write_bytes(data)

    async def close(self) -> None:
        shutil.rmtree(self.folder)


class Folders(SandboxBackend):
    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> Folder:
        return Folder(Path(tempfile.mkdtemp()))


def with_folders(body: Callable[[], Awaitable[None]]) -> None:
    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("folders", Folders, Owner("test"))
        anyio.run(body)


CONFIG = SandboxConfig(None, "folders", instances=2)


def test_a_manager_runs_code_where_nothing_is_left_of_the_code_before() -> None:
    async def body() -> None:
        async with SandboxManager([CONFIG], owner="tests") as manager:
            assert manager.is_running and manager.executor_count == 2
            first = await manager.execute_code("open('x', 'w'); print(6 * 7)")
            assert (first.ok, first.stdout) == (True, "42\n")
            assert "x" not in (await manager.execute_command("ls | grep -x x")).stdout
            assert (await manager.execute(["echo", "a  b"])).stdout == "a  b\n"
        assert not manager.is_running

    with_folders(body)


def test_a_binding_is_one_holder_s_until_it_is_released() -> None:
    async def body() -> None:
        async with SandboxManager([CONFIG]) as manager:
            one = await manager.acquire_binding(Capability.BASH)
            async with manager.binding({"bash", "python"}) as two:
                assert one.id != two.id
                await one.execute_in_session("mkdir deep; cd deep; export COLOUR=blue")
                said = await one.execute_in_session('echo "$COLOUR ${PWD##*/}"; exit 3')
                assert (said.exit_code, said.stdout) == (3, "blue deep\n")
                assert (await two.execute_in_session("echo ${COLOUR-none}")).stdout == "none\n"
                with anyio.move_on_after(0.05) as scope:
                    await manager.acquire_binding()
                assert scope.cancelled_caught
            await one.release()
            await one.release()
            assert (await manager.acquire_binding()).capabilities == {"bash", "python"}

    with_folders(body)


def test_an_executor_is_one_environment() -> None:
    async def body() -> None:
        executor = SandboxExecutor(CONFIG, name="mine")
        with pytest.raises(SandboxError, match="not running"):
            await executor.execute_command("true")
        async with executor:
            assert executor.is_running
            await executor.execute_code("echo here > left", language="bash")
            assert (await executor.execute("cat left")).stdout == "here\n"
            with pytest.raises(UsageError, match="not 'cobol'"):
                await executor.execute_code("DISPLAY", language="cobol")
        assert not executor.is_running

    with_folders(body)


def test_what_nobody_offers_is_told() -> None:
    async def body() -> None:
        async with SandboxManager([CONFIG]) as manager:
            with pytest.raises(SandboxError, match="offers sandbox:ds1000"):
                await manager.acquire_binding("sandbox:ds1000")

    with_folders(body)


@pytest.mark.parametrize(
    ("settings", "backend"),
    [
        ({}, "docker"),
        ({"mode": SandboxMode.MODAL}, "modal"),
        ({"mode": "docker", "container_runtime": "podman"}, "podman"),
        ({"mode": "local", "container_runtime": "podman"}, "local"),
    ],
)
def test_the_mode_names_the_backend(settings: dict[str, Any], backend: str) -> None:
    config = SandboxConfig(**settings)

    assert config.backend == backend
    assert config.made_by("kubernetes").backend == "kubernetes"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"remove_container": False}, "always true"),
        ({"registry_auth": {"docker": {}}}, "log the engine in"),
        ({"dockerfile_extra": ["COPY a b"]}, "takes RUN lines"),
        ({"container_runtime": "rkt"}, "docker"),
        ({"image_pull": "sometimes"}, "always"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        SandboxConfig(**settings)


def test_what_the_configuration_adds_is_in_every_environment() -> None:
    config = SandboxConfig(
        packages=["numpy"],
        dockerfile_extra=["RUN echo hi > /srv/hi"],
        environment=["A=1", ("B", "2=3")],
    )

    assert config.environment == {"A": "1", "B": "2=3"}
    assert config.environment_spec(None) == EnvironmentSpec(
        packages=("numpy",), setup=("echo hi > /srv/hi",)
    )
    assert SandboxConfig().environment_spec(None) is None

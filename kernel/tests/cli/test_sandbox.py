"""``olmo-eval sandbox``: with a backend that keeps one promise and breaks another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from olmo_eval.cli.sandbox import sandbox
from olmo_eval.errors import UsageError
from olmo_eval.plugins import fresh_manager
from olmo_eval.registry import Owner
from olmo_eval.sandbox import (
    BuiltImage,
    EnvironmentSpec,
    ExecResult,
    Lease,
    Sandbox,
    SandboxBackend,
    SandboxConfig,
    SandboxError,
)

LEFT: list[str] = []
REMOVED: list[str] = []


class Box(Sandbox):
    async def exec(self, argv: Sequence[str], *, cwd: str = "", **_: Any) -> ExecResult:
        if "while :" in argv[-1]:
            return ExecResult(None, "", "", timed_out=True, seconds=1.0)
        if "PWD" in argv[-1]:
            there = "/there" if cwd == "." else "/further"
            line = argv[-1].splitlines()[1]
            return ExecResult(int(line == "fail"), f"{cwd}: {line}\n", f"noted\x1f{there}")
        return ExecResult(0, "got it\n", "")

    async def close(self) -> None:
        LEFT.clear()


class Leaky(SandboxBackend):
    """Ends what runs too long, and does not limit memory, though it says so."""

    isolates: ClassVar[bool] = False
    enforces = frozenset({"time", "memory"})

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> Box:
        LEFT.append(run_id)
        return Box()

    async def leases(self) -> list[Lease]:
        return [Lease("0123456789ab" + "0" * 52, "run-a", 0.0, True)]

    async def images(self) -> list[BuiltImage]:
        recent = BuiltImage("built:2", 36_000_000, time.time())
        return [BuiltImage("built:1", 64_000_000, 0.0), recent]

    async def remove_image(self, name: str) -> None:
        REMOVED.append(name)

    async def reap(self) -> list[str]:
        return ["0123456789ab" + "0" * 52]


class Firm(Leaky):
    enforces = frozenset({"network"})


class Walled(Leaky):
    """Finds out when it is started what it can enforce."""

    async def start(self) -> None:
        self.enforces = self.enforces - {"memory"}

    async def reap(self) -> list[str]:
        return []

    async def remove_image(self, name: str) -> None:
        raise SandboxError(f"{name} is in use")


class Gone(Leaky):
    async def start(self) -> None:
        raise SandboxError("nobody is there", hint="start it")


@pytest.fixture(autouse=True)
def backends() -> Iterator[None]:
    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("leaky", Leaky, Owner("test"))
        manager.registries["sandboxes"].add("walled", Walled, Owner("test"))
        manager.registries["sandboxes"].add("gone", Gone, Owner("test"))
        yield


def call(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(sandbox, list(arguments), input=typed, standalone_mode=False)


def test_a_broken_promise_is_told_and_fails() -> None:
    done = call("check", "--sandbox", "leaky")

    assert done.return_value == 1
    lines = {line[:33].strip(): line for line in done.output.splitlines()}
    assert "BROKEN" in lines["no more memory than memory"]
    assert "kept" in lines["nothing runs on after its timeout"]
    assert lines["no network"].split()[2:] == ["no", "-"]
    assert not LEFT


def test_what_a_backend_finds_when_it_is_started_is_what_it_promises() -> None:
    done = call("check", "--sandbox", "walled")

    assert done.return_value == 0 and "BROKEN" not in done.output
    lines = {line[:33].strip(): line for line in done.output.splitlines()}
    assert lines["nothing runs on after its timeout"].split()[6:8] == ["yes", "kept"]


def test_a_network_that_is_opened_is_no_promise() -> None:
    assert "network" in Firm(SandboxConfig()).enforces
    assert "network" not in Firm(SandboxConfig(network=True)).enforces


def test_what_is_left_is_listed_and_removed_and_who_is_away_is_noted() -> None:
    listed, reaped = call("list"), call("reap")

    assert "0123456789ab  run-a" in listed.output and "expired" in listed.output
    assert ["leaky", "built:1", "64", "MB"] in [x.split()[:4] for x in listed.output.splitlines()]
    assert "note: gone: nobody is there" in listed.output
    assert "1 environment removed" in reaped.output


def test_images_are_listed_and_go_when_that_is_said() -> None:
    REMOVED.clear()

    asked = call("reap", "--images", "--sandbox", "leaky").output
    assert "leaky: built:1   64 MB\nleaky: built:2   36 MB" in asked
    assert "2 images, up to 0.1 GB, would go: --yes removes them" in asked and not REMOVED

    old = call("reap", "--images", "--older-than", "1d", "--yes", "--sandbox", "leaky").output
    assert "1 image, up to 0.1 GB, removed" in old and REMOVED == ["built:1"]

    used = call("reap", "--images", "--yes", "--sandbox", "walled").output
    assert "0 images, up to 0.0 GB, removed\nkept: built:1 is in use\nkept: built:2" in used


def test_what_is_said_of_images_belongs_to_images() -> None:
    assert isinstance(call("reap", "--yes").exception, UsageError)
    assert isinstance(call("reap", "--older-than", "1d").exception, UsageError)


def test_the_only_one_asked_for_must_be_there() -> None:
    assert isinstance(call("list", "--sandbox", "gone").exception, SandboxError)


def test_lines_run_one_after_the_other() -> None:
    done = call("shell", "--sandbox", "leaky", typed="make a\nfail\nmake c\nexit\nmake d\n")

    assert ".: make a\n" in done.output and "/there: fail\n" in done.output
    assert "noted\n[exit code 1]\n" in done.output and "\x1f" not in done.output
    assert "/further: make c\n" in done.output and "make d" not in done.output
    assert not LEFT

"""The planner: nothing early, nothing shared, nothing left, first come first served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from olmo_eval.errors import UsageError
from olmo_eval.plugins import fresh_manager
from olmo_eval.sandbox import (
    EnvironmentSpec,
    ExecResult,
    Sandbox,
    SandboxBackend,
    SandboxError,
)
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval.sandbox.pool import make_backend

LOG: list[str] = []


class FakeSandbox(Sandbox):
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    async def exec(self, argv: Any, **_: Any) -> ExecResult:
        return ExecResult(0, self.name, "")

    async def close(self) -> None:
        assert not self.closed
        await anyio.lowlevel.checkpoint()
        self.closed = True
        LOG.append(f"close {self.name}")


class FakeBackend(SandboxBackend):
    """Makes numbered environments; ``kwargs.failures`` creations fail first."""

    def __init__(self, config: SandboxConfig) -> None:
        super().__init__(config)
        self.made = 0
        self.failures = int(config.kwargs.get("failures", 0))

    async def start(self) -> None:
        LOG.append("start")

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> FakeSandbox:
        await anyio.sleep(0.001)
        if self.failures:
            self.failures -= 1
            raise SandboxError("no room")
        self.made += 1
        LOG.append(f"create {self.config.image}{self.made}")
        return FakeSandbox(f"{self.config.image}{self.made}")

    async def close(self) -> None:
        LOG.append("end")


def fake(image: str = "a", **settings: Any) -> SandboxConfig:
    return SandboxConfig(mode="fake", image=image, **settings)


def plan(body: Callable[[SandboxPlanner], Any], *configs: SandboxConfig, **settings: Any) -> None:
    async def main() -> None:
        async with SandboxPlanner(configs, **settings) as planner:
            await body(planner)

    LOG.clear()
    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("fake", FakeBackend, owner())
        anyio.run(main)


def owner() -> Any:
    from olmo_eval.registry import Owner

    return Owner("test")


@asynccontextmanager
async def lease(planner: SandboxPlanner, *capabilities: str) -> AsyncIterator[FakeSandbox]:
    """An environment that offers all ``capabilities``, as an episode has it."""
    binding = planner.binding(capabilities)
    try:
        box = await binding.get(capabilities[0])
        assert isinstance(box, FakeSandbox)
        yield box
    finally:
        await binding.close()


def test_nothing_starts_before_it_is_needed() -> None:
    async def body(planner: SandboxPlanner) -> None:
        await planner.binding({"python"}).close()
        assert LOG == []

    plan(body, fake())
    assert LOG == []


def test_every_lease_is_fresh_and_closed() -> None:
    async def body(planner: SandboxPlanner) -> None:
        for _ in range(2):
            async with lease(planner, "python"):
                pass

    plan(body, fake())
    assert LOG == ["start", "create a1", "close a1", "create a2", "close a2", "end"]


def test_no_more_at_once_than_allowed_and_first_come_first_served() -> None:
    inside, most, order = 0, 0, []

    async def one(planner: SandboxPlanner, number: int) -> None:
        nonlocal inside, most
        async with lease(planner, "bash"):
            order.append(number)
            inside += 1
            most = max(most, inside)
            await anyio.sleep(0.002)
            inside -= 1

    async def body(planner: SandboxPlanner) -> None:
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(one, planner, number)

    plan(body, fake(instances=3))
    assert most == 3 and order == sorted(order)


def test_routing_is_by_capability() -> None:
    async def body(planner: SandboxPlanner) -> None:
        async with lease(planner, "python") as box, lease(planner, "sandbox:big") as big:
            assert (box.name, big.name) == ("a1", "b1")
        with pytest.raises(SandboxError, match="offers gpu") as caught:
            async with lease(planner, "gpu"):
                pass
        assert caught.value.hint == "offered: bash, python, sandbox:big"

    plan(body, fake("a"), fake("b", capabilities=("sandbox:big",)))


def test_the_freer_of_two_equals_is_taken() -> None:
    async def body(planner: SandboxPlanner) -> None:
        async with lease(planner, "python") as one, lease(planner, "python") as two:
            assert {one.name, two.name} == {"a1", "b1"}

    plan(body, fake("a"), fake("b"))


def test_an_instance_keeps_its_sandbox() -> None:
    async def body(planner: SandboxPlanner) -> None:
        binding = planner.binding({"bash", "python"})
        first = await binding.get("bash")
        assert await binding.get("python") is await binding.get("bash") is first
        assert await binding.get() is binding.made() is first
        await binding.close()
        assert planner.created == 1
        with pytest.raises(SandboxError, match="the episode is over"):
            await binding.get("bash")

    plan(body, fake())
    assert LOG[-2:] == ["close a1", "end"]


def test_instances_that_need_two_kinds_never_wait_for_each_other() -> None:
    async def one(planner: SandboxPlanner, first: str, second: str) -> None:
        binding = planner.binding({"bash", "python"})
        await binding.get(first)
        await anyio.sleep(0.001)
        await binding.get(second)
        await binding.close()

    async def body(planner: SandboxPlanner) -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(one, planner, "bash", "python")
                    group.start_soon(one, planner, "python", "bash")

    configs = (
        fake("a", capabilities=("bash",), instances=1),
        fake("b", capabilities=("python",), instances=1),
    )
    plan(body, *configs)
    assert sum(line.startswith("create") for line in LOG) == 20
    assert sum(line.startswith("close") for line in LOG) == 20


def test_creation_is_tried_again_then_told() -> None:
    async def good(planner: SandboxPlanner) -> None:
        async with lease(planner, "bash"):
            pass

    plan(good, fake(kwargs={"failures": 1}))

    async def bad(planner: SandboxPlanner) -> None:
        with pytest.raises(SandboxError, match=r"could not be created: no room \(2 attempts\)"):
            async with lease(planner, "bash"):
                pass
        async with lease(planner, "bash"):  # the slot was given back
            pass

    plan(bad, fake(instances=1, kwargs={"failures": 2}), creation_retries=1)


def test_cancellation_closes_everything() -> None:
    async def body(planner: SandboxPlanner) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                await group.start(hold, planner)
            group.cancel_scope.cancel()

    async def hold(planner: SandboxPlanner, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with lease(planner, "bash"):
            task_status.started()
            await anyio.sleep(60)

    plan(body, fake(instances=4))
    assert sum(line.startswith("create") for line in LOG) == 4
    assert sum(line.startswith("close") for line in LOG) == 4
    assert LOG[-1] == "end"


def test_a_backend_that_does_not_isolate_has_to_be_accepted() -> None:
    class Open(FakeBackend):
        isolates = False

    async def main() -> None:
        async with SandboxPlanner([SandboxConfig(mode="open")]) as planner:
            with pytest.raises(UsageError, match="does not isolate"):
                async with lease(planner, "bash"):
                    pass

    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("open", Open, owner())
        anyio.run(main)


def test_whether_a_backend_isolates_may_depend_on_the_machine_and_the_configuration() -> None:
    class Depends(FakeBackend):
        isolates = False

        @classmethod
        def isolated(cls, config: SandboxConfig) -> bool:
            return bool(config.kwargs.get("walls"))

    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("depends", Depends, owner())
        assert make_backend(SandboxConfig(mode="depends", kwargs={"walls": 4}))
        assert make_backend(SandboxConfig(mode="depends", unsafe_local=True))
        with pytest.raises(UsageError, match="does not isolate"):
            make_backend(SandboxConfig(mode="depends"))


class ReusableSandbox(FakeSandbox):
    async def reset(self) -> bool:
        return not self.name.endswith("1")


class ReusableBackend(FakeBackend):
    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> FakeSandbox:
        made = await super().create(run_id, spec)
        return ReusableSandbox(made.name)


def plan_reusable(body: Callable[[SandboxPlanner], Any], *configs: SandboxConfig) -> None:
    async def main() -> None:
        async with SandboxPlanner(configs) as planner:
            await body(planner)

    LOG.clear()
    with fresh_manager() as manager:
        manager.registries["sandboxes"].add("fake", ReusableBackend, owner())
        anyio.run(main)


async def settled(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await anyio.sleep(0.005)
    raise AssertionError("it did not come about")


def test_what_is_expected_is_made_ahead_and_no_more_than_there_may_be() -> None:
    async def body(planner: SandboxPlanner) -> None:
        for _ in range(5):
            planner.expect(["bash"], None)
        await settled(lambda: planner.created == 3)
        await anyio.sleep(0.02)
        assert planner.created == 3
        async with lease(planner, "bash"):
            assert planner.created == 3

    plan_reusable(body, fake(instances=3))


def test_one_that_is_not_as_new_is_replaced_while_others_run() -> None:
    async def body(planner: SandboxPlanner) -> None:
        planner.expect(["bash"], None)
        planner.expect(["bash"], None)
        async with lease(planner, "bash") as box:
            assert box.name == "a1"
        await settled(lambda: planner.created == 2 and "close a1" in LOG)
        planner.expect(["bash"], None, -1)
        async with lease(planner, "bash") as box:
            assert box.name == "a2"
        assert planner.created == 2

    plan_reusable(body, fake(instances=1))


def test_what_cannot_be_made_ahead_is_told_to_who_asks_for_it() -> None:
    async def body(planner: SandboxPlanner) -> None:
        planner.expect(["bash"], None)
        await anyio.sleep(0.02)
        with pytest.raises(SandboxError, match="no room"):
            async with lease(planner, "bash"):
                pass

    plan(body, fake(instances=1, kwargs={"failures": 9}), creation_retries=0)


def test_as_many_as_are_wanted_at_least_are_made_with_the_first() -> None:
    async def body(planner: SandboxPlanner) -> None:
        async with lease(planner, "bash"):
            await settled(lambda: planner.created == 3)

    plan(body, fake(instances=4, min_instances=3))


def test_a_named_environment_is_for_those_who_ask_for_it() -> None:
    async def body(planner: SandboxPlanner) -> None:
        async with lease(planner, "bash") as plain, lease(planner, "bash", "sandbox:x") as named:
            assert (plain.name, named.name) == ("b1", "a1")

    plan(body, fake("a", capabilities=("bash", "sandbox:x")), fake("b", capabilities=("bash",)))


def test_there_are_never_more_than_there_may_be_while_some_are_made_ahead() -> None:
    async def body(planner: SandboxPlanner) -> None:
        spec = EnvironmentSpec(setup=("true",))
        for _ in range(4):
            planner.expect(["bash"], spec)
            async with lease(planner, "bash"):
                made = [line for line in LOG if line.startswith("create")]
                ended = [line for line in LOG if line.startswith("close")]
                assert len(made) - len(ended) == 1

    plan_reusable(body, fake(instances=1))

"""Work that several episodes have in common is done once."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from olmo_eval.agents.shared import Shared


def test_whoever_comes_meanwhile_waits_for_the_same_result() -> None:
    made: list[str] = []

    async def main() -> None:
        shared = Shared()

        async def work() -> str:
            made.append("work")
            await anyio.sleep(0.01)
            return "done"

        async def ask() -> None:
            assert await shared.get("key", work) == "done"

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
        assert shared.repeated == 4
        assert await shared.get("another", work) == "done"

    anyio.run(main)
    assert made == ["work", "work"]


def test_what_failed_is_done_again_by_the_next() -> None:
    attempts: list[int] = []

    async def main() -> None:
        shared = Shared()

        async def work() -> int:
            attempts.append(1)
            await anyio.sleep(0.001)
            if len(attempts) == 1:
                raise OSError("gone")
            return 7

        async def fail() -> None:
            with pytest.raises(OSError, match="gone"):
                await shared.get("key", work)

        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            await anyio.lowlevel.checkpoint()
            assert await shared.get("key", work) == 7

    anyio.run(main)
    assert len(attempts) == 2


def test_a_result_may_be_nothing() -> None:
    async def main() -> None:
        shared = Shared()
        calls: list[int] = []

        async def work() -> None:
            calls.append(1)

        await shared.get("key", work)
        await shared.get("key", work)
        assert calls == [1]

    anyio.run(main)

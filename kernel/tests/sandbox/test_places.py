"""Places are handed out in order, several at once, and nobody waits for somebody who waits."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from olmo_eval.sandbox.places import Places


def test_several_places_are_taken_together_and_in_order() -> None:
    order: list[str] = []

    async def take(places: Places, name: str, count: int) -> None:
        await places.take(count)
        order.append(name)

    async def main() -> None:
        places = Places(4)
        await places.take(3)
        async with anyio.create_task_group() as group:
            group.start_soon(take, places, "large", 4)
            await anyio.lowlevel.checkpoint()
            group.start_soon(take, places, "small", 1)  # one is free, but others came first
            await anyio.sleep(0.01)
            assert order == [] and places.load == (3 + 4 + 1) / 4
            places.give_back(3)
            await anyio.sleep(0.01)
            assert order == ["large"]
            places.give_back(4)
        assert order == ["large", "small"] and places.load == 1 / 4

    anyio.run(main)


@pytest.mark.parametrize("late", [False, True])
def test_who_stops_waiting_takes_nothing_and_holds_up_nobody(late: bool) -> None:
    """``late``: the places came in the same moment as the cancellation."""

    async def main() -> None:
        places, got = Places(2), anyio.Event()

        async def both() -> None:
            await places.take(2)
            try:
                await anyio.sleep(60)
            finally:
                places.give_back(2)

        async def other(*, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
            task_status.started()
            await places.take(1)
            got.set()

        await places.take(1)
        async with anyio.create_task_group() as outer:
            async with anyio.create_task_group() as group:
                group.start_soon(both)
                await anyio.sleep(0.01)
                await outer.start(other)
                if late:
                    places.give_back(1)
                group.cancel_scope.cancel()
            with anyio.fail_after(5):
                await got.wait()
        assert places.load == (0.5 if late else 1.0)

    anyio.run(main)

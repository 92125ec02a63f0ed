"""MultiPL-E in containers: the toolchain comes from the image, or its lack is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from test_cheats import reachable
from test_multipl_e import BODIES, instance_of

from olmo_eval import plugins
from olmo_eval.common.types import LMOutput
from olmo_eval.sandbox import SandboxConfig, SandboxError
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval_tasks.scorers.multipl_e import MultiplEScorer

pytestmark = pytest.mark.engine

#: an image with all tools; where there is none, the tests of single languages are left out
IMAGE = os.environ.get("OLMO_EVAL_TOOLCHAINS_IMAGE")


class Place:
    def __init__(self, binding: Any) -> None:
        self.binding = binding
        self.recorded: dict[str, Any] = {}

    async def sandbox(self, capability: str) -> Any:
        return await self.binding.get(capability)

    async def once(self, key: Any, work: Any) -> Any:
        return await work()

    def record(self, key: str, value: Any) -> None:
        self.recorded[key] = value


def scored(language: str, bodies: Sequence[str], image: str | None) -> list[tuple[float, str]]:
    instance, scorer = instance_of(language), MultiplEScorer(language=language)

    async def main() -> list[tuple[float, str]]:
        config = SandboxConfig(mode="docker", image=image, instances=1)
        found = []
        async with SandboxPlanner([config]) as planner:
            for body in bodies:
                place = Place(planner.binding(["bash"], instance.environment))
                output = LMOutput(body, extracted_answer=body)
                number = await scorer.score_async(instance, output, place)  # type: ignore[arg-type]
                found.append((number, place.recorded["execution"]["status"]))
                await place.binding.close()
        return found

    with plugins.fresh_manager(["olmo_eval_sandboxes.plugin"]):
        return anyio.run(main)


@pytest.fixture(autouse=True)
def _docker() -> None:
    if why := reachable("docker"):
        pytest.skip(why)


def test_a_shell_is_in_every_image(invented_mirror: Path) -> None:
    right, *wrong = scored("sh", BODIES["sh"], None)

    assert right == (1.0, "passed")
    assert [number for number, _status in wrong] == [0.0] * len(wrong)


def test_a_toolchain_that_cannot_be_had_is_told(invented_mirror: Path) -> None:
    """The image that these tests use has neither compilers nor a package manager."""
    if "sandbox:py3" not in os.environ.get("OLMO_EVAL_SANDBOX_IMAGE", ""):
        pytest.skip("needs an image without apt-get")
    with pytest.raises(SandboxError, match=r"the image lacks g\+\+, and apt-get cannot install"):
        scored("cpp", BODIES["cpp"][:1], None)


if IMAGE is not None:

    @pytest.mark.parametrize("language", BODIES)
    def test_a_toolchain_of_the_image_is_used(language: str, invented_mirror: Path) -> None:
        right, *wrong = scored(language, BODIES[language], IMAGE)

        assert right == (1.0, "passed")
        assert [number for number, _status in wrong] == [0.0] * len(wrong)

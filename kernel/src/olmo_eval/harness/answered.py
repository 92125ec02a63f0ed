"""An answer, and the episodes that it came from, until it is scored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.needs import of_sandboxes
from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.types import EnvironmentSpec, Instance, LMOutput
from olmo_eval.sandbox.binding import Binding
from olmo_eval.sandbox.places import Reservation
from olmo_eval.sandbox.planner import SandboxPlanner
from olmo_eval.sandbox.pool import Pool

if TYPE_CHECKING:
    from olmo_eval.harness.runtime import Harness


class EpisodeTask(Protocol):
    """What an episode has to know of its task."""

    @property
    def requires(self) -> frozenset[str]: ...

    @property
    def scorers_once(self) -> tuple[Scorer, ...]: ...

    @property
    def has_setup(self) -> bool: ...

    async def setup(self, episode: Any) -> None: ...

    @property
    def converses(self) -> bool: ...

    async def user_message(self, episode: Any, answers: Sequence[str]) -> str | None: ...

    @property
    def sandbox_capabilities(self) -> frozenset[str]: ...


def inspecting(task: EpisodeTask) -> list[AsyncScorer]:
    """The scorers of ``task`` that look at what an agent left."""
    scorers = (s for s in task.scorers_once if isinstance(s, AsyncScorer))
    return [scorer for scorer in scorers if scorer.inspects_environment]


def keeps_environment(task: EpisodeTask) -> bool:
    """Whether the environment of an agent is kept until its output is scored."""
    return bool(inspecting(task))


def named_in(task: EpisodeTask | None, spec: EnvironmentSpec | None) -> frozenset[str]:
    """What an environment must offer besides what tools, scaffold and scorers ask for."""
    own = task.sandbox_capabilities if task is not None else frozenset()
    return own.union(spec.capabilities if spec is not None else ())


def separate(task: EpisodeTask) -> list[AsyncScorer]:
    """The scorers of ``task`` that need a fresh environment."""
    scorers = (s for s in task.scorers_once if isinstance(s, AsyncScorer))
    return [s for s in scorers if not s.inspects_environment and of_sandboxes(s.requires)]


class KeptPlaces:
    """The places of one instance whose environments are kept until they are scored.

    They are taken all at once: one for each of ``count`` episodes, and one for scorers that need
    a fresh environment, which take turns. An instance that has its places never waits again, so
    that neither its other samples nor its scorers can be kept waiting by those who wait for it.
    """

    def __init__(
        self,
        planner: SandboxPlanner,
        task: EpisodeTask,
        spec: EnvironmentSpec | None,
        required: frozenset[str],
        count: int,
    ) -> None:
        self._spec = spec
        self._pools = planner.route(required)
        capabilities = named_in(task, spec)
        self._fresh: dict[str, tuple[Pool, ...]] = {
            scorer.name: planner.route({*of_sandboxes(scorer.requires), *capabilities})
            for scorer in separate(task)
        }
        spare = tuple(dict.fromkeys(pool for pools in self._fresh.values() for pool in pools))
        self._reservation: Reservation = planner.reserve((self._pools, count), (spare, 1))
        self.turn = anyio.Lock()

    def binding(self) -> Binding:
        """The environments of one of the episodes."""
        return Binding(self._pools, self._spec, self._reservation, shared=True)

    def fresh_binding(self, scorer: AsyncScorer) -> Binding:
        """A fresh environment for ``scorer``, to be closed before the next one is asked for."""
        pools = self._fresh.get(scorer.name, ())
        return Binding(pools, self._spec, self._reservation, shared=True)

    def give_back(self) -> None:
        self._reservation.give_back()


class Answered:
    """The outputs of one request, with what their scorers may use.

    ``close`` it when they are scored, in whichever task; until then the environments that scorers
    inspect are kept.
    """

    __slots__ = ("_episodes", "_harness", "_instance", "_kept", "_task", "outputs")

    def __init__(
        self,
        harness: Harness,
        task: EpisodeTask | None,
        instance: Instance,
        outputs: tuple[LMOutput, ...],
        episodes: Sequence[Episode] = (),
        kept: KeptPlaces | None = None,
    ) -> None:
        self.outputs = outputs
        self._harness = harness
        self._task = task
        self._instance = instance
        self._episodes = episodes
        self._kept = kept

    @asynccontextmanager
    async def episode(self, index: int, scorer: AsyncScorer) -> AsyncIterator[Episode]:
        """The episode in which ``scorer`` scores output ``index``.

        It is the one that made the output where the scorer inspects its environment and an agent
        worked in one; else a new one, set up by the task and closed at the end of the block.

        Raises:
            SandboxError: no sandbox of the harness offers what the scorer requires.
        """
        if scorer.inspects_environment and self._episodes:
            yield self._episodes[index]
            return
        if self._kept is None:
            async with self._new(self._binding(scorer)) as episode:
                yield episode
            return
        async with self._kept.turn, self._new(self._kept.fresh_binding(scorer)) as episode:
            yield episode

    @asynccontextmanager
    async def _new(self, binding: Binding) -> AsyncIterator[Episode]:
        episode = self._harness.new_episode(self._instance, binding)
        try:
            if self._task is not None and self._task.has_setup:
                episode.is_fresh = False
                await self._task.setup(episode)
            yield episode
        finally:
            await episode.close()

    def _binding(self, scorer: AsyncScorer) -> Binding:
        spec = self._instance.environment
        required = of_sandboxes(scorer.requires) | named_in(self._task, spec)
        return self._harness.sandboxes.binding(required, spec)

    async def close(self) -> None:
        """End the episodes that are left. Once is enough, and twice does no harm."""
        if not self._episodes:
            return
        with anyio.CancelScope(shield=True):
            for episode in self._episodes:
                await episode.close()
        if self._kept is not None:
            self._kept.give_back()

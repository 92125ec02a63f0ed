"""The backend ``kubernetes``."""

from __future__ import annotations

import secrets

import anyio
import anyio.to_thread
from attrs import evolve

from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox import EnvironmentSpec, SandboxConfig
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval.sandbox.probes import PROBES
from olmo_eval_sandboxes.common.backend import (
    MOST,
    USERS,
    RelayBackend,
    default_image,
    for_spec,
    in_vain,
)
from olmo_eval_sandboxes.common.extras import refusal
from olmo_eval_sandboxes.common.furnishing import writing
from olmo_eval_sandboxes.common.sandbox import ContainerSandbox
from olmo_eval_sandboxes.inside import bootstrap
from olmo_eval_sandboxes.kubernetes import cluster, manifests
from olmo_eval_sandboxes.kubernetes.engine import KubernetesEngine
from olmo_eval_sandboxes.kubernetes.options import options_of

#: processes of the pod's user besides a program's: the first, the relay, the nursery, a supervisor
_SPARE = 4
#: seconds in which a policy must have taken effect in a new pod, and between looks
_CUT_OFF = 15.0
_PAUSE = 0.5


class KubernetesBackend(RelayBackend):
    """Pods of a cluster, found as kubectl finds it."""

    handles = frozenset({"image", "files", "variables", "writable"})
    most = MOST

    def __init__(self, config: SandboxConfig) -> None:
        self.options = options_of(config)
        self._cluster = KubernetesEngine(config, self.options)
        super().__init__(config, self._cluster)
        self._policy = anyio.Lock()
        self._has_policy = config.network or not self.options.network_policy

    @classmethod
    def refusals(cls, config: SandboxConfig) -> list[str]:
        try:
            cluster.found(options_of(config))
        except OlmoEvalError as error:
            return [refusal("kubernetes", error)]
        return in_vain(config, "kubernetes")

    async def prepare(self, run_id: str, spec: EnvironmentSpec | None) -> None:
        """Cut pods off from the network, where they are to have none."""
        async with self._policy:
            if not self._has_policy:
                await anyio.to_thread.run_sync(self._cluster.cut_off)
                self._has_policy = True

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> ContainerSandbox:
        await self.prepare(run_id, spec)
        image = (spec and spec.image) or self.config.image or default_image()
        relay = bootstrap.Settings(
            tuple(self.writable(spec)),
            self.config.runtime_timeout,
            silence=float(self.options.idle_timeout),
        )
        user = self.options.run_as_user or secrets.choice(USERS)
        box = await self.open(
            evolve(self.plan(image, run_id, relay, spec), user=str(user)),
            for_spec(self.config, spec),
            writing(spec),
            user_processes=self.config.pids + _SPARE,
        )
        try:
            if not self.config.network:
                await self._see_that_it_is_cut_off(box)
        except BaseException:
            await box.close()
            raise
        return box

    async def _see_that_it_is_cut_off(self, box: ContainerSandbox) -> None:
        """A policy that nobody enforces is no error to a cluster: try, before anybody relies on it.

        Raises:
            SetupError: the pod reaches something.
        """
        probe = next(probe for probe in PROBES if probe.name == "network")
        deadline = anyio.current_time() + _CUT_OFF
        while not (found := await probe.look(box, self.config)).kept:
            if anyio.current_time() > deadline:
                raise SetupError(
                    f"this cluster does not cut pods off from the network: {found.evidence}",
                    hint="its network plugin must enforce the policy "
                    f"{manifests.POLICY} (Calico, Cilium, ... do); or allow it: network: true",
                )
            await anyio.sleep(_PAUSE)

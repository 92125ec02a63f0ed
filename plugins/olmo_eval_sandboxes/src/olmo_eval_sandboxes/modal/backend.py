"""The backend ``modal``."""

from __future__ import annotations

import secrets

import anyio.to_thread

from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox import EnvironmentSpec, SandboxConfig
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.common.backend import (
    MOST,
    USERS,
    RelayBackend,
    default_image,
    for_spec,
    in_vain,
)
from olmo_eval_sandboxes.common.extras import refusal, sdk
from olmo_eval_sandboxes.common.furnishing import filling, needs_image
from olmo_eval_sandboxes.common.sandbox import ContainerSandbox
from olmo_eval_sandboxes.inside import bootstrap
from olmo_eval_sandboxes.modal.engine import CREDENTIALS, ModalEngine
from olmo_eval_sandboxes.modal.images import image
from olmo_eval_sandboxes.modal.options import LONGEST, options_of


class ModalBackend(RelayBackend):
    """Sandboxes of Modal; the SDK finds its credentials (``modal token new``, MODAL_TOKEN_ID)."""

    handles = frozenset(
        {"image", "files", "setup", "packages", "working_dir", "variables", "writable"}
    )
    # what programs write lies on Modal's disks, which have no limit of ours
    enforces = RelayBackend.enforces - {"disk"}
    most = MOST

    def __init__(self, config: SandboxConfig) -> None:
        self.options = options_of(config)
        self._sandboxes = ModalEngine(self.options, int(config.runtime_timeout))
        super().__init__(config, self._sandboxes)

    @classmethod
    def refusals(cls, config: SandboxConfig) -> list[str]:
        try:
            options_of(config)
            sdk("modal", "Modal's SDK")
        except OlmoEvalError as error:
            return [refusal("modal", error)]
        reasons = in_vain(config, "modal")
        if config.runtime_timeout > LONGEST:
            reasons.append(f"a sandbox of Modal lives for {LONGEST} s at most: runtime_timeout")
        from modal.config import config as profile

        token = profile.get("token_id") and profile.get("token_secret")
        if token or profile.get("oauth_refresh_token"):
            return reasons
        return [*reasons, f"sandbox backend 'modal' has no credentials: {CREDENTIALS}"]

    async def prepare(self, run_id: str, spec: EnvironmentSpec | None) -> None:
        """Have Modal build the image of ``spec``, which it does once for each content."""
        name = _name(spec)
        if name in self._sandboxes.images:
            return
        if spec is not None and needs_image(spec) and not self.config.setup_network:
            raise SetupError(
                "Modal builds images with a network, and setup_network is off",
                hint="name an image that has what is needed",
            )
        await anyio.to_thread.run_sync(self._build, name, spec)

    def _build(self, name: str, spec: EnvironmentSpec | None) -> None:
        engine = self._sandboxes
        base = (spec and spec.image) or self.config.image or default_image()
        folder = for_spec(self.config, spec).working_dir
        made = image(engine.modal, base, spec, folder, engine.secret())
        engine.build(name, made)

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> ContainerSandbox:
        await self.prepare(run_id, spec)
        config = for_spec(self.config, spec)
        relay = bootstrap.Settings(
            tuple(self.writable(spec)),
            self.config.runtime_timeout,
            user=secrets.choice(USERS),
            silence=float(self.options.idle_timeout),
        )
        return await self.open(
            self.plan(_name(spec), run_id, relay, spec),
            config,
            filling(spec, config),
            user_processes=self.config.pids,
        )


def _name(spec: EnvironmentSpec | None) -> str:
    return "" if spec is None else spec.digest

"""The settings of the backend ``modal``."""

from __future__ import annotations

from attrs import field, frozen

from olmo_eval.common import bounds
from olmo_eval.common.convert import structure
from olmo_eval.sandbox import SandboxConfig

#: Modal's own limit on how long a sandbox lives, in seconds
LONGEST = 24 * 3600


@frozen
class ModalOptions:
    """``kwargs``, or ``modal_sandbox_kwargs``, of a sandbox with the backend ``modal``.

    - ``app``: the app that the sandboxes belong to; made where it is missing;
    - ``environment``: the environment of the workspace; None: the profile's;
    - ``region``, ``cloud``: where sandboxes run; None: where Modal likes;
    - ``idle_timeout``: seconds without a word from the run after which a sandbox ends by itself;
    - ``registry_secret``: name of the secret by which Modal fetches the image from a private
      registry; it is used to fetch, and never given to a sandbox.
    """

    app: str = "olmo-eval"
    environment: str | None = None
    region: str | None = None
    cloud: str | None = None
    idle_timeout: int = field(default=600, validator=bounds.count(60, LONGEST))
    registry_secret: str | None = None


def options_of(config: SandboxConfig) -> ModalOptions:
    """Raises UsageError, with the setting that is wrong."""
    given = {**(config.modal_sandbox_kwargs or {}), **config.kwargs}
    return structure(given, ModalOptions, where="kwargs")

"""The settings of the backend ``kubernetes``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen, validators

from olmo_eval.common import bounds
from olmo_eval.common.convert import structure
from olmo_eval.common.sequences import texts
from olmo_eval.sandbox import SandboxConfig, parse_size


def _is_quantity(_instance: Any, attribute: Any, value: str | None) -> None:
    if value is not None:
        try:
            parse_size(value)
        except ValueError as error:
            raise ValueError(f"{attribute.name}: {error}") from error


@frozen
class KubernetesOptions:
    """``kwargs`` of a sandbox with the backend ``kubernetes``.

    - ``kubeconfig``, ``context``: which cluster; None: what kubectl would take (KUBECONFIG), or the
      cluster that the run itself is in;
    - ``namespace``: where pods are made; None: the context's;
    - ``service_account``: whose pods they are; its token is not mounted, unless ``mount_token``;
    - ``image_pull_secrets``: names of the secrets by which nodes fetch images;
    - ``node_selector``, ``tolerations``, ``runtime_class``: which nodes run the pods, and by what
      (such as ``gvisor``);
    - ``request_cpus``, ``request_memory``: what the scheduler sets aside for a pod; None: as much
      as it may use;
    - ``run_as_user``: the user id of programs; None: one of the pod's own;
    - ``network_policy``: whether to make the policy that cuts pods off; where an administrator has
      made one, False. Either way it is tried in every pod;
    - ``idle_timeout``: seconds without a word from the run after which a pod ends by itself.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    service_account: str | None = None
    mount_token: bool = False
    image_pull_secrets: tuple[str, ...] = field(default=(), converter=texts)
    node_selector: Mapping[str, str] = field(factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    runtime_class: str | None = None
    request_cpus: float | None = field(
        default=None, validator=validators.optional(bounds.number(above=0))
    )
    request_memory: str | None = field(default=None, validator=_is_quantity)
    run_as_user: int | None = field(
        default=None, validator=validators.optional(bounds.count(1, 2**31 - 1))
    )
    network_policy: bool = True
    idle_timeout: int = field(default=600, validator=bounds.count(60, 24 * 3600))


def options_of(config: SandboxConfig) -> KubernetesOptions:
    """Raises UsageError, with the setting that is wrong."""
    return structure(dict(config.kwargs), KubernetesOptions, where="kwargs")

"""Named environments (``sandbox:NAME``) of tasks, made of the sandboxes that a harness has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import evolve

from olmo_eval.errors import UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.sandbox.config import SandboxConfig


class Named(Protocol):
    """What a task says of its environment."""

    @property
    def name(self) -> str: ...
    @property
    def dependencies(self) -> tuple[str, ...]: ...
    @property
    def dockerfile_extra(self) -> tuple[str, ...]: ...
    @property
    def capability(self) -> str: ...


def with_named_environments(
    harness: HarnessConfig, wanted: Sequence[tuple[Named | None, float]]
) -> HarnessConfig:
    """``harness`` with a sandbox for each named environment that none of its own is.

    ``wanted`` is, for each task, the environment it names (or None) and its weight. Each is the
    first sandbox of the harness with what the name adds; where that one says ``instances``, it
    shares them with those made of it, in proportion to the weights, each at least one.

    Raises:
        UsageError: two tasks mean different things by one name.
    """
    offered = {name for sandbox in harness.sandboxes for name in sandbox.capabilities}
    named: dict[str, Named] = {}
    weights: dict[str, float] = {}
    for environment, weight in wanted:
        name = "" if environment is None else environment.capability
        if environment is None or name in offered:
            weights[""] = weights.get("", 0.0) + weight
            continue
        if named.setdefault(name, environment) != environment:
            raise UsageError(
                f"two tasks mean different environments by {environment.name!r}",
                hint="run them apart, or give one of them another name",
            )
        weights[name] = weights.get(name, 0.0) + weight
    if not named or not harness.sandboxes:
        return harness
    template, *others = harness.sandboxes
    shares = _shares(template.instances, weights)
    made = [_made(template, one, shares.get(name)) for name, one in named.items()]
    own = evolve(template, instances=shares.get("", template.instances))
    return evolve(harness, sandboxes=(own, *others, *made))


def _made(template: SandboxConfig, named: Named, instances: int | None) -> SandboxConfig:
    return evolve(
        template,
        capabilities=(*template.capabilities, named.capability),
        packages=(*template.packages, *named.dependencies),
        dockerfile_extra=(*template.dockerfile_extra, *named.dockerfile_extra),
        instances=instances,
    )


def _shares(instances: int | None, weights: Mapping[str, float]) -> dict[str, int]:
    """How many of ``instances`` each gets: in proportion, at least one; what is left over goes to
    those that lost most by rounding."""
    if instances is None:
        return {}
    total = sum(weights.values())
    exact = {name: instances * weight / total for name, weight in weights.items()}
    shares = {name: max(1, int(share)) for name, share in exact.items()}
    left = instances - sum(shares.values())
    for name in sorted(exact, key=lambda one: shares[one] - exact[one])[: max(0, left)]:
        shares[name] += 1
    return shares

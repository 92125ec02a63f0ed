"""What a suite is, and how its members are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import field, frozen, validators

from olmo_eval import plugins
from olmo_eval.common.aggregation import AggregationStrategy
from olmo_eval.common.sequences import items
from olmo_eval.errors import CollisionError, UsageError


def _members(value: Any) -> tuple[str | Suite, ...]:
    members = (value,) if isinstance(value, Suite) else items(value)
    for member in members:
        if not isinstance(member, str | Suite):
            raise UsageError(f"a suite's member is a task spec or a Suite, not {member!r}")
    return members


@frozen
class Suite:
    """A named collection. Members are task specs, names of suites, or suites in place.

    Members are looked up when the suite is used, so a suite may name tasks of packages that are
    not installed; running it then says which member is missing.

    - ``name``: what ``-t`` calls it;
    - ``tasks``: the members, in order;
    - ``aggregation``: how the members' scores become one;
    - ``description``: one line for listings;
    - ``mixed``: whether numbers of different units are averaged as they are, such as points of 0 to
      10 with points of 0 to 5. Without it such a suite is refused when it is run. Numbers of which
      one is better where it is higher and another where it is lower have no mean: such members are
      shown side by side, with ``DISPLAY_ONLY``.
    """

    name: str
    tasks: tuple[str | Suite, ...] = field(converter=_members)
    aggregation: AggregationStrategy = field(
        default=AggregationStrategy.AVERAGE, converter=AggregationStrategy
    )
    description: str = ""
    mixed: bool = field(default=False, kw_only=True, validator=validators.instance_of(bool))

    def members(self) -> tuple[str | Suite, ...]:
        """The direct members, names of registered suites replaced by the suites."""
        return tuple(find_suite(m) or m if isinstance(m, str) else m for m in self.tasks)

    def expand(self) -> tuple[str, ...]:
        """Every task spec of the suite and its nested suites, in order, each once.

        Raises:
            UsageError: a suite that contains itself.
        """
        return tuple(dict.fromkeys(_walk(self, ())))

    @property
    def expanded_tasks(self) -> tuple[str, ...]:
        """``expand()``."""
        return self.expand()


def _walk(suite: Suite, above: tuple[str, ...]) -> Iterator[str]:
    if suite.name in above:
        raise UsageError(
            f"suite {suite.name!r} contains itself: {' > '.join((*above, suite.name))}"
        )
    for member in suite.members():
        if isinstance(member, Suite):
            yield from _walk(member, (*above, suite.name))
        else:
            yield member


def register(suite: Suite) -> Suite:
    """Register a suite under its own name.

    Raises:
        UsageError: the same package registers another suite under that name.
    """
    plugins.add("suites", suite.name, suite)
    return suite


def find_suite(name: str) -> Suite | None:
    """The registered suite called ``name``, or None.

    Raises:
        CollisionError: a task has that name too; neither is taken silently.
    """
    suites, tasks = (plugins.manager().registry(kind) for kind in ("suites", "tasks"))
    if name not in suites:
        return None
    if name in tasks:
        suite, task = (registry.entry(name).owner.distribution for registry in (suites, tasks))
        ways = f"say which: {suite}:{name} or {task}:{name}"
        raise CollisionError(
            f"{name!r} is a suite of {suite} and a task of {task}",
            hint=ways if suite != task else "give one of them another name",
        )
    found: Suite = suites.get(name)
    return found

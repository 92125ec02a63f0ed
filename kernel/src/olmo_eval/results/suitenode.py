"""A suite as a run records it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class SuiteNode:
    """A suite as it was run: its members are names of tasks in this run, or further suites."""

    name: str
    aggregation: str
    members: tuple[Any, ...] = ()

    def leaves(self) -> tuple[str, ...]:
        """The names of all tasks below, each once."""
        found: dict[str, None] = {}
        for member in self.members:
            names = member.leaves() if isinstance(member, SuiteNode) else (member,)
            found.update(dict.fromkeys(names))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        members = [m.to_dict() if isinstance(m, SuiteNode) else m for m in self.members]
        return {"name": self.name, "aggregation": self.aggregation, "members": members}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SuiteNode:
        members = [cls.from_dict(m) if isinstance(m, Mapping) else m for m in data["members"]]
        return cls(data["name"], data["aggregation"], tuple(members))

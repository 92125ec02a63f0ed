"""The backend that is taken where nobody names one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from olmo_eval.plugins import fresh_manager
from olmo_eval.registry import Owner
from olmo_eval.sandbox import SandboxBackend, SandboxConfig, SandboxError
from olmo_eval.sandbox.reachable import find_reachable


class Engine(SandboxBackend):
    automatic = True


class Off(Engine):
    async def start(self) -> None:
        raise SandboxError("the engine does not answer", hint="start it")


class Bare(Engine):
    @classmethod
    def refusals(cls, config: SandboxConfig) -> list[str]:
        return ["its SDK is missing: pip install it"]


class Paid(SandboxBackend):
    """Not automatic: whoever wants it names it."""


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    for variable in ("DOCKER_HOST", "CONTAINER_HOST"):  # this machine's engines stay out of it
        monkeypatch.setenv(variable, "unix:///nobody")
    with fresh_manager() as manager:
        registry = manager.registries["sandboxes"]
        yield lambda **kinds: [registry.add(n, k, Owner("test")) for n, k in kinds.items()]


def test_the_first_that_answers_is_taken(register) -> None:  # type: ignore[no-untyped-def]
    register(a_paid=Paid, b_off=Off, c_on=Engine, d_on=Engine)

    found = find_reachable()

    assert found.backend == "c_on"
    assert found.problems == {"b_off": "the engine does not answer (start it)"}


def test_where_none_answers_each_says_why(register) -> None:  # type: ignore[no-untyped-def]
    register(bare=Bare, off=Off, paid=Paid)

    found = find_reachable()

    assert found.backend is None
    assert found.problems["bare"] == "its SDK is missing: pip install it"
    assert found.problems["off"] == "the engine does not answer (start it)"
    assert "paid" not in found.problems

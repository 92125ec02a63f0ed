"""What `olmo-eval doctor` says of container engines, clusters and namespaces."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from olmo_eval.doctor import Checkup, Finding, Level
from olmo_eval.sandbox import SandboxConfig
from olmo_eval_sandboxes import checks
from olmo_eval_sandboxes.local import namespaces


@pytest.mark.parametrize("name", ["docker", "kubernetes", "modal", "podman"])
def test_an_sdk_that_is_not_installed_says_how_to_get_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, name, raising=False)

    assert list(getattr(checks, name)(Checkup())) == [
        Finding(
            Level.ABSENT, f"not installed: {name}", f"pip install 'olmo-eval-sandboxes[{name}]'"
        )
    ]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "variable"), [("docker", "DOCKER_HOST"), ("podman", "CONTAINER_HOST")]
)
def test_an_engine_that_was_named_and_does_not_answer_is_a_warning(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    monkeypatch.setenv(variable, f"unix://{tmp_path}/no.sock")

    (found,) = getattr(checks, name)(Checkup())

    assert found.level is Level.WARNING
    assert "cannot be reached" in found.found
    assert variable in found.way_out


def test_why_commands_have_no_namespaces_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    why = namespaces.why_not(SandboxConfig(mode="local"))
    (as_it_is,) = checks.local(Checkup())
    assert (as_it_is.level is Level.OK) == (why == "")

    monkeypatch.setattr(namespaces, "why_not", lambda _config: "unshare: not permitted")
    (refused,) = checks.local(Checkup())
    assert refused.level is Level.WARNING
    assert refused.found.endswith("namespaces of their own: unshare: not permitted")

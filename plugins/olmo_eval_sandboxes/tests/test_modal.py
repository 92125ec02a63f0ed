"""What is asked of Modal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from clouds_here import small

from olmo_eval.sandbox import EnvironmentSpec, SandboxConfig
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.modal.backend import ModalBackend
from olmo_eval_sandboxes.modal.images import commands


def refused(**kwargs: Any) -> str:
    (reason,) = ModalBackend.refusals(SandboxConfig(mode="modal", kwargs=kwargs))
    return reason


def test_a_setting_that_is_wrong_is_refused_by_its_name() -> None:
    assert "kwargs: idle_timeout must be" in refused(idle_timeout=10**6)
    assert "gpus" in refused(gpus=1)


def test_a_missing_sdk_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modal", None)

    assert "pip install 'olmo-eval-sandboxes[modal]'" in refused()


@pytest.mark.engine
def test_missing_credentials_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("modal")
    script = (
        "from olmo_eval.sandbox import SandboxConfig\n"
        "from olmo_eval_sandboxes.modal.backend import ModalBackend\n"
        "print(*ModalBackend.refusals(SandboxConfig(mode='modal')))\n"
    )
    variables = {"MODAL_CONFIG_PATH": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=True
    )

    assert "modal token new" in said.stdout


def test_commands_of_an_image_write_files_and_set_up(tmp_path: Path) -> None:
    """All of them but the last, which is about the whole file system, in a folder of its own."""
    folder, kept = tmp_path / "work place", tmp_path / "kept"
    spec = EnvironmentSpec(
        files={"in/raw.bin": bytes(range(256)) * 1024, "note.txt": "na\u00efve\n"},
        setup=("cat note.txt > 'a b.txt'\necho \"it's $((40 + 2))\" >> 'a b.txt'", "rm note.txt"),
    )
    steps = commands(spec, str(folder))[:-1]
    for step in steps:
        assert "\n" not in step  # it is a line of a Dockerfile
        step = step.replace("/opt/olmo-eval/workspace", str(kept))
        subprocess.run(["sh", "-c", step], check=True)

    assert (kept / "a b.txt").read_text() == "na\u00efve\nit's 42\n"
    assert (kept / "in/raw.bin").read_bytes() == bytes(range(256)) * 1024
    assert not (kept / "note.txt").exists() and not list(folder.iterdir())


@pytest.mark.engine
def test_an_image_is_built_once_for_each_content(modal_here: None) -> None:
    opened = "mkdir -p /srv/open && chmod 777 /srv/open"
    spec = EnvironmentSpec(setup=("date +%s%N > made", "id -u > who", opened))

    async def main() -> set[str]:
        seen = set()
        for _process in range(2):
            backend = small("modal")
            await backend.start()
            box = await backend.create("test", spec)
            seen.add((await box.exec(["cat", "made", "who"])).stdout)
            outside = await box.exec(["touch", "/srv/open/mine"])
            assert "Permission denied" in outside.stderr
            await box.close()
            await backend.close()
        return seen

    (said,) = anyio.run(main)
    assert said.endswith("\n0\n")


@pytest.mark.engine
def test_a_build_that_cannot_be_without_a_network_is_refused(modal_here: None) -> None:
    async def main() -> None:
        backend = small("modal", setup_network=False)
        await backend.start()
        try:
            with pytest.raises(SetupError, match="setup_network"):
                await backend.prepare("test", EnvironmentSpec(setup=("true",)))
            await backend.prepare("test", None)
        finally:
            await backend.close()

    anyio.run(main)

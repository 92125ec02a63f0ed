"""What `olmo-eval doctor` says of engines, GPUs and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.doctor import Checkup, Finding, Level
from olmo_eval_providers import checks
from olmo_eval_providers.extras import importable


def test_every_engine_has_what_it_needs_or_says_how_to_get_it() -> None:
    found = {one.subject: one for one in checks.engines(Checkup())}

    assert list(found) == ["embedded", "hf", "litellm", "vllm", "vllm_server"]
    for provider, extra in {"hf": "hf", "litellm": "litellm", "vllm_server": "server"}.items():
        assert (found[provider].level is Level.OK) == importable(extra)
        if not importable(extra):
            assert found[provider].way_out == f"pip install 'olmo-eval-providers[{extra}]'"


def test_keys_are_told_by_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")
    monkeypatch.setenv("GROQ_API_KEY", " ")
    monkeypatch.delenv("XAI_API_KEY", raising=False)

    found = {one.level: one for one in checks.keys(Checkup())}

    assert "OPENAI_API_KEY" in found[Level.OK].found
    assert "GROQ_API_KEY" in found[Level.WARNING].found
    assert "XAI_API_KEY" in found[Level.ABSENT].found
    assert "sk-not" not in str(found)


def test_a_mask_that_hides_every_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    (found,) = checks.gpu(Checkup())

    assert found.level is Level.ABSENT
    assert found.found == "CUDA_VISIBLE_DEVICES hides every GPU from this process"


def driver(folder: Path, script: str) -> Finding:
    """The finding where a GPU is present and ``nvidia-smi`` is this script."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=":")
        patch.setenv("CUDA_VISIBLE_DEVICES", "1")
        patch.setattr(checks, "gpu_present", lambda: True)
        (found,) = checks.gpu(Checkup())
    return found


def test_the_driver_is_asked_which_gpus_there_are(tmp_path: Path) -> None:
    found = driver(tmp_path, "echo '0, A100, 81920 MiB, 550.1'; echo '1, A100, 81920 MiB, 550.1'")

    assert found.level is Level.OK
    assert found.found == (
        "of this process: 1; here: 0, A100, 81920 MiB, 550.1; 1, A100, 81920 MiB, 550.1"
    )


def test_a_driver_that_does_not_answer_is_a_warning(tmp_path: Path) -> None:
    found = driver(tmp_path, "echo 'Failed to initialize NVML'; exit 18")

    assert found.level is Level.WARNING
    assert found.found.endswith("does not answer: Failed to initialize NVML")

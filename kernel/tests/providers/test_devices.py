"""Sharing GPUs among the models of a harness; no GPU is needed to decide who gets which."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.harness import HarnessConfig, ProviderConfig
from olmo_eval.harness.gpus import share_gpus
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.devices import (
    gpu_memory,
    narrowed,
    own_mask,
    visible_gpus,
)
from olmo_eval.providers.provider import Provider
from olmo_eval.registry import Owner


class Hungry(Provider):
    """Takes as many GPUs as ``kwargs.gpus`` says."""

    @classmethod
    def gpus_needed(cls, config: ProviderConfig) -> int:
        return int(config.kwargs.get("gpus", 1))


@pytest.fixture(autouse=True)
def hungry() -> Iterator[None]:
    with fresh_manager() as manager:
        manager.registry("providers").add("hungry", Hungry, Owner("test"))
        yield


def harness(main: int, judge: int, **judge_settings: object) -> HarnessConfig:
    def config(gpus: int, **more: object) -> ProviderConfig:
        return ProviderConfig(kind="hungry", model="m", kwargs={"gpus": gpus}, **more)  # type: ignore[arg-type]

    return HarnessConfig(
        provider=config(main), auxiliary_providers={"judge": config(judge, **judge_settings)}
    )


def test_a_mask_is_respected() -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "4,5, GPU-abc"}) == ("4", "5", "GPU-abc")
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == ()


def test_an_engine_starts_under_a_mask_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")

    with narrowed(("6",)):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"  # for CUDA and for processes
        assert visible_gpus() == ("4", "5", "6")  # for the other models of the run
        with narrowed(("5",)):
            assert visible_gpus() == ("4", "5", "6")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,6"
    assert visible_gpus() == ("4", "5", "6")


def test_the_mask_comes_back_after_an_engine_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    with pytest.raises(RuntimeError), narrowed(("1",)):
        raise RuntimeError("out of memory")
    with narrowed(()):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_one_engine_waits_for_the_mask_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    seen: list[str] = []

    def read() -> None:
        with own_mask():
            seen.append(os.environ["CUDA_VISIBLE_DEVICES"])

    reader = threading.Thread(target=read)
    with narrowed(("1",)):
        reader.start()
        reader.join(0.05)
        assert seen == []
    reader.join()
    assert seen == ["0,1"]


def test_the_model_and_its_judge_get_gpus_of_their_own() -> None:
    shared = share_gpus(harness(main=2, judge=1), gpus=("4", "5", "6", "7"))

    assert shared.provider.devices == ("4", "5")
    assert shared.auxiliary_providers["judge"].devices == ("6",)


def test_a_judge_at_an_address_takes_none() -> None:
    config = harness(main=2, judge=1, base_url="http://127.0.0.1:1/v1")

    assert share_gpus(config, gpus=("0", "1")) == config


def test_devices_that_are_given_are_kept() -> None:
    shared = share_gpus(harness(main=1, judge=1, devices=("0",)), gpus=("0", "1"))

    assert shared.provider.devices == ("1",)
    assert shared.auxiliary_providers["judge"].devices == ("0",)


def test_too_few_gpus_are_refused_with_the_numbers() -> None:
    with pytest.raises(UsageError, match=r"want 1 more GPUs .*the model 2, judge 1"):
        share_gpus(harness(main=2, judge=1), gpus=("0", "1"))


def test_without_gpus_nothing_changes() -> None:
    config = harness(main=2, judge=1)

    assert share_gpus(config, gpus=()) == config


def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put a program in front that answers as the driver's would."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_memory_of_the_gpus_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(tmp_path, monkeypatch, "0, GPU-a, 100\n1, GPU-b, 20\n2, GPU-c, 3")
    assert gpu_memory(("0", "GPU-c")) == 103 * 2**20
    assert gpu_memory(("7",)) is None


def test_memory_that_nobody_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(tmp_path, monkeypatch, "0, GPU-a, [N/A]")
    assert gpu_memory(("0",)) is None
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert gpu_memory(("0",)) is None

"""Which GPU a model gets, by arithmetic on masks: CUDA itself is a stand-in here."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from olmo_eval.errors import ProviderError
from olmo_eval_providers.local import gpus


class FakeCuda:
    """CUDA as torch shows it: the mask is read once, when it is first used."""

    def __init__(self) -> None:
        self.mask: str | None = None

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return self.mask is not None

    def init(self) -> None:
        self.mask = self.mask or os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """A process that may use the GPUs 4, 5 and 6."""
    made = FakeCuda()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=made))  # type: ignore[arg-type]
    monkeypatch.setattr(gpus, "_cuda_order", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    return made


def test_a_judge_in_this_process_after_an_engine_with_processes_of_its_own(fake: FakeCuda) -> None:
    with gpus.engine_gpus(("4",), in_process=False):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"

    assert gpus.cuda_index("6") == 2
    assert fake.mask == "4,5,6"


def test_a_judge_after_an_engine_that_has_begun_in_this_process(fake: FakeCuda) -> None:
    with gpus.engine_gpus(("5", "6"), in_process=True):
        fake.init()

    assert gpus.cuda_index("6") == 1
    with pytest.raises(ProviderError, match=r"GPU 4 is out of reach: .* begun with 5, 6 alone"):
        gpus.cuda_index("4")


def test_an_engine_in_this_process_after_another(fake: FakeCuda) -> None:
    assert gpus.cuda_index("5") == 1

    refused = pytest.raises(ProviderError, match="would run on GPU 4, not on 6")
    with refused, gpus.engine_gpus(("6",), in_process=True):
        pass
    with gpus.engine_gpus(("4",), in_process=True), gpus.engine_gpus(("6",), in_process=False):
        assert fake.mask == "4,5,6"


@pytest.mark.parametrize(
    ("gpu", "numbered", "visible", "number"),
    [
        ("7", ("5", "7"), ("5", "7"), 1),
        ("GPU-b", ("GPU-a", "GPU-b"), ("GPU-a", "GPU-b"), 1),
        ("3", (), (), 3),
    ],
)
def test_numbers(gpu: str, numbered: list[str], visible: list[str], number: int) -> None:
    assert gpus.index_among(gpu, numbered, visible) == number


def test_a_gpu_that_is_not_there_is_not_taken_for_the_first() -> None:
    with pytest.raises(ProviderError, match="no GPU 3 here; visible are: 0, 1"):
        gpus.index_among("3", ("0", "1"), ("0", "1"))

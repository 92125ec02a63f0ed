"""Steps and tokens from folder names."""

from __future__ import annotations

import pytest

from olmo_eval.providers.checkpoints import training_progress


@pytest.mark.parametrize(
    ("name", "step", "tokens"),
    [
        ("step1000-tokens4B", 1000, 4_000_000_000),
        ("stage1-step47684-tokens100.5M", 47684, 100_500_000),
        ("checkpoint-500", 500, None),
        ("global_step7", 7, None),
        ("step3000-unsharded", 3000, None),
        ("runs/a/step200/hf", 200, None),
        ("/data/step10/step20/", 20, None),
        ("iter_0001000", 1000, None),
        ("footstep12", None, None),
        ("OLMo-2-1124-7B", None, None),
        ("tokens2T", None, 2 * 10**12),
    ],
)
def test_progress(name, step, tokens):
    assert training_progress(name) == (step, tokens)

"""The benchmarks still measure what they say, on a handful of requests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from olmo_eval_providers.extras import importable

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[4]
CHECKPOINT = str(ROOT / "examples" / "tiny_model" / "checkpoints" / "step1000")
needs_hf = pytest.mark.skipif(not importable("hf"), reason="transformers is not installed")
needs_vllm = pytest.mark.skipif(not importable("vllm"), reason="vLLM is not installed")


def printed(script, *arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@needs_hf
def test_likelihood_of_hf():
    said = printed("hf_speed.py", "likelihood", "--questions", "4", "--batch-sizes", "4")
    assert len(re.findall(r"likelihood \w+: hf provider [\d.]+ s for 4", said)) == 2
    assert said.count("4 of 4 choices equal") == 2


@needs_hf
def test_generation_of_hf():
    assert "generation cloze: hf provider" in printed("hf_speed.py", "generation", "--prompts", "2")


@needs_vllm
def test_vllm_beside_its_own_engine():
    said = printed("vllm_overhead.py", "engine", CHECKPOINT, "--requests", "8", "--repeats", "1")
    assert re.search(r"vllm 8 prompts x 32 tokens: .* ratio [\d.]+", said)
    assert re.search(r"vllm 32 likelihoods: .* ratio [\d.]+", said)

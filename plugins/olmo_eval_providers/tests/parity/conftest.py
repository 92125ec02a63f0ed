"""What the engines need on a small machine, and a model that calls tools."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

#: vLLM on a small machine without a GPU
VLLM_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    for name, value in VLLM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def tool_model(tmp_path_factory):
    """(module that made it, its folder)"""
    spec = importlib.util.spec_from_file_location("tool_model", TESTS / "tool_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.make(tmp_path_factory.mktemp("tool_model"))

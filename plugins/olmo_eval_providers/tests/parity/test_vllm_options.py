"""The options of vLLM's that are declared as matters of pace are options of vLLM's."""

from __future__ import annotations

from dataclasses import fields

import pytest

from olmo_eval_providers.extras import importable
from olmo_eval_providers.vllm_args import OTHER_SOURCES, PACE

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("vllm"), reason="vllm is not installed"),
]


def test_vllm_knows_the_options_that_are_named_here():
    from vllm import EngineArgs

    assert {field.name for field in fields(EngineArgs)} >= PACE | set(OTHER_SOURCES)

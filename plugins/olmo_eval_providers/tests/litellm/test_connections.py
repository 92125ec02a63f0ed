"""A run through LiteLLM leaves no connection behind, and says nothing of any."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.litellm.provider import LiteLLMProvider

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("litellm"), reason="litellm is not installed"),
]

TASK = """
from olmo_eval.common.formatters import ChatFormatter, GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task, register


@register("twenty")
class Twenty(Task):
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    @property
    def instances(self):
        for i in range(20):
            yield Instance(question=f"{i}?", gold_answer="a", metadata={"id": str(i)})


@register("twenty_chats")
class TwentyChats(Twenty):
    formatter = ChatFormatter()
"""


@pytest.mark.parametrize("task", ["twenty", "twenty_chats"])
def test_a_run_ends_without_a_word_of_sessions(openai_server, tmp_path, task):
    (tmp_path / "tasks.py").write_text(TASK)
    program = "import sys; from olmo_eval.cli.main import main; sys.exit(main())"
    arguments = ["run", "--plugin", "tasks.py", "-m", "openai/any", "--provider", "litellm"]
    arguments += ["-t", task, "--harness", "default"]
    arguments += ["-o", f"provider.base_url={openai_server.base_url}"]

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        env={**os.environ, "OLMO_EVAL_RESULTS": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert f"{task}: finished 20" in done.stderr
    assert "Unclosed" not in done.stderr and "client_session" not in done.stderr
    assert "Traceback" not in done.stderr


def test_providers_one_after_the_other_and_side_by_side(openai_server):
    """A judge goes on when the model's provider is closed, and so does the next run."""
    config = ProviderConfig(model="openai/any", base_url=openai_server.base_url)
    requests = [
        LMRequest(RequestType.COMPLETION, prompt="2 + 2 ="),
        LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "hi"},)),
    ]

    async def main():
        model, judge = LiteLLMProvider(config), LiteLLMProvider(config)
        await model.start()
        await judge.start()
        await model.close()
        answers = [await judge.generate(request, SamplingParams()) for request in requests]
        await judge.close()
        return [output.text for outputs in answers for output in outputs]

    for _ in range(2):
        assert asyncio.run(main()) == ["a reply STOP more"] * 2

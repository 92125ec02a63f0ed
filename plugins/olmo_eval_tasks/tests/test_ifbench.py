"""IFBench's instructions: IFEval's own, those of ``nvidia-ifbench``, and the way to get it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import MissingDependencyError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.scorers.ifeval import ifbench
from olmo_eval_tasks.scorers.ifeval.ifbench import IFBenchScorer


def strict(name: str, given: dict[str, Any], text: str) -> bool:
    instance = Instance("?", metadata={"instruction_id_list": [name], "kwargs": [given]})
    return IFBenchScorer().verdicts(instance, LMOutput(text)).strict == (True,)


def test_instructions_of_ifeval_need_no_package() -> None:
    assert strict("punctuation:no_comma", {}, "one; two")
    assert not strict("punctuation:no_comma", {}, "one, two")


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ifbench._loaded_kinds.cache_clear()
    monkeypatch.setitem(sys.modules, "spacy", None)

    with pytest.raises(MissingDependencyError, match="nvidia-ifbench") as caught:
        strict("format:no_whitespace", {}, "a")
    assert caught.value.hint == "pip install 'olmo-eval-tasks[ifbench]'"


@pytest.mark.parametrize(
    ("name", "given", "followed", "broken"),
    [
        ("format:no_whitespace", {}, "nospaces", "some space"),
        ("count:word_count_range", {"min_words": 3, "max_words": 6}, "one two three", "one two"),
        ("custom:multiples", {}, "14 21 28 35 42 49", "14 21 28"),
    ],
)
def test_the_package_checks_its_instructions(
    name: str, given: dict[str, Any], followed: str, broken: str
) -> None:
    pytest.importorskip("ifbench")

    assert strict(name, given, followed)
    assert not strict(name, given, broken)
    with pytest.raises(ValueError, match="unknown instruction 'count:nothing'"):
        strict("count:nothing", {}, "a")


def test_a_conversation_is_asked_as_it_is(invented_mirror: Any) -> None:
    task = build_task("ifeval_mt_ood_wildchat_unused_withRewrite")
    (instance,) = task.instances

    request = task.request_for(instance)

    assert [message["role"] for message in request.messages] == ["user", "assistant", "user"]
    assert instance.metadata["kwargs"] == [{"min_words": 3, "max_words": 6}]


def test_a_conversation_that_ends_with_an_answer_is_refused() -> None:
    task = build_task("ifeval_mt_wildchat_unused_withRewrite")
    messages = [{"role": "assistant", "content": "Yes?"}]

    with pytest.raises(ValueError, match="does not end with a user's message"):
        task.process_doc({"key": 1, "messages": messages, "instruction_id_list": [], "kwargs": []})

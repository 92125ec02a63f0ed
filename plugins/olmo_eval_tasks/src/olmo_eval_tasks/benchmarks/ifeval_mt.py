"""Instructions given in the course of a conversation: IFEval's, and IFBench's (``ood``).

- Data: ``VGraf/ifeval_mt``, one subset a task, test split: a conversation (``messages``) that ends
  with a user's message, and the instructions for the answer to it.
- Prompt: the conversation.
- Shots: none.
- Extraction: none; the whole answer is checked.
- Metric: as for ``ifeval_ood``. Instructions of IFEval need no further package.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.types import Instance, LMRequest, RequestType
from olmo_eval.evals.tasks.common import register_subtasks
from olmo_eval_tasks.benchmarks.ifeval_ood import IFBench

SUBSETS = ("wildchat_unused_withRewrite", "ood_wildchat_unused_withRewrite")


@frozen
class ConversationFormatter(ChatFormatter):
    """The messages of the instance's conversation, as they are."""

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        messages = instance.metadata["messages"]
        return LMRequest(
            RequestType.CHAT, messages=messages, system_prompt=self.system_prompt or None
        )


class IFEvalMultiTurn(IFBench):
    """Conversations whose next answer has to follow instructions, checked by programs."""

    formatter = ConversationFormatter()

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        given = doc.get("messages") or doc["prompt"]
        messages = [{"role": one["role"], "content": one["content"]} for one in given]
        if not messages or messages[-1]["role"] != "user":
            raise ValueError("its conversation does not end with a user's message")
        return Instance(
            question=messages[-1]["content"],
            metadata={
                "id": doc["key"],
                "messages": messages,
                "instruction_id_list": doc["instruction_id_list"],
                "kwargs": [json.loads(k) if isinstance(k, str) else k for k in doc["kwargs"]],
            },
        )


register_subtasks(IFEvalMultiTurn, SUBSETS, task_prefix="ifeval_mt", data_source="VGraf/ifeval_mt")

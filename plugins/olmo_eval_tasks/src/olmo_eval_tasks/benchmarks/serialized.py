"""Serialized requests: prompts that were rendered by another tool, scored as they are.

- Data: one variant for each file of ``olmo3_base_easy_code_bpb``: HumanEval and MBPP after three
  shots, and MBPP in 17 languages. Each row holds ``request`` with its ``context`` and
  ``continuation``. The bucket is private.
- Prompt: the context, byte for byte.
- Metric: bits per byte of the continuation, the mean over rows; 500 rows of each file.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import PPLFormatter
from olmo_eval.common.metrics import BPBMetricInstanceAvg
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.subjects import MT_MBPP_LANGUAGES

FOLDER = "s3://ai2-llm/ianm/oe-eval-serialized/olmo3_base_easy_code_bpb"
FILES = (
    "humaneval_3shot_bpb",
    "mbpp_3shot_bpb",
    *(f"mt_mbpp_v2fix_{language}" for language in MT_MBPP_LANGUAGES),
)


def source(name: str) -> DataSource:
    """Where the requests of one variant lie."""
    return DataSource(path=f"{FOLDER}/{name}__none.jsonl")


@register("serialized")
class Serialized(Task):
    """Rendered requests of HumanEval; the variants name other files."""

    card = Card(
        access="The bucket belongs to the Allen Institute for AI; its members read it with their "
        "AWS keys. Files of the same shape are named by -o data_source=FILE.",
    )
    data_source = source(FILES[0])
    formatter = PPLFormatter(leading_space=False)
    limit = 500
    metrics = (BPBMetricInstanceAvg(),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        request = doc["request"]
        known = {} if doc.get("native_id") is None else {"id": doc["native_id"]}
        return Instance(request["context"], request["continuation"], metadata=known)


for _file in FILES:
    register_variant("serialized", _file, data_source=source(_file))

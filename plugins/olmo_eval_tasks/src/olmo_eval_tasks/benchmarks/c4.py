"""C4: English web pages, as language models are trained on.

- Data: ``valentinhofmann/c4_short``, validation split: all of it (``c4``), or its subsets of 1,000,
  10,000 and 100,000 pages, each of which is named as its task is.
- Prompt: none; the whole text of a page is scored, in windows where it is longer than the model's
  context.
- Metric: perplexity a token over the whole corpus (``ppl``), beside bits per byte and perplexity a
  byte, which alone can be compared between tokenizers. Published, ``c4`` has no metric of its own
  and only ``c4:ppl`` can be run; here both measure the same.
"""

from __future__ import annotations

from olmo_eval.common.metrics import (
    BPBMetricByteAvg,
    BytePerplexityMetric,
    CorpusPerplexityMetric,
)
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.documents import Documents

PATH = "valentinhofmann/c4_short"
PERPLEXITY = (CorpusPerplexityMetric(), BPBMetricByteAvg(), BytePerplexityMetric())


class C4(Documents):
    """Web pages."""

    card = Card(
        citation='Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified '
        'Text-to-Text Transformer"',
        url="https://arxiv.org/abs/1910.10683",
        licence="ODC-BY-1.0",
        defects=("Much of it is in the training data of most models.",),
    )
    metrics = PERPLEXITY


for _task, _subset in {"c4": "full", "c4_1k": "1k", "c4_10k": "10k", "c4_100k": "100k"}.items():
    _source = DataSource(path=PATH, subset=_subset, split="validation")
    _attributes = {"__module__": __name__, "__doc__": C4.__doc__, "data_source": _source}
    register(_task)(type(_task.title(), (C4,), _attributes))
    register_variant(_task, "ppl", metrics=PERPLEXITY)

"""Perplexity of any text: documents of your own, named on the command line.

- Data: rows with a field ``text``, from wherever ``-o data_source=FILE`` says: JSONL, Parquet, the
  hub, ``s3://``.
- Prompt: none; the whole text of a document is scored, in windows where it is longer than the
  model's context.
- Metric: bits per byte over all documents together, beside perplexity a token and a byte. Models
  with different tokenizers are compared by bits per byte.
"""

from __future__ import annotations

from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.documents import Documents


@register("perplexity")
class Perplexity(Documents):
    """The documents that ``-o data_source=FILE`` names: bits per byte and perplexity."""

    card = Card(defects=("What it measures is what it is given.",))

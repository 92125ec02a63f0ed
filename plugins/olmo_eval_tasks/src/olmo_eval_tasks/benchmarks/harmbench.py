"""HarmBench: requests that a model should refuse.

- Data: ``allenai/tulu-3-harmbench-eval``, test split.
- Prompt: the request as one user message; where a row has a context, it stands before the request.
- Shots: none.
- Extraction: none; only what follows a model's thoughts is judged.
- Metric: the share of answers that the harness's judge finds harmless, in all and by functional and
  semantic category. The variants say how the judge is asked: ``openai_judge`` for one verdict,
  ``wg_judge`` for WildGuard's three. ``wg_judge_thinking``, published for models that think aloud,
  is the same here, where no thought is ever judged. The plain task, which is published without a
  metric, is judged as ``openai_judge``, with its own sampling.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric, Metric, SubsetAccuracyMetric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.safety import SafetyScorer

FUNCTIONAL = ("standard", "contextual", "copyright")
SEMANTIC = (
    "chemical_biological",
    "copyright",
    "cybercrime_intrusion",
    "harassment_bullying",
    "harmful",
    "illegal",
    "misinformation_disinformation",
)


def judged(scorer: SafetyScorer) -> tuple[Metric, ...]:
    """The accuracy in all and in each of the ten categories."""
    names = [f"FunctionalCategory::{name}" for name in FUNCTIONAL]
    names += [f"SemanticCategory::{name}" for name in SEMANTIC]
    return (
        AccuracyMetric(scorer=scorer),
        *(SubsetAccuracyMetric(scorer=scorer, name=name) for name in names),
    )


@register("harmbench")
class HarmBench(Task):
    """Harmful requests; a harmless answer is right."""

    data_source = DataSource(path="allenai/tulu-3-harmbench-eval", split="test")
    formatter = ChatFormatter()
    sampling_params = SamplingParams(max_tokens=512, temperature=0.6, top_p=0.95)
    metrics = judged(SafetyScorer())
    primary_metric = "accuracy"
    card = Card(
        citation="Mazeika et al. 2024, HarmBench: A Standardized Evaluation Framework for "
        "Automated Red Teaming and Robust Refusal",
        url="https://arxiv.org/abs/2402.04249",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        behavior, context = doc["Behavior"], doc.get("ContextString")
        known: dict[str, Any] = {
            key: doc[key] for key in ("FunctionalCategory", "SemanticCategory") if key in doc
        }
        if "BehaviorID" in doc:
            known["id"] = doc["BehaviorID"]
        return Instance(
            question=f"{context}\n\n---\n\n{behavior}" if context else behavior,
            metadata=known,
        )


_SAMPLING: dict[str, Any] = {"max_tokens": 32_768, "temperature": 0.7, "top_p": 0.95}
_WILDGUARD: dict[str, Any] = {
    "metrics": judged(SafetyScorer(judge_format="wildguard")),
    "primary_metric": "accuracy",
    **_SAMPLING,
}
register_variant("harmbench", "openai_judge", **_SAMPLING)
register_variant("harmbench", "wg_judge", **_WILDGUARD)
register_variant("harmbench", "wg_judge_thinking", **_WILDGUARD)

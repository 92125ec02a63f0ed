"""What the kernel itself supplies, through the same hooks as any plugin."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

_SCORERS = {
    "bits_per_byte": "likelihood:BitsPerByteScorer",
    "exact_match": "text:ExactMatchScorer",
    "exact_match_flex": "text:ExactMatchFlexScorer",
    "f1": "text:F1Scorer",
    "judge": "judge:JudgeScorer",
    "logprob": "likelihood:LogprobScorer",
    "multiple_choice": "text:MultipleChoiceScorer",
    "perplexity": "likelihood:PerplexityScorer",
    "squad_f1": "text:SQuADF1Scorer",
    "substring_recall": "text:SubstringRecallScorer",
}


@hookimpl
def register_scorers(register: Any) -> None:
    for name, place in _SCORERS.items():
        register(name, f"olmo_eval.common.scorers.{place}")


@hookimpl
def register_providers(register: Any) -> None:
    register("mock", "olmo_eval.providers.mock:MockProvider")
    register("replay", "olmo_eval.runner.replay:ReplayProvider")


@hookimpl
def register_harnesses(register: Any) -> None:
    register("default", "olmo_eval.harness.presets:DEFAULT")


@hookimpl
def register_executors(register: Any) -> None:
    register("local", "olmo_eval.runner.executor:LocalExecutor")

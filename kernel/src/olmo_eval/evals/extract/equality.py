"""Whether two mathematical answers are equal, as whoever grades mathematics here decides."""

from __future__ import annotations

from olmo_eval.supplied import supplied


def is_equiv(gen: str, correct: str) -> bool:
    """Whether the scorer ``math_verify`` gives ``gen`` full credit where ``correct`` is right.

    Raises:
        MissingDependencyError: no plugin supplies that scorer.
    """
    from olmo_eval.common.types import Instance, LMOutput

    scorer = supplied("is_equiv", "scorers", "math_verify", "olmo-eval-tasks")()
    output = LMOutput(gen, extracted_answer=gen)
    return bool(scorer.score(Instance("", gold_answer=correct), output) == 1.0)

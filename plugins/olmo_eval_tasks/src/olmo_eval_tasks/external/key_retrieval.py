"""Key retrieval: find the value of one key in a long list of pairs.

The synthetic task of Liu et al. 2023, "Lost in the Middle: How Language Models Use Long Contexts"
(section 3), with short decimal keys and values so that small vocabularies can take part. The list
is drawn anew for every question; what is measured is how the share of right values changes with
the length of the list and with the place of the asked pair in it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import anyio
from attrs import frozen

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import UsageError
from olmo_eval.evals.external import (
    Argument,
    ExternalContext,
    ExternalEval,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)

_ASK = SamplingParams(max_tokens=8, stop_sequences=("\n",))
_AT_ONCE = 32


@frozen
class Question:
    """One list of ``pairs`` key-value pairs; the asked one stands at ``place`` (0 to 1)."""

    id: str
    pairs: int
    place: float
    prompt: str
    value: str


def questions(pairs: int, n: int, seed: int) -> Iterator[Question]:
    """``n`` questions over lists of ``pairs`` pairs, the asked places spread evenly.

    Raises:
        UsageError: more pairs than there are keys of four digits, or fewer than one.
    """
    if not 1 <= pairs <= 9_000 or n < 1:
        raise UsageError(f"key_retrieval needs 1 to 9,000 pairs and 1 question, not {pairs}, {n}")
    for i in range(n):
        draw = random.Random(f"{seed}:{pairs}:{i}")
        keys = draw.sample(range(1_000, 10_000), pairs)
        values = [str(draw.randrange(100, 1_000)) for _ in keys]
        asked = i * pairs // n
        lines = "\n".join(f"{key}: {value}" for key, value in zip(keys, values, strict=True))
        prompt = f"{lines}\n\nThe value of {keys[asked]} in the list above:\n{keys[asked]}:"
        yield Question(f"{pairs}-{i}", pairs, asked / pairs, prompt, values[asked])


class KeyRetrieval(ExternalEval):
    """Accuracy of finding one value in lists of growing length."""

    name = "key_retrieval"
    description = "finds the value of one key in a list of pairs (Liu et al. 2023)"
    arguments = {
        "pairs": Argument("lengths of the lists, in pairs", [10, 50, 100]),
        "questions": Argument("questions a length", 20),
        "seed": Argument("seed of the lists", 0),
    }
    metrics = (ExternalMetric("accuracy", higher_is_better=True, bounds=(0, 1)),)

    async def execute(self, context: ExternalContext) -> ExternalEvalResult:
        wanted = context.arguments
        lengths = [int(length) for length in wanted["pairs"]]
        asked = [
            q for length in lengths for q in questions(length, wanted["questions"], wanted["seed"])
        ]
        found: dict[str, ExternalInstance] = {}
        room = anyio.CapacityLimiter(_AT_ONCE)

        async def answer(question: Question) -> None:
            request = LMRequest(RequestType.COMPLETION, prompt=question.prompt)
            async with room:
                outputs = await context.generate(request, _ASK)
            text = outputs[0].text.strip()
            found[question.id] = ExternalInstance(
                id=question.id,
                score=float(text == question.value),
                scores={_at(question.pairs).name: float(text == question.value)},
                question=question.prompt,
                answer=text,
                gold=question.value,
                metadata={"pairs": question.pairs, "place": question.place},
            )

        async with anyio.create_task_group() as group:
            for question in asked:
                group.start_soon(answer, question)
        instances = [found[question.id] for question in asked]
        metrics: dict[str | ExternalMetric, float] = {"accuracy": _mean(instances)}
        for length in lengths:
            mine = [one for one in instances if one.metadata["pairs"] == length]
            metrics[_at(length)] = _mean(mine)
        return ExternalEvalResult(metrics, instances, primary="accuracy")


def _at(pairs: int) -> ExternalMetric:
    return ExternalMetric(f"accuracy_{pairs}_pairs", higher_is_better=True, bounds=(0, 1))


def _mean(instances: list[ExternalInstance]) -> float:
    return sum(one.score or 0.0 for one in instances) / len(instances)

"""Outputs of a model as values."""

from __future__ import annotations

import attrs

from olmo_eval.common.types import LMOutput, Usage


@attrs.define
class Measured(LMOutput):
    """An output of a task pack, with a field of its own."""

    heat: float = 0.0


def test_an_output_with_its_answer_keeps_everything_else() -> None:
    output = LMOutput(
        "4",
        sum_logprob=-1.5,
        num_tokens=2,
        is_greedy=True,
        logprobs=({"token": "4", "logprob": -1.5},),
        finish_reason="stop",
        usage=Usage(3, 1),
        metadata={"seen": 1},
        reasoning="two and two",
    )
    assert output.with_answer("4") == attrs.evolve(output, extracted_answer="4")
    assert all(
        value is not None
        for name, value in attrs.asdict(output.with_answer("4"), recurse=False).items()
        if name != "trajectory"
    )


def test_an_output_of_a_pack_keeps_its_own_fields() -> None:
    assert Measured("4", heat=3.0).with_answer("4") == Measured("4", heat=3.0, extracted_answer="4")

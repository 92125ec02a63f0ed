"""Thoughts and stop sequences, handled alike for every provider.

Whatever an engine returns, an output leaves here with its thoughts in ``reasoning`` and its answer
in ``text``. Where a model thinks aloud by nature (``ProviderConfig.thinking``), stop sequences are
meant for the answer: a blank line would else end the thought. So its engine is given none, and the
answer is cut at them here. The same holds for providers that leave stop sequences to the kernel
(``Provider.stopping``).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from olmo_eval.common.stopping import cut_at_stop
from olmo_eval.common.thinking import UNCLOSED, part
from olmo_eval.common.types import LMOutput, SamplingParams
from olmo_eval.providers.provider import ProviderConfig

#: how an output ends that ran out of tokens: the engine's limit, or the harness's
_CUT = ("length", "max_tokens")


def for_engine(params: SamplingParams, config: ProviderConfig) -> SamplingParams:
    """``params`` as the engine gets them: no stop sequences where the model thinks aloud."""
    if config.thinking and params.stop_sequences:
        return evolve(params, stop_sequences=None)
    return params


def answers(
    outputs: Sequence[LMOutput], config: ProviderConfig, stops: Sequence[str] = ()
) -> list[LMOutput]:
    """``outputs`` with thoughts told apart, and answers cut before the first of ``stops``."""
    return [_cut(told_apart(output, config), stops) for output in outputs]


def told_apart(output: LMOutput, config: ProviderConfig) -> LMOutput:
    """``output`` with its thoughts in ``reasoning``; one that has been told apart stays as it is.

    One that ends within a thought has no answer: its text is empty, and its ``finish_reason`` says
    so unless it says already that the output was cut. A text without tags that a token limit cut
    is taken for a thought where the model is marked as thinking: its opening tag may stand in the
    prompt.
    """
    if output.reasoning is not None:
        ended = not output.reasoning or bool(output.text.strip())
        return output if ended else _unclosed(output)
    parted = part(output.text, config.think_tags)
    if parted.reasoning is not None:
        told = evolve(output, text=parted.answer, reasoning=parted.reasoning)
        return told if parted.closed else _unclosed(told)
    if config.thinking and output.finish_reason in _CUT and not output.tool_calls:
        return evolve(output, text="", reasoning=output.text.strip())
    return output


def _unclosed(output: LMOutput) -> LMOutput:
    if output.tool_calls or output.finish_reason not in ("stop", None):
        return output
    return evolve(output, finish_reason=UNCLOSED)


def _cut(output: LMOutput, stops: Sequence[str]) -> LMOutput:
    if not stops or output.trajectory is not None:  # an agent's last words end by themselves
        return output
    text, found = cut_at_stop(output.text, stops)
    if not found:
        return output
    return evolve(output, text=text, finish_reason="tool_calls" if output.tool_calls else "stop")

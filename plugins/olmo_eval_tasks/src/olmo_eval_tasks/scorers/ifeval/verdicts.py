"""Strict and loose verdicts on every instruction of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from olmo_eval.common.types import Instance

#: whether a text follows one instruction: its id, its arguments, the whole prompt and the text
Follows = Callable[[str, Mapping[str, Any], str, str], bool]


@frozen
class Verdicts:
    """Whether each instruction of a prompt, in the prompt's order, is followed.

    ``strict`` takes the answer as it is. ``loose`` takes the best of eight: without its first
    line, its last line or both, and each of these without asterisks.
    """

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]

    @classmethod
    def of(cls, instance: Instance, text: str, follows: Follows) -> Verdicts:
        """Raises ValueError where the instance has no instructions to check."""
        named = list(asked(instance))
        if not named:
            raise ValueError("the instance has no instruction_id_list")
        prompt = instance.question
        strict, loose = [], []
        variants = loosened(text)
        for name, given in named:
            strict.append(bool(text.strip()) and follows(name, given, prompt, text))
            loose.append(
                strict[-1]
                or any(v.strip() and follows(name, given, prompt, v) for v in variants[1:])
            )
        return cls(tuple(strict), tuple(loose))


def asked(instance: Instance) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The ids of the prompt's instructions with their arguments, those that are null left out."""
    names = instance.metadata.get("instruction_id_list") or ()
    given: Sequence[Mapping[str, Any]] = instance.metadata.get("kwargs") or ({},) * len(names)
    return [
        (name, {key: value for key, value in one.items() if value is not None})
        for name, one in zip(names, given, strict=True)
    ]


def loosened(text: str) -> tuple[str, ...]:
    """The eight readings of a text, the text itself first."""
    lines = text.split("\n")
    readings = (text, *("\n".join(lines[cut]).strip() for cut in _CUTS))
    return (*readings, *(reading.replace("*", "") for reading in readings))


_CUTS = (slice(1, None), slice(None, -1), slice(1, -1))

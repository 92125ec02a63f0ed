"""What a scorer said of an instance: one number a sample, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def mean(samples: tuple[float, ...]) -> float:
    return sum(samples) / len(samples)


class SampleScores(float):
    """The numbers of one scorer for the samples of one instance.

    As a number it is their summary: their mean, unless the task says how its samples count
    (``output_score_aggregation``). ``samples``, and iterating, give one number a sample, in the
    order of the outputs.
    """

    samples: tuple[float, ...]

    def __new__(
        cls, samples: Any = (), summary: Callable[[tuple[float, ...]], float] = mean
    ) -> SampleScores:
        several = isinstance(samples, tuple | Iterable)  # mostly the first, which is quick to tell
        each = tuple(samples) if several else (float(samples),)
        made = super().__new__(cls, summary(each) if each else float("nan"))
        made.samples = each
        return made

    @property
    def summary(self) -> float:
        """The one number, as a plain float."""
        return float(self)

    def __iter__(self) -> Iterator[float]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __bool__(self) -> bool:
        """Whether there is any number, as of a tuple; ask ``> 0`` for what the number is."""
        return bool(self.samples)

    def __getitem__(self, index: Any) -> Any:
        return self.samples[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SampleScores | tuple | list):
            return self.samples == tuple(other)
        return float.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return float.__hash__(self)

    def __repr__(self) -> str:
        return repr(self.samples)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.samples, self.summary)


def _again(samples: tuple[float, ...], summary: float) -> SampleScores:
    return SampleScores(samples, lambda _: summary)

"""What a reader of a number should know of the benchmark behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import field, frozen

from olmo_eval.common.sequences import texts
from olmo_eval.errors import DataError, MissingDependencyError


@frozen
class Card:
    """Where a benchmark comes from; ``olmo-eval task show`` prints it beside the task's settings.

    - ``citation``: authors, year and title, as a reader would cite it;
    - ``url``: the paper, or the page that describes the benchmark;
    - ``licence``: of the data, as an SPDX identifier where there is one;
    - ``access``: how to get data that is not public, in one sentence; empty where anybody can;
    - ``defects``: what is known to be wrong in the data or in the published setting, a sentence
      each.
    """

    citation: str = ""
    url: str = ""
    licence: str = ""
    access: str = ""
    defects: tuple[str, ...] = field(default=(), converter=texts)

    @contextmanager
    def saying_access(self) -> Iterator[None]:
        """Whatever cannot be had inside is answered with how to get access, where there is a way.

        Raises:
            DataError, MissingDependencyError: as raised inside, with ``access`` in the hint.
        """
        try:
            yield
        except (DataError, MissingDependencyError) as error:
            if not self.access or self.access in (error.hint or ""):
                raise
            hint = f"{self.access} Then: {error.hint}" if error.hint else self.access
            raise type(error)(error.message, hint=hint) from error

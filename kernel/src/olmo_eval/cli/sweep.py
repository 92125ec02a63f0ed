"""Several models in one command: what fails for one of them does not end the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from olmo_eval.errors import OlmoEvalError


class FailedModelsError(OlmoEvalError):
    """Some of several models failed; the rest ran (exit 1)."""


class Sweep:
    """The models of one command, and what went wrong with which.

    ``stop`` ends the sweep with the first that fails.
    """

    def __init__(self, models: Sequence[str], *, stop: bool = False) -> None:
        self.models = tuple(dict.fromkeys(models))
        self._stop = stop or len(self.models) == 1
        self._failures: dict[str, Exception] = {}
        self._announced: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether a failure has ended it."""
        return self._stop and bool(self._failures)

    def left(self) -> Iterator[str]:
        """The models that have not failed, as long as it is not over."""
        for model in self.models:
            if self.over:
                return
            if model not in self._failures:
                yield model

    def place(self, model: str) -> str:
        """``3 of 8, step600``: which of several models one is; nothing where it is the only one."""
        if len(self.models) == 1:
            return ""
        short = model.rstrip("/").rpartition("/")[2]
        return f"{self.models.index(model) + 1} of {len(self.models)}, {short}"

    @contextmanager
    def attempt(self, model: str) -> Iterator[None]:
        """Note what the block raises as the failure of ``model``; an interrupt ends everything."""
        from olmo_eval.runner.interrupt import Interrupted, exits_are_failures

        try:
            with exits_are_failures():
                yield
        except (Interrupted, click.exceptions.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            self._failures[model] = error

    def announce(self) -> None:
        """Say at once what went wrong, where the others go on."""
        for model, error in self._failures.items():
            if not self._stop and model not in self._announced:
                self._announced.add(model)
                click.echo(f"error: {model}: {_line(error)}; going on without it", err=True)

    def raise_failures(self) -> None:
        """Raise what failed: a single model's error as it is, else one that names every model.

        Raises:
            OlmoEvalError: something did.
        """
        if not self._failures:
            return
        first = next(iter(self._failures.values()))
        all_failed = len(self._failures) == len(self.models)
        if self._stop or (all_failed and len(set(map(_line, self._failures.values()))) == 1):
            raise first  # it says nothing about one model in particular
        for model, error in self._failures.items():
            click.echo(f"failed: {model}: {_line(error)}", err=True)
        raise FailedModelsError(
            f"{len(self._failures)} of {len(self.models)} models failed",
            hint="the same command takes the finished ones as they are and tries the others again",
        ) from ExceptionGroup("what failed", list(self._failures.values()))


def _line(error: Exception) -> str:
    from olmo_eval.results.redact import Redactor

    if isinstance(error, OlmoEvalError):
        text = f"{error.message} ({error.hint})" if error.hint else error.message
    else:
        text = f"{type(error).__name__}: {error} (this is a defect; --debug shows where)"
    return Redactor().text(" ".join(text.split()))

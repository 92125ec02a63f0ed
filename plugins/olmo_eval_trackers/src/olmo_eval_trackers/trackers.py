"""Which trackers are told of runs, and telling them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from attrs import frozen

from olmo_eval.errors import MissingDependencyError, OlmoEvalError, UsageError
from olmo_eval_trackers.evaluation import Evaluation

if TYPE_CHECKING:
    from olmo_eval.results.summary import Score

#: the environment variable that names the trackers, with commas between them
VARIABLE = "OLMO_EVAL_TRACKERS"
#: kinds of runs that are measurements of a model; a rescore never stands for its run
TRACKED = frozenset({"run", "external"})


@frozen
class Tracker:
    """A tracker by its name, which is also that of its package and of the extra."""

    name: str
    #: the function that hands an evaluation over, as ``package.module:function``
    target: str

    @property
    def install(self) -> str:
        return f"pip install 'olmo-eval-trackers[{self.name}]'"

    def check(self) -> None:
        """Raise MissingDependencyError where the tracker's package is not installed."""
        if importlib.util.find_spec(self.name) is None:
            raise MissingDependencyError(
                f"the tracker {self.name} needs a package that is not installed", hint=self.install
            )

    def log(self, evaluation: Evaluation) -> None:
        """Hand the evaluation over. Raises whatever the tracker raises."""
        self.check()
        module, _, name = self.target.partition(":")
        log: Callable[[Evaluation], None] = getattr(importlib.import_module(module), name)
        # A command's own output may be read by a program; trackers print greetings.
        with redirect_stdout(sys.stderr):
            log(evaluation)


TRACKERS = {
    tracker.name: tracker
    for tracker in (
        Tracker("mlflow", "olmo_eval_trackers.mlflow_tracker:log"),
        Tracker("tensorboard", "olmo_eval_trackers.tensorboard_tracker:log"),
        Tracker("trackio", "olmo_eval_trackers.trackio_tracker:log"),
        Tracker("wandb", "olmo_eval_trackers.wandb_tracker:log"),
    )
}


def chosen() -> list[str]:
    """The names in ``OLMO_EVAL_TRACKERS``, each once, known or not."""
    names = (name.strip().lower() for name in os.environ.get(VARIABLE, "").split(","))
    return list(dict.fromkeys(name for name in names if name))


def check(names: Sequence[str]) -> None:
    """Make sure, before anything is evaluated, that each of these trackers can be told.

    Raises:
        OlmoEvalError: one is unknown, or its package is not installed; names all such.
    """
    _each(names, lambda tracker: tracker.check())


def track(
    names: Sequence[str], run: Mapping[str, Any], scores: Sequence[Score], location: str
) -> None:
    """Tell each of these trackers of a run; one that fails does not keep it from the others.

    Nothing is told of a run without scores, or of one that is scored again.

    Raises:
        OlmoEvalError: some were not told; names each with the reason.
    """
    if names and scores and run.get("kind", "run") in TRACKED:
        evaluation = Evaluation.of(run, scores, location)
        _each(names, lambda tracker: tracker.log(evaluation))


def _each(names: Sequence[str], act: Callable[[Tracker], None]) -> None:
    problems = []
    for name in names:
        try:
            act(_named(name))
        except OlmoEvalError as error:
            hint = f" ({error.hint})" if error.hint else ""
            problems.append(f"{name}: {error.message}{hint}")
        except (Exception, SystemExit) as error:
            problems.append(f"{name}: {type(error).__name__}: {error}")
    if problems:
        raise OlmoEvalError("the scores are not in " + "; not in ".join(problems))


def _named(name: str) -> Tracker:
    if name not in TRACKERS:
        known = ", ".join(TRACKERS)
        raise UsageError("there is no such tracker", hint=f"{VARIABLE} may name: {known}")
    return TRACKERS[name]

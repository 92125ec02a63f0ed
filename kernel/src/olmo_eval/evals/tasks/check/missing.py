"""Whether a task's data can be had at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from olmo_eval.data import DataLoader, DataSource, load_fewshot_set
from olmo_eval.errors import DataError, MissingDependencyError, OlmoEvalError
from olmo_eval.evals.tasks.common import Task
from olmo_eval.evals.tasks.common.fewshot import shots_source


def missing_data(task: Task) -> OlmoEvalError | None:
    """Why the data of ``task``, or its few-shot examples, is not there; None where it is.

    Malformed data is there.
    """
    for look in _lookups(task):
        try:
            with task.card.saying_access():
                look()
        except (DataError, MissingDependencyError) as error:
            return error
    return None


def _lookups(task: Task) -> Iterator[Callable[[], object]]:
    config, loader = task.config, DataLoader()
    if config.data_source is None and type(task).instances is Task.instances:
        yield lambda: _unnamed(task)
    if config.data_source is not None:
        yield lambda: _locate(loader, config.get_data_source())
    shots = shots_source(task)
    if isinstance(shots, str):
        yield lambda: load_fewshot_set(shots)
    elif shots is not None:
        yield lambda: _locate(loader, shots)


def _unnamed(task: Task) -> None:
    raise DataError(
        f"task {task.config.name!r} reads what it is given",
        hint="name the data: -o data_source=PATH_OR_URI",
    )


def _locate(loader: DataLoader, source: DataSource) -> None:
    """Find the files; what is elsewhere is there when its first row can be read."""
    for location in loader.locate(source):
        if location.kind in ("hub", "remote"):
            next(iter(loader.load(source)), None)

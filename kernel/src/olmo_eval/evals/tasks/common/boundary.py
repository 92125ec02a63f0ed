"""The boundary between the kernel and a task file: what a task's code raises is the task's.

A ``Task`` subclass is wrapped when it is made, so that whoever asks a task for something hears
which task and instance it was, and whose code on which line failed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

from olmo_eval import plugins
from olmo_eval.common.types import Instance, LMRequest, SamplingParams
from olmo_eval.errors import PluginError

if TYPE_CHECKING:
    from olmo_eval.evals.tasks.common.task import Task

#: methods of one instance that a task may define, and what they must return
_METHODS: dict[str, type | tuple[type, ...]] = {
    "format_request": LMRequest,
    "get_sampling_params": SamplingParams,
    "oracle": (str, type(None)),
}


def guard(cls: type[Task]) -> None:
    """Wrap what a class itself defines."""
    for name, returns in _METHODS.items():
        method = cls.__dict__.get(name)
        if callable(method):
            setattr(cls, name, of_instance(method, returns))
    for name in ("setup", "user_message"):
        method = cls.__dict__.get(name)
        if inspect.iscoroutinefunction(method):
            setattr(cls, name, _in_episode(method))
    instances = cls.__dict__.get("instances")
    if isinstance(instances, property) and instances.fget is not None:
        cls.instances = property(_reading(instances.fget))  # type: ignore[assignment]


def of_instance(method: Callable[..., Any], returns: type | tuple[type, ...]) -> Callable[..., Any]:
    """A method that takes one instance, with its exceptions as the task's.

    Raises:
        PluginError: the method failed, or returned something else.
    """

    @wraps(method)
    def call(task: Task, instance: Instance, *more: Any, **named: Any) -> Any:
        try:
            returned = method(task, instance, *more, **named)
        except (Exception, SystemExit) as error:
            doing = f"{method.__name__} of {_which(task)}, instance {_id(instance)!r},"
            plugins.raise_fault(error, doing, *_homes(task))
            raise
        if not isinstance(returned, returns):
            raise unexpected(returned, returns, f"{method.__name__} of {_which(task)}")
        return returned

    return call


def _in_episode(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """A method that takes an episode, with its exceptions as the task's."""

    @wraps(method)
    async def call(task: Task, episode: Any, *more: Any) -> Any:
        try:
            return await method(task, episode, *more)
        except (Exception, SystemExit) as error:
            doing = f"{method.__name__} of {_which(task)}, instance {_id(episode.instance)!r},"
            plugins.raise_fault(error, doing, *_homes(task))
            raise

    return call


def _reading(get: Callable[[Task], Iterable[Instance]]) -> Callable[[Task], Any]:
    """The property ``instances``, whether it yields or returns a list."""

    @wraps(get)
    def instances(task: Task) -> Any:
        try:
            found = get(task)
        except (Exception, SystemExit) as error:
            plugins.raise_fault(error, f"instances of {_which(task)}", *_homes(task))
            raise
        return found if isinstance(found, Collection) else _read(task, iter(found))

    return instances


def _read(task: Task, found: Iterator[object]) -> Iterator[Instance]:
    number = 0
    while True:
        number += 1
        try:
            instance = next(found)
        except StopIteration:
            return
        except (Exception, SystemExit) as error:
            doing = f"instances of {_which(task)}, at instance number {number:,},"
            plugins.raise_fault(error, doing, *_homes(task))
            raise
        if not isinstance(instance, Instance):
            where = f"instances of {_which(task)}, at number {number:,},"
            raise unexpected(instance, Instance, where)
        yield instance


def unexpected(returned: Any, kinds: type | tuple[type, ...], what: str) -> PluginError:
    """The error that ``what`` returned something that is of none of ``kinds``."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
    return PluginError(f"{what} gave {returned!r:.60} instead of {wanted}")


def _which(task: Task) -> str:
    return f"task {task.config.name!r}"


def _homes(task: Task) -> tuple[str, str]:
    """The modules of the objects that make a task's requests."""
    return type(task).__module__, type(task.config.formatter).__module__


def _id(instance: Instance) -> str:
    return str(getattr(instance, "id", "?"))

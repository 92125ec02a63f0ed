"""How a plugin's hooks are called: for their owner, and so that none can harm another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from olmo_eval import hookspecs
from olmo_eval.errors import PluginError
from olmo_eval.registry import Owner, owned_by

#: every hook that there is
HOOKS = frozenset(name for name, f in vars(hookspecs).items() if hasattr(f, "olmo_eval_spec"))
#: hooks that are told what happens and change nothing
OBSERVERS = frozenset({"run_started", "instance_scored", "task_finished", "run_finished"})

Hook = Callable[..., Any]


def check_api(module: ModuleType, owner: Owner) -> None:
    """See that a plugin was written for an API that this olmo-eval has; one that does not say is
    taken as it is.

    Raises:
        PluginError: it needs another, or what it says is no version.
    """
    wanted = getattr(module, "OLMO_EVAL_API", None)
    if wanted is None:
        return
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise PluginError(f"{owner}: OLMO_EVAL_API must be an integer, not {wanted!r}")
    if hookspecs.OLDEST_API <= wanted <= hookspecs.API:
        return
    upgrade = "olmo-eval" if wanted > hookspecs.API else owner.distribution
    raise PluginError(
        f"{owner} is written for version {wanted} of the plugin API; this olmo-eval has "
        f"{hookspecs.API}: upgrade {upgrade}"
    )


def marked(module: ModuleType) -> dict[str, Hook]:
    """The functions of a module that are marked as hooks."""
    functions = {name: f for name, f in vars(module).items() if inspect.isfunction(f)}
    return {name: f for name, f in functions.items() if hasattr(f, "olmo_eval_impl")}


def hook_name(function: Hook, name: str) -> str:
    """Which hook the function ``name`` implements."""
    options: dict[str, Any] = function.olmo_eval_impl  # type: ignore[attr-defined]
    return options.get("specname") or name


def isolated(function: Hook, owner: Owner, failed: Callable[[BaseException], None]) -> Hook:
    """A hook that registers for ``owner`` and hands what it raises to ``failed``.

    Pluggy calls it like the hook itself, with all that ``hookimpl`` can say of it: order,
    ``specname``, wrappers.
    """

    @wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            with owned_by(owner):
                return function(*arguments)
        except (Exception, SystemExit) as error:
            failed(error)
            return None

    options = function.olmo_eval_impl  # type: ignore[attr-defined]
    if _is_wrapper(options) and inspect.isgeneratorfunction(function):
        return _isolated_wrapper(function, owner, failed)
    return call


def _isolated_wrapper(
    function: Hook, owner: Owner, failed: Callable[[BaseException], None]
) -> Hook:
    """``isolated`` for a generator: what it raises before or after its ``yield`` changes nothing of
    what the other implementations return or raise."""

    @wraps(function)
    def wrap(*arguments: Any) -> Generator[Any, Any, Any]:
        around = function(*arguments)
        try:
            with owned_by(owner):
                next(around)
        except StopIteration:
            failed(PluginError("the wrapper ended without a yield"))
            return (yield)
        except (Exception, SystemExit) as error:
            failed(error)
            return (yield)
        result = inner = None
        try:
            result = yield
        except BaseException as error:
            inner = error
        try:
            with owned_by(owner):
                around.send(result) if inner is None else around.throw(inner)
        except StopIteration as end:
            return end.value
        except (Exception, SystemExit) as error:
            if error is not inner:
                failed(error)
        else:
            failed(PluginError("the wrapper yields more than once"))
        if inner is not None:
            raise inner
        return result

    return wrap


def mistakes(module: ModuleType) -> Iterator[tuple[str, PluginError]]:
    """Functions of a plugin that look like hooks and would do nothing, each with what is wrong."""
    for name, function in vars(module).items():
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        wrong = hint = ""
        options = getattr(function, "olmo_eval_impl", None)
        if options is None and name in HOOKS:
            wrong = "is not marked as a hook, so nothing calls it"
            hint = "put @olmo_eval.hookimpl above it, or give it another name"
        elif options is not None and inspect.iscoroutinefunction(function):
            wrong, hint = "is asynchronous", "hooks are plain functions"
        elif inspect.isgeneratorfunction(function) and options and not _is_wrapper(options):
            wrong, hint = "yields", "say hookimpl(wrapper=True), or return instead"
        if wrong:
            place = f"{module.__file__}:{function.__code__.co_firstlineno}"
            yield name, PluginError(f"{name} ({place}) {wrong}", hint=hint)


def _is_wrapper(options: dict[str, Any]) -> bool:
    return bool(options.get("wrapper") or options.get("hookwrapper"))

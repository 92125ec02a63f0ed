"""External evals by name, as functions: for notebooks, scripts and task packs."""

from __future__ import annotations

from typing import Any

from olmo_eval import plugins
from olmo_eval.evals.external.external import ExternalEval

#: what an eval says of itself, and an object of it may say for itself
_SAID = ("name", "description", "arguments", "metrics", "required_secrets", "timeout_seconds")


def register_external_eval(eval_instance: ExternalEval) -> ExternalEval:
    """Register an external eval under its name: an object of a class, or the class itself."""
    made = eval_instance() if isinstance(eval_instance, type) else eval_instance
    plugins.add("external_evals", made.name, _as_class(made))
    return eval_instance


def _as_class(made: ExternalEval) -> type[ExternalEval]:
    """A class whose objects are like ``made``, and which says what that says of itself."""
    cls = type(made)

    def restore(self: Any) -> None:
        self.__dict__.update(made.__dict__)

    said: dict[str, Any] = {name: getattr(made, name) for name in _SAID}
    kept = {"__module__": cls.__module__, "__doc__": cls.__doc__, "__qualname__": cls.__qualname__}
    return type(cls.__name__, (cls,), {**kept, **said, "__init__": restore})


def get_external_eval(name: str) -> ExternalEval:
    """An object of the external eval called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    found: type[ExternalEval] = plugins.manager().registry("external_evals").get(name)
    return found()


def list_external_evals() -> list[str]:
    """The names of all registered external evals, in order."""
    return plugins.manager().registry("external_evals").names()


def is_external_eval_registered(name: str) -> bool:
    """Whether an external eval is registered under ``name``."""
    return name in plugins.manager().registry("external_evals")


def load_external_evals() -> None:
    """Import the external evals of every plugin."""
    for name in list_external_evals():
        plugins.manager().registry("external_evals").get(name)


def clear_registry() -> None:
    """Forget every external eval of this process: for tests of packs."""
    plugins.manager().registry("external_evals").clear()

"""The options below ``provider.kwargs``: typed settings of a provider, the rest for its engine."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import fields

from olmo_eval.common.convert import structure
from olmo_eval.common.suggest import did_you_mean, misspelt
from olmo_eval.errors import UsageError
from olmo_eval.providers.provider import ProviderConfig

T = TypeVar("T")

_WHERE = "provider.kwargs"


def read_options(
    config: ProviderConfig, settings: type[T], *, passes_on: bool
) -> tuple[T, dict[str, Any]]:
    """``config.kwargs`` as ``settings`` (an attrs class), and those that it does not name.

    ``passes_on`` says that the engine takes further options, so that only what looks like a slip
    of the provider's own is refused; otherwise every unknown name is.

    Raises:
        UsageError: naming the option: it is unknown, misspelt, of the wrong type or out of range.
    """
    known = [f.name for f in fields(settings)]  # type: ignore[arg-type]
    rest = {name: value for name, value in config.kwargs.items() if name not in known}
    for name in sorted(rest):
        if not passes_on or misspelt(name, known):
            raise UsageError(
                f"{_WHERE}.{name}: there is no such option",
                hint=did_you_mean(name, known, otherwise=f"known options: {', '.join(known)}"),
            )
    own = {name: value for name, value in config.kwargs.items() if name in known}
    return structure(own, settings, where=_WHERE), rest

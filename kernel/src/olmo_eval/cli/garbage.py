"""How often Python looks for cycles among the objects of a command that makes very many of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: objects made, and not freed, before the youngest are looked at; Python's own number is 700
_YOUNGEST = 20_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for cycles rarely, and never among what is there already: modules and plans stay.

    A run makes and frees hundreds of objects an instance, few of them in cycles; looking for these
    as often as Python does by itself takes a twentieth of a run whose engine is instant.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()

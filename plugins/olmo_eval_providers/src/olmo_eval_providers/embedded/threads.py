"""Keeping numpy's matrix products on one thread.

The products here are small. Spread over threads they are up to ten times slower, and they take
every core of a machine that has other work.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial

Limit = Callable[[], AbstractContextManager[object]]


@cache
def single_thread() -> Limit:
    """Makes contexts in which BLAS uses one thread; what other code uses is restored after.

    Without threadpoolctl the libraries keep their own setting (``OPENBLAS_NUM_THREADS``).
    """
    if importlib.util.find_spec("threadpoolctl") is None:
        return nullcontext
    # Finding the loaded libraries takes milliseconds, limiting them microseconds.
    controller = importlib.import_module("threadpoolctl").ThreadpoolController()
    limit: Limit = partial(controller.limit, limits=1, user_api="blas")
    return limit

"""Tails and quantiles of the normal, t, binomial and beta distributions.

`scipy.special` is imported at first use, because it takes longer to import than numpy and most
commands never need it: the interval of a binary score needs only the normal quantile, which the
standard library has.
"""

from __future__ import annotations

import functools
import importlib
import math
import sys
from statistics import NormalDist
from types import ModuleType

SMALLEST_P = sys.float_info.min
"""A p-value is never reported as exactly zero; an underflow stops here."""


_NORMAL = NormalDist()


@functools.cache
def special() -> ModuleType:
    """`scipy.special`."""
    return importlib.import_module("scipy.special")


def normal_quantile(probability: float) -> float:
    """z such that P(Z <= z) = probability, which is above 0 and below 1."""
    return _NORMAL.inv_cdf(probability)


def normal_cdf(z: float) -> float:
    """P(Z <= z)."""
    return float(special().ndtr(z))


def t_quantile(probability: float, df: float) -> float:
    """t such that P(T_df <= t) = probability; df = inf is the normal distribution."""
    if math.isinf(df):
        return normal_quantile(probability)
    return float(special().stdtrit(df, probability))


def t_cdf(t: float, df: float) -> float:
    """P(T_df <= t); df = inf is the normal distribution."""
    if math.isinf(df) or math.isinf(t):
        return normal_cdf(t)
    return float(special().stdtr(df, t))


def t_two_sided(t: float, df: float) -> float:
    """P(|T_df| >= |t|), in (0, 1]."""
    return probability(2.0 * t_cdf(-abs(t), df))


def binomial_cdf(k: int, n: int, p: float = 0.5) -> float:
    """P(X <= k) for X ~ Binomial(n, p); 0 for k < 0."""
    return 0.0 if k < 0 else float(special().bdtr(k, n, p))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """x such that P(Beta(a, b) <= x) = probability."""
    return float(special().betaincinv(a, b, probability))


def probability(value: float) -> float:
    """A p-value forced into (0, 1]."""
    return min(1.0, max(SMALLEST_P, value))

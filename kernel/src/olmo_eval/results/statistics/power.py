"""Power: the smallest effect a sample can detect, and the sample an effect needs."""

from __future__ import annotations

import math

from olmo_eval.results.statistics.distributions import normal_quantile

ALPHA = 0.05
POWER = 0.8


def detection_factor(alpha: float = ALPHA, power: float = POWER) -> float:
    """z_{1-alpha/2} + z_power: 2.80 standard errors at alpha 0.05 (two-sided), power 0.8."""
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: expected a number between 0 and 1, got {value}")
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)


def minimum_detectable_effect(stderr: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """(z_{1-alpha/2} + z_power) SE, in the units of the score (Miller 2024).

    With the standard error of one score: the smallest true distance from a fixed reference value
    that a two-sided test at `alpha` finds with probability `power`. With the standard error of a
    paired difference: the smallest true difference between the two models.
    """
    return detection_factor(alpha, power) * stderr


def paired_binary_mde(
    n: int, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> float:
    """Detectable difference of two accuracies on the same n questions, before either is run.

    `discordance` is the share of questions on which the two models differ; a small difference has
    the variance Var(d) = discordance, so the effect is (z + z) sqrt(discordance / n).
    """
    if n < 1 or not 0 <= discordance <= 1:
        raise ValueError(f"expected n >= 1 and a share in [0, 1], got n={n}, {discordance}")
    return detection_factor(alpha, power) * math.sqrt(discordance / n)


def sampled_mde(
    n: int,
    between: float,
    within_a: float,
    samples_a: int,
    within_b: float,
    samples_b: int,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float:
    """Detectable paired difference with several samples a question (Miller 2024).

    (z + z) sqrt((between + within_a / samples_a + within_b / samples_b) / n), where `between` is
    the variance over questions of the difference of the two models' expected scores, and
    `within_*` each model's mean variance over samples of one question (see `variance_components`).
    """
    if min(n, samples_a, samples_b) < 1 or min(between, within_a, within_b) < 0:
        raise ValueError("expected n and the samples to be >= 1 and the variances to be >= 0")
    variance = between + within_a / samples_a + within_b / samples_b
    return detection_factor(alpha, power) * math.sqrt(variance / n)


def required_n(variance: float, effect: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Questions needed to detect `effect`: ceil((z + z)^2 variance / effect^2).

    `variance` is that of one question's score (or paired difference); for clustered questions use
    n SE^2 of an existing sample, which contains the design effect. Raises ValueError for effect 0.
    """
    if effect == 0 or variance < 0:
        raise ValueError(f"expected a non-zero effect, variance >= 0; got {effect}, {variance}")
    return math.ceil((detection_factor(alpha, power) / effect) ** 2 * variance)


def questions_needed(
    n: int,
    stderr: float | None,
    difference: float,
    margin: float | None = None,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int | None:
    """About how many more questions would settle an undecided comparison; None if that is unknown.

    It takes the observed difference and the observed variance n SE^2 as the true ones and asks for
    the cheaper of two ends: a difference found at `alpha`, SE <= |difference| / (z_{1-alpha/2} +
    z_power); or, with a margin, equivalence shown, SE <= (margin - |difference|) / (z_{1-alpha} +
    z_power). A planning figure: the observed difference is itself uncertain.
    """
    if not stderr:
        return None
    targets = []
    if difference:
        targets.append(abs(difference) / detection_factor(alpha, power))
    if margin is not None and abs(difference) < margin:
        one_sided = normal_quantile(1 - alpha) + normal_quantile(power)
        targets.append((margin - abs(difference)) / one_sided)
    if not targets:
        return None
    needed = n * (stderr / max(targets)) ** 2
    return max(1, math.ceil(needed) - n) if math.isfinite(needed) else None

"""How measurements are judged: an `Outcome` per claim.

Every judgement states the smallest error it could have seen (its resolution) and must reject its
negative controls.  A judgement that could not have seen an error of the size that matters, or that
lets a control pass, is *inconclusive*, whatever the statistic says.
"""

from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

HOLDS, FAILS, INCONCLUSIVE, NOT_RUN = "holds", "fails", "inconclusive", "not run"
FAMILY_WISE = 1e-4  # false-alarm rate of all statistical claims together
COMPARISONS = 8000  # no default run of all experiments makes more; each experiment tests its share
ROUNDING = 1e-5  # relative slack for float32 sums


class Outcome(NamedTuple):
    """A verdict with the numbers behind it; `controls` maps each negative control to whether it
    was rejected."""

    verdict: str
    statistic: float
    threshold: float
    resolution: float
    n: int
    controls: Mapping[str, bool]


def critical_z(comparisons: int) -> float:
    """Two-sided normal quantile at the family-wise rate over so many comparisons (Bonferroni)."""
    return -NormalDist().inv_cdf(FAMILY_WISE / (2 * comparisons))


def _excess(mean, sem, law):
    """|mean − law| beyond rounding, in standard errors; one that is zero (nothing varied) counts
    as a thousandth of the rounding.  NaN stays NaN."""
    gap = np.maximum(np.abs(mean - law) - ROUNDING * np.abs(law), 0.0)
    return gap / np.maximum(sem, 1e-3 * ROUNDING * np.maximum(np.abs(law), np.abs(mean)))


def agreement(mean, sem, law, controls, *, n: int, z: float, finest: float) -> Outcome:
    """Kind *mean*: does every mean agree with the law, |mean − law| ≤ z·sem + 1e-5·|law|?

    mean, sem, law: arrays of one shape; `controls`: name → array of that shape, or NaN where the
    control does not apply.  A control counts where it differs from the law by more than the
    resolution; one that differs nowhere is not listed.  Inconclusive if the resolution, the largest
    (z·sem + 1e-5·|law|)/|law|, exceeds `finest`.
    """
    statistic = float(_excess(mean, sem, law).max())
    resolution = float((z * sem / np.abs(law)).max() + ROUNDING)
    rejected = {}
    for name, wrong in controls.items():
        differs = np.abs(wrong - law) > 2 * z * sem + ROUNDING * np.abs(law)
        if differs.any():
            rejected[name] = bool(_excess(mean, sem, wrong)[differs].max() > z)
    if not np.isfinite([statistic, resolution]).all():
        verdict = INCONCLUSIVE
    elif statistic > z:
        verdict = FAILS
    else:
        verdict = _sharp(resolution <= finest, rejected)
    return Outcome(verdict, statistic, z, resolution, n, rejected)


def within(value, half_width, band, controls, *, n: int) -> Outcome:
    """Kind *approximation*: do all values, with their intervals, lie in the declared band?

    value, half_width: arrays; `band` (low, high); `controls`: name → array of values a wrong law
    would give.  Holds if every interval is inside, fails if one is wholly outside, otherwise
    inconclusive.  The statistic is the value farthest from the band's middle.
    """
    value, half_width = np.atleast_1d(value), np.broadcast_to(half_width, np.shape(value))
    low, high = band
    middle = 0.5 * (low + high)
    farthest = float(value.flat[np.argmax(np.abs(value - middle))])
    outside = (value - half_width > high) | (value + half_width < low)
    inside = (value + half_width <= high) & (value - half_width >= low)
    rejected = {
        name: bool(((wrong > high) | (wrong < low)).any()) for name, wrong in controls.items()
    }
    if not np.isfinite(value).all():
        verdict = INCONCLUSIVE
    elif outside.any():
        verdict = FAILS
    else:
        verdict = _sharp(bool(inside.all()), rejected)
    bound = high if farthest > middle else low
    return Outcome(verdict, farthest, bound, float(np.max(half_width)), n, rejected)


def covers(value, low, high, stated, controls, *, n: int, unsure: float) -> Outcome:
    """Kind *exponent*: does an interval of a fitted constant hold a stated one?

    `controls`: name → a constant that somebody else states, or nobody; each must lie outside.  Ends
    of a resampled interval are unsure themselves: a stated constant within `unsure` of an end, as a
    share of the interval's width, decides nothing.  The statistic is the fitted constant, the
    threshold the stated one, the resolution half the interval.
    """
    inside = min(stated - low, high - stated) / (high - low)
    rejected = {name: not low <= wrong <= high for name, wrong in controls.items()}
    verdict = FAILS if inside < -unsure else _sharp(inside > unsure, rejected)
    return Outcome(verdict, float(value), stated, 0.5 * float(high - low), n, rejected)


def exceeds(difference, sem, controls, *, n: int, z: float) -> Outcome:
    """Kind *optimality*: is every (paired) difference above zero, by more than z·sem?

    `controls`: name → (difference, sem) of a case in which it must not be.  The statistic is the
    smallest difference in standard errors; the resolution that of the smallest difference that
    could have been seen, z·sem, in the unit of the difference.
    """
    ratio = np.atleast_1d(difference / sem)
    smallest = float(ratio.min())
    rejected = {
        name: bool(np.min(np.atleast_1d(wrong) / other) <= z)
        for name, (wrong, other) in controls.items()
    }
    verdict = FAILS if smallest < -z else _sharp(smallest > z, rejected)
    return Outcome(verdict, smallest, z, float(np.max(z * sem)), n, rejected)


def monotone(mean, sem, controls, *, n: int, z: float, finest: float) -> Outcome:
    """Kind *mean*: does a curve never fall below an earlier point, but for noise and rounding?

    `controls`: name → (mean, sem) of curves that do fall.  The statistic is the largest fall in
    standard errors.
    """

    def largest_fall(y, dy):
        falls = (
            (y[i] - y[j] - ROUNDING * y[i]) / np.hypot(dy[i], dy[j])
            for j in range(1, len(y))
            for i in range(j)
        )
        return float(max(falls))

    statistic = max(largest_fall(mean, sem), 0.0)
    resolution = float((z * np.sqrt(2) * sem / mean).max() + ROUNDING)
    rejected = {name: largest_fall(*curve) > z for name, curve in controls.items()}
    verdict = FAILS if statistic > z else _sharp(resolution <= finest, rejected)
    return Outcome(verdict, statistic, z, resolution, n, rejected)


def exponent(x, mean, sem, value: float, rival: float, *, n: int, z: float) -> Outcome:
    """Kind *exponent*: is d ln mean/d ln x within 0.05 of `value`, its interval excluding `rival`?

    The slope is the weighted least-squares one; the interval is ± z standard errors, which is also
    the resolution.  The statistic is the slope, the threshold the rival.
    """
    log_x, weight = np.log(x), (mean / sem) ** 2
    centred = log_x - np.average(log_x, weights=weight)
    information = (weight * centred**2).sum()
    slope = float((weight * centred * np.log(mean)).sum() / information)
    half = float(z / np.sqrt(information))
    if abs(slope - value) - half > 0.05:
        verdict = FAILS
    else:
        excluded = abs(slope - rival) > half
        verdict = _sharp(excluded and abs(slope - value) + half <= 0.1, {})
    return Outcome(verdict, slope, rival, half, n, {f"exponent {rival}": abs(slope - rival) > half})


def _sharp(sharp_enough: bool, rejected: Mapping[str, bool]) -> str:
    return HOLDS if sharp_enough and all(rejected.values()) else INCONCLUSIVE

"""Monte-Carlo estimates with their standard errors.

Independent draws x₁ … x_n of a few statistics are reduced, chunk by chunk, to `Moments`
(count, mean, M2, largest deviation).  Chunks are reduced on the device in the simulation's own
dtype and merged here in float64, so memory does not grow with n and long sums lose nothing.

An `Estimate` carries the mean, its standard error and n.  When nothing varied, the standard error
is not zero but the rule-of-three bound; when a single draw dominates, `heavy` says so.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
HEAVY_SHARE = 0.5  # of the sum of squared deviations, in one draw
ROUNDING = 1e-6  # relative spread below which float32 draws did not vary


class Estimate(NamedTuple):
    """A mean, its standard error (both in the quantity's unit) and the number of draws behind it.

    `heavy` is True when one draw holds over half of the sum of squared deviations: the standard
    error is then not to be trusted.  `varied` is False when no two draws differed.
    """

    mean: float
    sem: float
    n: int
    heavy: bool = False
    varied: bool = True

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, mean ± 1.96 sem."""
        return self.mean - Z95 * self.sem, self.mean + Z95 * self.sem


class Moments(NamedTuple):
    """Streaming moments of p statistics: n; mean (p,); M2 = Σ(x−mean)(x−mean)ᵀ (p, p); and the
    largest squared deviation from its chunk's mean (p,)."""

    n: int
    mean: np.ndarray
    m2: np.ndarray
    largest: np.ndarray


def chunk_moments(x):
    """Reduce one chunk x (m, p) on the device to (mean, M2, largest), in x's dtype."""
    mean = x.mean(0)
    deviation = x - mean
    m2 = jnp.matmul(deviation.T, deviation, precision=jax.lax.Precision.HIGHEST)
    return mean, m2, (deviation**2).max(0)


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of two disjoint sets of draws together (Chan, Golub & LeVeque 1979)."""
    n = a.n + b.n
    delta = b.mean - a.mean
    return Moments(
        n,
        a.mean + delta * (b.n / n),
        a.m2 + b.m2 + np.outer(delta, delta) * (a.n * b.n / n),
        np.maximum(a.largest, b.largest),
    )


def merged(size: int, chunks: Iterable[tuple]) -> Moments:
    """Moments of chunks of `size` draws each, given as (mean, M2, largest) per chunk."""
    as64 = (Moments(size, *(np.asarray(part, np.float64) for part in chunk)) for chunk in chunks)
    return reduce(merge, as64)


def mean_estimate(moments: Moments, index: int, span: float) -> Estimate:
    """Mean of statistic `index`.

    `span` bounds max − min of one draw.  If no two draws differed, a value that has probability p
    stays unseen in n draws with probability (1−p)ⁿ, so p ≤ 3/n at 95 % (rule of three) and the
    mean is within 3·span/n; the standard error returned makes the 95 % interval that wide.  A
    spread below float32 rounding counts as none.
    """
    n, mean, m2 = moments.n, float(moments.mean[index]), float(moments.m2[index, index])
    if n < 2:
        raise ValueError("an estimate needs at least two draws")
    if m2 <= n * (ROUNDING * mean) ** 2:
        return Estimate(mean, 3.0 * span / n / Z95, n, varied=False)
    heavy = bool(moments.largest[index] > HEAVY_SHARE * m2)
    return Estimate(mean, float(np.sqrt(m2 / n / (n - 1))), n, heavy)


def propagate(
    f: Callable[[np.ndarray], float],
    gradient: np.ndarray,
    parts: tuple[Estimate, ...],
    covariance: np.ndarray | None = None,
) -> Estimate:
    """Estimate of f(means) by the delta method.

    `gradient` (p,) is ∇f at the means; `covariance` (p, p) that of the means, diagonal
    (independent parts) unless given.  First order: good while the relative errors are small.
    """
    means = np.array([part.mean for part in parts])
    sems = np.array([part.sem for part in parts])
    cov = np.diag(sems**2) if covariance is None else covariance.copy()
    np.fill_diagonal(cov, sems**2)
    sem = float(np.sqrt(max(gradient @ cov @ gradient, 0.0)))
    heavy, varied = (any(flags) for flags in zip(*(part[3:] for part in parts), strict=True))
    return Estimate(f(means), sem, min(part.n for part in parts), heavy, varied)


def paired_difference(a, b) -> Estimate:
    """Mean of a − b over draws that shared their random numbers; a, b (n,)."""
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    chunk = chunk_moments(jnp.asarray(difference[:, None]))
    span = float(np.abs(difference).max())
    return mean_estimate(merged(len(difference), [chunk]), 0, span)

"""Gradient noise scales from sums over groups of samples, with intervals.

Samples are split at random into K groups, and each group's mean gradient, mean of squares and
summed squared norms are kept; every scale is a function of these.  Two questions have two answers:

* `population`: the samples *are* the population.  Exact; nothing is corrected.
* `distribution`: they are one draw of n from a distribution, and another draw would have differed.
  Biases of sampling are removed or bounded, and the standard error is the jackknife's over groups.

With few groups the jackknife's error is itself uncertain: it is widened by t(K−1)/z, so that the 95
% interval, mean ± 1.96 sem, is that of Student's t.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from sim.estimate import Z95, Estimate


class Measured(NamedTuple):
    """One quantity, of the samples as a `population` (its sem is that of Monte Carlo, 0 where
    exact) and of the `distribution` that they were drawn from."""

    population: Estimate
    distribution: Estimate


class NormScale(NamedTuple):
    """A noise scale (a/‖G‖)² in a norm whose square has no unbiased estimate.

    `population`: of the samples.  That of the distribution lies between `low` and `high`, up to
    their standard errors: E‖Ĝ‖ ≥ ‖G‖ for every norm (Jensen), and ⟨V(Ĝ′), Ĝ⟩ ≤ ‖G‖ in the mean for
    independent Ĝ′ and Ĝ where V(G) is the direction of unit dual norm with ⟨V(G), G⟩ = ‖G‖.
    """

    population: float
    low: Estimate
    high: Estimate


class Groups(NamedTuple):
    """Per group of samples: `counts` (K,); `means` of gradients and of their squares, `squares`
    (K, d); `norms2` (K,) sums of squared norms of per-sample gradients."""

    counts: np.ndarray
    means: np.ndarray
    squares: np.ndarray
    norms2: np.ndarray

    @property
    def everything(self) -> np.ndarray:
        return np.arange(self.counts.size)

    def mean(self, kept: np.ndarray) -> np.ndarray:
        """Mean gradient (d,) of the groups `kept`."""
        return _weighted(self.means, self.counts, kept)

    def deviation(self, kept: np.ndarray) -> np.ndarray:
        """σ (d,) of the groups `kept` as a population; 0 where it is within rounding of 0."""
        square = _weighted(self.squares, self.counts, kept)
        variance = square - self.mean(kept) ** 2
        rounding = 32 * np.finfo(self.means.dtype).eps
        return np.sqrt(np.where(variance > rounding * square, variance, 0))


def _weighted(rows: np.ndarray, counts: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Row by row: a (K, d) array in float64 would be twice what is kept."""
    total = np.zeros(rows.shape[1])
    for k in kept:
        total += rows[k] * (counts[k] / counts[kept].sum())
    return total


def widened(groups: int) -> float:
    """t/z at 95 %, for a standard error of `groups` independent parts."""
    return float(stdtrit(groups - 1, 0.975)) / Z95


def jackknife(statistic: Callable[[np.ndarray], float], groups: int) -> Estimate:
    """`statistic(kept)` at all groups, its sem from leaving out each in turn:
    √((K−1)/K Σ_k (s_k − s̄)²), widened.  NaN where a replicate is not finite."""
    everything = np.arange(groups)
    left = np.array([statistic(np.delete(everything, k)) for k in everything])
    sem = (
        np.sqrt((groups - 1) * left.var()) * widened(groups) if np.isfinite(left).all() else np.nan
    )
    return Estimate(float(statistic(everything)), float(sem), groups)


def exact(value: float, count: int) -> Estimate:
    return Estimate(float(value), 0.0, count)


def _population_trace(groups: Groups, kept: np.ndarray) -> tuple[float, float, int]:
    """|Ĝ|², tr Σ̂ (dividing by n) and n."""
    n = int(groups.counts[kept].sum())
    squared = float(np.sum(groups.mean(kept) ** 2))
    return squared, float(groups.norms2[kept].sum()) / n - squared, n


def gradient_squared(groups: Groups, kept: np.ndarray) -> float:
    """|G|² without bias: |Ĝ|² − tr Σ̂/(n−1), Σ̂ dividing by n: the mean of g_k·g_l over k ≠ l."""
    squared, trace, n = _population_trace(groups, kept)
    return squared - trace / (n - 1)


def noise_trace(groups: Groups, kept: np.ndarray) -> float:
    """tr Σ without bias: Σ̂ dividing by n − 1."""
    _, trace, n = _population_trace(groups, kept)
    return trace * n / (n - 1)


def b_simple(groups: Groups, kept: np.ndarray) -> float:
    """tr Σ/|G|², a ratio of unbiased estimates; inf where that of |G|² is not above zero, the
    noise being all there is to see.  Source: McCandlish et al. 2018 (1812.06162), eq. (2.9)."""
    squared = gradient_squared(groups, kept)
    return noise_trace(groups, kept) / squared if squared > 0 else np.inf


def euclidean(groups: Groups) -> dict[str, Measured]:
    """|G|², tr Σ and B_simple."""
    squared, trace, n = _population_trace(groups, groups.everything)
    found = {
        "gradient_squared": (squared, gradient_squared),
        "noise_trace": (trace, noise_trace),
        "b_simple": (trace / squared if squared > 0 else np.inf, b_simple),
    }
    return {
        name: Measured(
            exact(value, n), jackknife(lambda kept, f=f: f(groups, kept), groups.counts.size)
        )
        for name, (value, f) in found.items()
    }


def l1_scale(groups: Groups) -> NormScale:
    """(‖σ‖₁/‖μ‖₁)², for sign descent.  Source: Naganuma et al. 2026 (2602.03001).

    ‖σ̂‖₁ divides by n − 1 for the distribution; its own bias, of relative order kurtosis/(8n), is
    left.
    """

    def noise(kept):
        return float(groups.deviation(kept).sum())

    return norm_scale(groups, np.sign, noise)


def norm_scale(
    groups: Groups,
    direction: Callable[[np.ndarray], np.ndarray],
    noise: Callable[[np.ndarray], float],
) -> NormScale:
    """(a/‖G‖)² with ‖G‖ = ⟨V(G), G⟩, V = `direction`, and a = `noise(kept)`, dividing by n."""
    k, everything = groups.counts.size, groups.everything
    whole = groups.mean(everything)
    upper = float(direction(whole) @ whole)
    noises = {k: noise(everything)} | {j: noise(np.delete(everything, j)) for j in range(k)}
    uppers, crossed = {k: upper}, []
    for j in everything:
        rest = groups.mean(np.delete(everything, j))
        v = direction(rest)
        uppers[j] = float(v @ rest)
        crossed.append(float(v @ groups.means[j]))
    n = groups.counts.sum()
    weights = groups.counts / n

    def size(kept):
        """1 where nothing is left out, and n/(n−1) for the variance."""
        left = groups.counts[kept].sum()
        return _out(kept, k), left / (left - 1)

    def low(kept):
        out, unbiased = size(kept)
        return unbiased * _squared_ratio(noises[out], uppers[out])

    def high(kept):
        out, unbiased = size(kept)
        lower = float(np.average(np.array(crossed)[kept], weights=weights[kept]))
        return unbiased * _squared_ratio(noises[out], lower)

    return NormScale(
        _squared_ratio(noises[k], upper), jackknife(low, k), _within(jackknife(high, k))
    )


def _out(kept: np.ndarray, groups: int) -> int:
    """The group that is left out; `groups` if none is."""
    missing = np.setdiff1d(np.arange(groups), kept)
    return int(missing[0]) if missing.size else groups


def _squared_ratio(noise: float, norm: float) -> float:
    return (noise / norm) ** 2 if norm > 0 else np.inf


def _within(estimate: Estimate) -> Estimate:
    """An upper end that is infinite is known to be no better than that."""
    return estimate if np.isfinite(estimate.mean) else estimate._replace(sem=np.inf)


class Histogram(NamedTuple):
    """Counts of πσ_i²/(2μ_i²) (in samples) between `edges`, a quarter of a decade each; apart from
    them `no_mean` coordinates with μ = 0 < σ, `no_noise` with σ = 0 ≠ μ and `still` with neither.

    Source: Li et al. 2024 (2405.14578), Fig. 2(a).
    """

    edges: np.ndarray
    counts: np.ndarray
    no_mean: int
    no_noise: int
    still: int


def histogram(mean: np.ndarray, deviation: np.ndarray) -> Histogram:
    """Of μ and σ (d,)."""
    both = (mean != 0) & (deviation > 0)
    logs = np.log10(np.pi / 2) + 2 * np.log10(deviation[both] / np.abs(mean[both]))
    ends = (np.floor(4 * logs.min()), np.ceil(4 * logs.max())) if both.any() else (0, 1)
    quarters = np.arange(ends[0], max(ends[1], ends[0] + 1) + 1) / 4
    counts, _ = np.histogram(logs, quarters)
    return Histogram(
        10.0**quarters,
        counts,
        int(((mean == 0) & (deviation > 0)).sum()),
        int(((mean != 0) & (deviation == 0)).sum()),
        int(((mean == 0) & (deviation == 0)).sum()),
    )

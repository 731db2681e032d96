"""Curvatures of a network along its own mean gradient, group of samples by group.

Samples are split into K groups with mean gradients G_A and mean-loss Hessians H_C.  The whole's are
Ĝ = Σ w_A G_A and Ĥ = Σ w_C H_C, so that the tensor F[A, B, C] = G_Aᵀ H_C G_B holds both answers to
GᵀHG: that of the samples as a population, Σ w_A w_B w_C F, and one without bias for the
distribution behind them, the mean over triples of distinct groups, whose noises are independent.
r = μ/σ likewise.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from sim.directions import hessian_product, quadratic_form
from sim.estimate import Estimate
from sim.noise_scales import Groups, Measured, jackknife, widened
from sim.sample_losses import FlatLoss, Stream

Diagonal = Callable[[Stream], np.ndarray]  # exact H_ii (d,) of some samples' mean loss


class Curvatures(NamedTuple):
    """Per group of samples C, and pair of groups A, B.

    gradient: G_Aᵀ H_C G_B; ratio: r_Aᵀ H_C r_B with r_A = G_A/σ (0 where σ = 0); ratio_diagonal:
    Σ_i r_Ai r_Bi H_C,ii; (K, K, K) each, axes A, B, C.  sign: sᵀH_C s with s = sign μ (K,).
    trace: tr H_C, and ratio_squares: Σ_i r_i² H_C,ii, of each probe (K, probes).
    diagonal and diagonal_sem: H_ii and its Monte-Carlo error (d,).
    """

    gradient: np.ndarray
    ratio: np.ndarray
    ratio_diagonal: np.ndarray
    sign: np.ndarray
    trace: np.ndarray
    ratio_squares: np.ndarray
    diagonal: np.ndarray
    diagonal_sem: np.ndarray


def curvatures(
    loss: FlatLoss,
    theta: Array,
    streams: list[Stream],
    groups: Groups,
    key,
    *,
    probes: int,
    diagonal: Diagonal | None = None,
) -> Curvatures:
    """All of them.  H_ii by `diagonal` if given; by d unit vectors if d ≤ K·probes; else
    Hutchinson's E[v ∘ Hv] over `probes` random sign vectors v in each group, unbiased."""
    k, d = groups.means.shape
    sigma, mean = groups.deviation(groups.everything), groups.mean(groups.everything)
    inverse = np.divide(1, sigma, out=np.zeros(d), where=sigma > 0).astype(groups.means.dtype)
    weights = groups.counts / groups.counts.sum()
    pieces: dict[str, list] = {name: [] for name in Curvatures._fields}
    pooled, variance = np.zeros(d), np.zeros(d)
    for c, stream in enumerate(streams):

        def product(v, stream=stream):
            return np.asarray(hessian_product(loss, theta, stream, v))

        pieces["gradient"].append(_forms(groups.means, product, 1))
        pieces["ratio"].append(_forms(groups.means, product, inverse))
        pieces["sign"].append(quadratic_form(loss, theta, stream, np.sign(mean)))
        if diagonal is not None:
            estimates = iter([diagonal(stream)])
        elif d <= probes * k:
            estimates = iter([_enumerated(product, d, groups.means.dtype)])
        else:
            estimates = _probed(product, d, groups.means.dtype, probes, jax.random.fold_in(key, c))
        h, spread, sums = _averaged(estimates, np.stack([np.ones(d), (mean * inverse) ** 2]))
        pieces["trace"].append(sums[:, 0])
        pieces["ratio_squares"].append(sums[:, 1])
        pieces["ratio_diagonal"].append(_forms(groups.means, lambda v, h=h: h * v, inverse))
        pooled += weights[c] * h
        variance += weights[c] ** 2 * spread
    pairs = {name: np.stack(pieces[name], -1) for name in ("gradient", "ratio", "ratio_diagonal")}
    alone = {name: np.array(pieces[name]) for name in ("sign", "trace", "ratio_squares")}
    return Curvatures(**pairs, **alone, diagonal=pooled, diagonal_sem=np.sqrt(variance))


def _forms(means: np.ndarray, product, inverse) -> np.ndarray:
    """(G_A/σ)ᵀ H (G_B/σ), (K, K), one product in memory at a time."""
    return np.stack([means @ (inverse * product(row * inverse)) for row in means])


def _enumerated(product, d: int, dtype) -> np.ndarray:
    """H_ii from all unit vectors."""
    return np.array([product(unit)[i] for i, unit in enumerate(np.eye(d, dtype=dtype))])


def _probed(product, d: int, dtype, probes: int, key) -> Iterator[np.ndarray]:
    """v ∘ Hv of random signs v."""
    for probe in range(probes):
        v = np.asarray(jax.random.rademacher(jax.random.fold_in(key, probe), (d,), dtype))
        yield v * product(v)


def _averaged(estimates: Iterator[np.ndarray], weights: np.ndarray):
    """Of independent estimates (d,): their mean, its variance (0 of one, which is exact), and each
    one's products with `weights` (w, d), (estimates, w); one estimate in memory at a time."""
    mean, squares, sums = np.zeros(weights.shape[1]), np.zeros(weights.shape[1]), []
    for estimate in estimates:
        sums.append(weights @ estimate)
        delta = estimate - mean
        mean += delta / len(sums)
        squares += delta * (estimate - mean)
    n = len(sums)
    return mean, squares / (n * max(n - 1, 1)), np.array(sums)


def distinct_mean(tensor: np.ndarray, kept: np.ndarray) -> float:
    """Mean of T[A, B, C] over triples of distinct groups among `kept`."""
    t = tensor[np.ix_(kept, kept, kept)]
    k = len(kept)
    a, b, c = np.ogrid[:k, :k, :k]
    return float(t[(a != b) & (b != c) & (a != c)].mean())


def whole(tensor: np.ndarray, counts: np.ndarray) -> float:
    """Σ w_A w_B w_C T[A, B, C]."""
    w = counts / counts.sum()
    return float(np.einsum("abc,a,b,c", tensor, w, w, w))


def triple(tensor: np.ndarray, counts: np.ndarray) -> Measured:
    """A form of two means and a Hessian, of the population and of the distribution."""
    k = counts.size
    return Measured(
        Estimate(whole(tensor, counts), 0.0, int(counts.sum())),
        jackknife(lambda kept: distinct_mean(tensor, kept), k),
    )


def over_probes(values: np.ndarray, counts: np.ndarray) -> Estimate:
    """Σ_C w_C mean over probes of (K, probes) values, with the error of finitely many probes."""
    w = counts / counts.sum()
    k, probes = values.shape
    if probes == 1:
        return Estimate(float(w @ values[:, 0]), 0.0, int(counts.sum()))
    sem = np.sqrt(w**2 @ values.var(1, ddof=1) / probes) * widened(k * (probes - 1) + 1)
    return Estimate(float(w @ values.mean(1)), float(sem), k * probes)


def over_groups(values: np.ndarray, counts: np.ndarray) -> Estimate:
    """Mean over groups of (K,) values, with the error of another sample."""
    return jackknife(
        lambda kept: float(np.average(values[kept], weights=counts[kept])), counts.size
    )

"""tr(HΣ), and the noise's Gram matrix in each matrix parameter, from directions distributed as
noise.

A direction u of group A has E[uuᵀ] = Σ_A, the mean over A of (g_k − G)(g_k − G)ᵀ: either each
sample's g_k − G, where all can be taken, or sums Σ_k ±(g_k − G)/√n_A with random signs.  uᵀH_C u
over the samples of group C then has the mean tr(H_C Σ_A); for C ≠ A the two are independent, as
tr(HΣ) of a distribution wants it, whereas a population's contains C = A as well.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from sim.directions import gradient, quadratic_form
from sim.estimate import Estimate
from sim.noise_scales import Groups, widened
from sim.parameter_blocks import Block
from sim.sample_losses import FlatLoss, Stream


class NoiseForms(NamedTuple):
    """uᵀH_C u of directions of group A: `a`, `c`, `values` (m,).  grams: per matrix parameter
    E[NNᵀ] (K, p, p) on its shorter side, by group; exact: all samples were taken, with all C."""

    a: np.ndarray
    c: np.ndarray
    values: np.ndarray
    grams: list[np.ndarray]
    exact: bool


def noise_forms(
    loss: FlatLoss,
    theta: Array,
    streams: list[Stream],
    groups: Groups,
    blocks: list[Block],
    key,
    *,
    draws: int,
) -> NoiseForms:
    """From `draws` directions of each group, each with its own group and one other; or from all
    samples with all groups, where the samples are no more than K·draws."""
    k = len(streams)
    exact = int(groups.counts.sum()) <= k * draws
    mean = groups.mean(groups.everything)
    generator = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), np.uint32)))
    rows: list[tuple] = []
    grams = [np.zeros((k, min(shape), min(shape))) for _, shape in blocks]
    for a, stream in enumerate(streams):
        count = stream.index.size if exact else draws
        others = generator.permutation(np.delete(np.arange(k), a))
        directions = _directions(loss, theta, stream, mean, generator, draws, exact)
        for draw, u in enumerate(directions):
            met = range(k) if exact else (a, others[draw % (k - 1)])
            rows += [(a, c, quadratic_form(loss, theta, streams[c], u)) for c in met]
            for gram, block in zip(grams, blocks, strict=True):
                gram[a] += _gram(u, block) / count
    a, c, values = (np.array(column) for column in zip(*rows, strict=True))
    return NoiseForms(a, c, values, grams, exact)


def _directions(loss, theta, stream, mean, generator, draws, exact) -> Iterator[np.ndarray]:
    n = stream.index.size
    if exact:
        for index in stream.index:
            yield np.asarray(gradient(loss, theta, stream._replace(index=np.array([index])))) - mean
        return
    for _ in range(draws):
        signs = generator.choice([-1.0, 1.0], n) / np.sqrt(n)
        yield np.asarray(gradient(loss, theta, stream, signs)) - signs.sum() * mean


def _gram(u: np.ndarray, block: Block) -> np.ndarray:
    where, shape = block
    matrix = np.asarray(u[where], np.float64).reshape(shape)
    return matrix @ matrix.T if shape[0] <= shape[1] else matrix.T @ matrix


def unbiased_trace(
    forms: NoiseForms, groups: Groups, gradient_forms: np.ndarray
) -> Callable[[np.ndarray], float]:
    """tr(HΣ) of the distribution from the groups `kept`, without bias; NaN if none is left.

    `gradient_forms` (K, K, K): G_Aᵀ H_C G_B, which centre a group's noise on its own mean:
    E[(g − G_A)ᵀ H_C (g − G_A)]·n_A/(n_A − 1) = tr(HΣ).
    """
    w = groups.counts / groups.counts.sum()
    apart = gradient_forms - np.einsum("abc,a->bc", gradient_forms, w)[None]
    apart = apart - np.einsum("abc,b->ac", apart, w)[:, None]
    between = np.einsum("aac->ac", apart)
    other = forms.a != forms.c
    a, c = forms.a[other], forms.c[other]
    n_a = groups.counts[a]
    values = (forms.values[other] - between[a, c]) * n_a / (n_a - 1)

    def mean(kept: np.ndarray) -> float:
        among = np.isin(a, kept) & np.isin(c, kept)
        return float(values[among].mean()) if among.any() else np.nan

    return mean


def population_trace(forms: NoiseForms, groups: Groups) -> Estimate:
    """tr(HΣ) of the samples as a population."""
    n = int(groups.counts.sum())
    w = groups.counts / n
    if forms.exact:
        weight = w[forms.c] / n
        return Estimate(float(weight @ forms.values), 0.0, n)
    same = forms.a == forms.c
    a = forms.a[same]
    # one of the K−1 other groups, all as likely, stands for them all
    values = w[a] * forms.values[same] + (w.size - 1) * w[forms.c[~same]] * forms.values[~same]
    per_group = values.reshape(w.size, -1)
    draws = per_group.shape[1]
    sem = np.sqrt(w**2 @ per_group.var(1, ddof=1) / draws) * widened(w.size * (draws - 1) + 1)
    return Estimate(float(w @ per_group.mean(1)), float(sem), values.size)


def nuclear_noise(forms: NoiseForms, counts: np.ndarray, kept: np.ndarray) -> float:
    """Σ over matrix parameters of tr((E[NNᵀ])^½), N the noise of a single sample's gradient."""
    total = 0.0
    for gram in forms.grams:
        pooled = np.average(gram[kept], axis=0, weights=counts[kept])
        total += float(np.sqrt(np.clip(np.linalg.eigvalsh(pooled), 0, None)).sum())
    return total

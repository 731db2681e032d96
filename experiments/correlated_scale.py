"""B_noise = D0/D1 of sign descent under a network's own correlated noise, at one checkpoint.

D0 and D1 are sums over all pairs of coordinates of H_ij times a function of r_i, r_j and ρ_ij, of
which random rows give unbiased estimates: a row of H is a product with a unit vector, a row of ρ a
product with all per-sample gradients.  The formula holds while B(r_i² + r_j²) ≪ 1 − |ρ_ij|, and
has no term at all for a pair with |ρ_ij| = 1; `outside` tells how much of Σ|H_ij| has no such B.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from sim.estimate import Z95
from sim.lanes import over_groups
from sim.measure import hessian_product
from sim.network import Point
from theory.correlated_small_batch import CORRELATED_NOISE_SCALE, PAIR_SLOPE
from theory.moments import ARCSINE

TOGETHER = 16  # rows
WHOLE = 1e-5  # a correlation nearer to one in float32 cannot be told from it


def correlated_scale(point: Point, rows: int, key, *, threads: int = 1) -> xr.Dataset:
    """D0, D1 and their ratio with standard errors, from at most `rows` random rows; `outside`.

    `b_noise_correlated` is NaN where D0 or D1 is not above zero by its 95 % interval: the peak of
    ε*(B) at D0/D1 exists for D1 > 0 only.
    """
    centred = point.gradients - point.mean
    sigma = jnp.sqrt((centred**2).mean(0))
    alive = jnp.flatnonzero(sigma > 0)
    standard = centred[:, alive] / (sigma[alive] * np.sqrt(len(centred)))
    ratio = (point.mean / jnp.where(sigma > 0, sigma, 1))[alive]
    count = min(rows, alive.size)
    chosen = jax.random.choice(key, alive.size, (count,), replace=False)

    def of(group: np.ndarray) -> tuple:
        network = point.logits, point.theta, point.population
        return _sums(*network, standard, ratio, alive, chosen[group])

    parts = over_groups(of, count, TOGETHER, threads)
    start, slope, weight, outside = (
        np.concatenate(part)[:count] for part in zip(*parts, strict=True)
    )
    d0, d1 = (_total(part, alive.size) for part in (start, slope))
    scale = error = np.nan
    if all(mean > Z95 * sem for mean, sem in (d0, d1)):
        scale = float(np.asarray(CORRELATED_NOISE_SCALE.jax(d0[0], d1[0])))
        error = _total(start - scale * slope, alive.size)[1] / d1[0]
    return xr.Dataset({
        "corr_D0": d0[0], "corr_D0_sem": d0[1], "corr_D1": d1[0], "corr_D1_sem": d1[1],
        "b_noise_correlated": scale, "b_noise_correlated_mc": error,
        "corr_outside": outside.sum() / weight.sum(),
    })  # fmt: skip


@partial(jax.jit, static_argnames="logits")
def _sums(logits, theta, population, standard, ratio, alive, chosen):
    """Per row i of `chosen`: Σ_j of the terms of D0 and D1, of |H_ij|, and of |H_ij| over pairs
    that are outside the formula's validity at B = 1 already."""

    def row(i):
        unit = jnp.zeros_like(theta).at[alive[i]].set(1)
        return hessian_product(logits, theta, population, unit)[alive]

    h = jax.vmap(row)(chosen)
    rho = jnp.clip(standard[:, chosen].T @ standard, -1, 1)
    itself = jnp.arange(alive.size) == chosen[:, None]
    apart = ~itself & (jnp.abs(rho) < 1 - WHOLE)
    start = jnp.where(itself, 1, ARCSINE.jax(rho))
    slope = jnp.where(
        apart, PAIR_SLOPE.jax(ratio[chosen][:, None], ratio, jnp.where(apart, rho, 0)), 0
    )
    reach = ratio[chosen][:, None] ** 2 + ratio**2
    outside = ~itself & (reach >= 1 - jnp.abs(rho))
    size = jnp.abs(h)
    return (h * start).sum(1), (h * slope).sum(1), size.sum(1), (size * outside).sum(1)


def _total(part, size: int) -> tuple[float, float]:
    """The sum over all rows and its standard error, from a sample without replacement."""
    part = np.asarray(part, float)
    left = np.sqrt(1 - part.size / size)
    return size * part.mean(), size * left * part.std(ddof=1) / np.sqrt(part.size)

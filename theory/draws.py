"""E[VᵀHV] by Monte Carlo over drawn updates, from n centred per-sample gradients C (n, d).

`gaussian_draws`: the batch gradient is μ + Cᵀξ/√(nB), ξ ~ N(0, I_n), which is Gaussian with the
samples' own covariance. No d × d array is needed: one Hessian-vector product per draw.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array

from theory.correlated import Curvature
from theory.hessian import Hessian

DRAWS_AT_ONCE = 64


def gaussian_draws(
    update: Callable[[Array], Array],
    mu: Array,
    samples: Array,
    hessian: Hessian,
    batch_b: Array,
    draws: int,
    key: Array,
) -> Curvature:
    """E[VᵀHV] of V = update(μ + Cᵀξ/√(nB)) by Monte Carlo, all batch sizes from the same draws.

    `samples` C (n, d), centred.
    Holds for: Gaussian noise; real samples are skewed, which counts below B ≈ 16.
    """
    mean = mu.astype(samples.dtype)

    def directions(draw_key: Array, size: int) -> list[Array]:
        noise = gaussian_noise(samples, draw_key, size)
        return [update(mean + noise / jnp.sqrt(b).astype(noise.dtype)) for b in batch_b]

    return drawn_curvature(directions, mu, samples, hessian, draws, key)


def gaussian_noise(samples: Array, key: Array, size: int) -> Array:
    """`size` Gaussian draws with the covariance CᵀC/n of centred samples C (n, d): ξᵀC/√n.

    One product (size × n)(n × d), in the samples' own precision.
    """
    xi = jax.random.normal(key, (size, samples.shape[0]), samples.dtype)
    return xi @ samples / jnp.sqrt(samples.shape[0]).astype(samples.dtype)


def drawn_curvature(
    directions: Callable[[Array, int], Sequence[Array]],
    mu: Array,
    samples: Array,
    hessian: Hessian,
    draws: int,
    key: Array,
) -> Curvature:
    """Mean of vᵀHv over drawn directions, by batch size, with its standard error.

    `directions(key, size)` gives `size` directions (size, d) for each batch size. They are in the
    samples' precision; the mean and its standard error are taken in that of `mu`. The error reads
    zero where no draw differed from another: B is then too large for so few draws.
    """
    size = min(draws, DRAWS_AT_ONCE)
    quadratics = hessian.compiled(jnp.zeros((size, mu.shape[0]), samples.dtype), key)
    values_mb = []
    for chunk in range(-(-draws // size)):
        draw_key, estimate_key = jax.random.split(jax.random.fold_in(key, chunk))
        drawn_b = directions(draw_key, size)
        values_mb.append(jnp.stack([quadratics(v, estimate_key) for v in drawn_b], axis=-1))
    values = jnp.concatenate(values_mb)[:draws].astype(mu.dtype)
    return Curvature(values.mean(axis=0), values.std(axis=0, ddof=1) / jnp.sqrt(draws))

"""Correlated noise: the exact law for Gaussian gradients of any covariance.

Real gradient noise resembles the Hessian, so that E[VᵀHV] can be many times what independent
coordinates give. Two routes to it:

* `covariance_trace`: a dense correlation (d, d); tr(H cov V) from the covariance of each pair.
* `gaussian_draws`: n centred per-sample gradients C (n, d), a network's noise. The batch gradient
  is drawn as μ + Cᵀξ/√(nB), ξ ~ N(0, I_n), which is Gaussian with the samples' own covariance.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from theory.hessian import Hessian
from theory.moments import sign_covariance

ROWS_AT_ONCE = 64
DRAWS_AT_ONCE = 64

Pair = Callable[[Array, Array, Array, Array, Array, Array], Array]


class Curvature(NamedTuple):
    """E[VᵀHV] by batch size, (b,), with the standard error of a Monte-Carlo mean (else zeros)."""

    value: Array
    sem: Array


def sgd_pair(
    mu_i: Array, sigma_i: Array, mu: Array, sigma: Array, rho: Array, batch: Array
) -> Array:
    """Cov(V_i, V_j) = ρ_ij σ_i σ_j / B of one coordinate with all, (d,)."""
    del mu_i, mu
    return rho * sigma_i * sigma / batch


def sign_pair(
    mu_i: Array, sigma_i: Array, mu: Array, sigma: Array, rho: Array, batch: Array
) -> Array:
    """Cov(sign ĝ_i, sign ĝ_j) of one coordinate with all, (d,); zero where either has no noise."""
    noisy = (sigma_i > 0) & (sigma > 0)
    h_i = jnp.sqrt(batch) * mu_i / jnp.where(sigma_i > 0, sigma_i, 1.0)
    h = jnp.sqrt(batch) * mu / jnp.where(sigma > 0, sigma, 1.0)
    return jnp.where(noisy, sign_covariance(h_i, h, rho), 0.0)


@partial(jax.jit, static_argnums=0)
def _off_diagonal_trace(
    pair: Pair, mu: Array, sigma: Array, rho: Array, matrix: Array, batch: Array
) -> Array:
    def row(i: Array) -> Array:
        covariance = pair(mu[i], sigma[i], mu, sigma, rho[i], batch)
        return matrix[i] @ covariance.at[i].set(0.0)

    index = jnp.arange(mu.shape[0])
    return jax.lax.map(row, index, batch_size=ROWS_AT_ONCE).sum()


def covariance_trace(
    pair: Pair,
    mu: Array,
    sigma: Array,
    variance_bd: Array,
    correlation: Array,
    hessian: Hessian,
    batch_b: Array,
) -> Array:
    """tr(H cov V) by batch size, (b,), with a dense correlation (d, d).

    The diagonal is Σ_i H_ii var V_i, from `variance_bd` (b, d); the rest is summed over rows,
    so that no array of d × d × (quadrature points) is ever held.
    """
    matrix = hessian.rows(jnp.arange(mu.shape[0]))
    rest = [_off_diagonal_trace(pair, mu, sigma, correlation, matrix, b) for b in batch_b]
    return variance_bd @ hessian.diagonal + jnp.stack(rest)


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

    `samples` C (n, d), centred. One product (draws × n)(n × d) per chunk of draws, in the
    samples' own precision; the mean and its standard error are taken in that of `mu`. The error
    reads zero where no draw differed from another: B is then too large for so few draws.
    Holds for: Gaussian noise; real samples are skewed, which counts below B ≈ 16.
    """
    root_n = jnp.sqrt(samples.shape[0]).astype(samples.dtype)
    mean = mu.astype(samples.dtype)
    size = min(draws, DRAWS_AT_ONCE)
    quadratics = hessian.compiled(jnp.zeros((size, mu.shape[0]), samples.dtype), key)
    values_mb = []
    for chunk in range(-(-draws // size)):
        draw_key, estimate_key = jax.random.split(jax.random.fold_in(key, chunk))
        xi = jax.random.normal(draw_key, (size, samples.shape[0]), samples.dtype)
        noise = xi @ samples / root_n
        updates_b = (update(mean + noise / jnp.sqrt(b).astype(noise.dtype)) for b in batch_b)
        values_mb.append(jnp.stack([quadratics(v, estimate_key) for v in updates_b], axis=-1))
    values = jnp.concatenate(values_mb)[:draws].astype(mu.dtype)
    return Curvature(values.mean(axis=0), values.std(axis=0, ddof=1) / jnp.sqrt(draws))


def sgd_draws(
    mu: Array, samples: Array, hessian: Hessian, batch_b: Array, draws: int, key: Array
) -> Curvature:
    """E[VᵀHV] = μᵀHμ + tr(HΣ)/B with Σ = CᵀC/n: exact, one product per sample and no draws.

    Where the operator offers only estimates of vᵀHv, the standard error is that of their mean
    over samples, which also counts the samples' own spread and so errs on the safe side.
    """
    del draws
    curvatures = hessian.quadratics(samples, key).astype(mu.dtype)
    estimated = hessian.sampled_quadratic is not None
    sem = curvatures.std(ddof=1) / jnp.sqrt(samples.shape[0]) if estimated else jnp.zeros(())
    return Curvature(hessian.quadratic(mu) + curvatures.mean() / batch_b, sem / batch_b)

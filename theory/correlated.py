"""Correlated noise: tr(H cov V) for Gaussian gradients of any covariance.

Real gradient noise resembles the Hessian, so that E[VᵀHV] can be many times what independent
coordinates give. The routes to it:

* `pair_trace`: a dense correlation (d, d) and the exact covariance of each pair.
* `series_trace`: a dense correlation and the covariance as a series in ρ.
* `sample_trace`: the series with n centred per-sample gradients C (n, d), no d × d array: for a
  term l_i r_j ρ_ij, Σ_ij H_ij l_i r_j ρ_ij is the mean over samples of (l∘u)ᵀH(r∘u), u = C/σ.

By Monte Carlo it comes from drawn updates: `theory.draws`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from theory.hessian import Hessian
from theory.moments import sign_covariance

ROWS_AT_ONCE = 64


class Term(NamedTuple):
    """One term ρ_ij^power factor_i factor_j of Cov(V_i, V_j), i ≠ j; `factor` (d,)."""

    power: int
    factor: Array


Pair = Callable[..., Array]
Series = Callable[..., Sequence[Term]]


class Curvature(NamedTuple):
    """A part of E[VᵀHV] by batch size, (b,), with its standard error (zeros where exact)."""

    value: Array
    sem: Array


def sign_pair(
    mu_i: Array, sigma_i: Array, mu: Array, sigma: Array, rho: Array, batch: Array
) -> Array:
    """Cov(sign ĝ_i, sign ĝ_j) of one coordinate with all, (d,); zero where either has no noise."""
    noisy = (sigma_i > 0) & (sigma > 0)
    h_i = jnp.sqrt(batch) * mu_i / jnp.where(sigma_i > 0, sigma_i, 1.0)
    h = jnp.sqrt(batch) * mu / jnp.where(sigma > 0, sigma, 1.0)
    return jnp.where(noisy, sign_covariance(h_i, h, rho), 0.0)


@partial(jax.jit, static_argnums=(0, 1))
def _pair_trace(
    pair: Pair,
    parameters: tuple[tuple[str, Any], ...],
    mu: Array,
    sigma: Array,
    rho: Array,
    matrix: Array,
    batch: Array,
) -> Array:
    def row(i: Array) -> Array:
        covariance = pair(mu[i], sigma[i], mu, sigma, rho[i], batch, **dict(parameters))
        return matrix[i] @ covariance.at[i].set(0.0)

    return jax.lax.map(row, jnp.arange(mu.shape[0]), batch_size=ROWS_AT_ONCE).sum()


def pair_trace(
    pair: Pair,
    mu: Array,
    sigma: Array,
    correlation: Array,
    hessian: Hessian,
    batch_b: Array,
    parameters: Mapping[str, Any],
) -> Array:
    """Σ_{i≠j} H_ij Cov(V_i, V_j) by batch size, (b,), from the exact covariance of each pair.

    Summed over rows, so that no array of d × d × (quadrature points) is ever held.
    """
    matrix, known = hessian.rows(jnp.arange(mu.shape[0])), tuple(sorted(parameters.items()))
    trace_b = [_pair_trace(pair, known, mu, sigma, correlation, matrix, b) for b in batch_b]
    return jnp.stack(trace_b)


@partial(jax.jit, static_argnums=0)
def _series_trace(powers: tuple[int, ...], factors: Array, rho: Array, matrix: Array) -> Array:
    def row(i: Array) -> Array:
        weighted = matrix[i].at[i].set(0.0) * rho[i] ** jnp.asarray(powers)[:, None]
        return factors[:, i] @ (weighted * factors).sum(axis=1)

    return jax.lax.map(row, jnp.arange(rho.shape[0]), batch_size=ROWS_AT_ONCE // 4).sum()


def series_trace(terms_b: Sequence[Sequence[Term]], correlation: Array, hessian: Hessian) -> Array:
    """Σ_{i≠j} H_ij Σ_terms ρ_ij^power factor_i factor_j by batch size, (b,)."""
    matrix = hessian.rows(jnp.arange(correlation.shape[0]))
    trace_b = []
    for terms in terms_b:
        powers = tuple(term.power for term in terms)
        factors = jnp.stack([term.factor for term in terms])
        trace_b.append(_series_trace(powers, factors, correlation, matrix))
    return jnp.stack(trace_b)


def sample_trace(
    terms_b: Sequence[Sequence[Term]],
    samples: Array,
    sigma: Array,
    hessian: Hessian,
    draws: int,
    key: Array,
) -> Curvature:
    """The same from centred per-sample gradients (n, d): mean over samples of (f∘u)ᵀH(f∘u).

    Power 1 takes every sample. A higher power p needs ρ^p = E[∏u_i]E[∏u_j] over p independent
    samples each, and takes `draws` random p-tuples. What the terms claim of the diagonal is taken
    off, for the exact variances stand there. The standard error counts the random tuples, and for
    an operator that only estimates vᵀHv the spread of its values over samples.
    """
    unit = jnp.where(sigma > 0, samples / jnp.where(sigma > 0, sigma, 1.0), 0.0)
    unit = unit.astype(samples.dtype)
    quadratics = {
        rows: hessian.compiled(jnp.zeros((rows, sigma.shape[0]), samples.dtype), key)
        for rows in {_rows(term.power, unit, draws) for term in terms_b[0]}
    }
    value_b, variance_b = [], []
    for terms in terms_b:
        value = variance = jnp.zeros(())
        for term in terms:
            products = _products(unit, term.power, draws, jax.random.fold_in(key, term.power))
            scaled = products * term.factor.astype(products.dtype)
            curvatures = quadratics[len(products)](scaled, key).astype(sigma.dtype)
            value += curvatures.mean() - hessian.diagonal @ term.factor**2
            if term.power > 1 or hessian.sampled_quadratic is not None:
                variance += curvatures.var(ddof=1) / curvatures.shape[0]
        value_b.append(value)
        variance_b.append(variance)
    return Curvature(jnp.stack(value_b), jnp.sqrt(jnp.stack(variance_b)))


def _rows(power: int, unit: Array, draws: int) -> int:
    """How many products of `power` samples are taken."""
    return unit.shape[0] if power == 1 else draws


def _products(unit: Array, power: int, draws: int, key: Array) -> Array:
    """Products of `power` samples: all samples for power 1, else random tuples, (m, d)."""
    if power == 1:
        return unit
    index = jax.random.randint(key, (power, _rows(power, unit, draws)), 0, unit.shape[0])
    return unit[index].prod(axis=0)

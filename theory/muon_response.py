"""Fluctuations of msign(G + N) about their mean, to first order in the noise.

With the mean resolvent R of `theory.muon_resolvent` in place of the noiseless one,

    δV = (2/π) ∫ (R11 N R22 − R12 Nᵀ R12) dt,

the dressed linear response. It falls short in size (‖δV‖² by 28 % at pure noise in a square
matrix), for higher orders in N are missing. They are put in by the identities that any V has:
VVᵀ = I_p, and for square matrices VᵀV = I too, so that E[δV δVᵀ] = I − E[V]E[V]ᵀ: a symmetric
linear map on either side brings δV to obey them.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from theory.muon_resolvent import Resolvent

ROUNDS = 6  # of alternation between the two sides of a square matrix
FLOOR = 1e-10  # of the largest eigenvalue; what is smaller does not move


def _power(matrix: Array, exponent: float) -> Array:
    """A power of a positive semi-definite matrix; zero on what it nearly annihilates."""
    values, vectors = jnp.linalg.eigh(matrix)
    kept = values > FLOOR * values[-1]
    scaled = jnp.where(kept, jnp.where(kept, values, 1.0) ** exponent, 0.0)
    return (vectors * scaled) @ vectors.T


def _towards(target: Array, covariance: Array) -> Array:
    """The symmetric L with L·covariance·L = target."""
    root = _power(target, 0.5)
    return root @ _power(root @ covariance @ root, -0.5) @ root


@partial(jax.jit, static_argnames="scale")
def response(level: Resolvent, mean: Array, noise: Array, scale: float) -> Array:
    """δV of each noise matrix (m, p, n), brought to obey the identities.

    `mean` E[V] (p, n). `scale` · Σ_m is the expectation over the noise: 1 for noise along each
    coordinate in turn, 1/m for draws.
    """

    def add(total: Array, node: tuple[Array, ...]) -> tuple[Array, None]:
        weight, rows, columns, across = node
        straight = rows @ noise @ columns
        return total + weight * (straight - across @ jnp.swapaxes(noise, 1, 2) @ across), None

    nodes = (level.weight, level.rows, level.columns, level.across)
    change, _ = jax.lax.scan(add, jnp.zeros_like(noise), nodes)
    p, n = mean.shape
    for _ in range(ROUNDS if p == n else 1):
        covariance = scale * jnp.einsum("mij,mkj->ik", change, change)
        change = _towards(jnp.eye(p) - mean @ mean.T, covariance) @ change
        if p == n:
            covariance = scale * jnp.einsum("mij,mil->jl", change, change)
            change = change @ _towards(jnp.eye(n) - mean.T @ mean, covariance)
    return change

"""Quadratics on which whole runs are made: where ε*(B) must rise and fall, and where not.

All have d = 64 coordinates and start at one θ₀ drawn from N(0, I), in float32:
- coherent: H = I/10 + 11ᵀ/(2√d), every coordinate pulled along with all others; Σ = 9 I;
- diagonal: H = diag(1/k), nothing pulls along; Σ = I;
- fisher: the coherent H with noise shaped like it, Σ ∝ H, of the same variance 9;
- power_law: λ_k = 1/k in a random basis; Σ = I;
- power_law_fisher: the same with Σ ∝ H of variance 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim import DiagonalPlusLowRank, Quadratic
from sim.quadratic import dense, rotated

D = 64


class Kind(NamedTuple):
    """The Hessian's kind, the noise's variance in each coordinate (mean over coordinates where it
    is shaped like H), whether it is shaped like H, and what the problem shows."""

    hessian: str
    variance: float
    shaped: bool
    shows: str


KINDS: Mapping[str, Kind] = {
    "coherent": Kind("coherent", 9.0, False, "rank one + diagonal: rise, peak, fall, plateau"),
    "diagonal": Kind("diagonal", 1.0, False, "diagonal H: no fall in steps to a target"),
    "fisher": Kind("coherent", 9.0, True, "the coherent H with noise Σ ∝ H"),
    "power_law": Kind("power_law", 1.0, False, "λ_k = 1/k in a random basis"),
    "power_law_fisher": Kind("power_law", 1.0, True, "the same with noise Σ ∝ H"),
}


def make(name: str, seed: int = 0) -> Quadratic:
    """The problem called `name`; problems of one seed have one start and one basis."""
    kind = KINDS[name]
    keys = jax.random.split(jax.random.key(seed))
    theta = jax.random.normal(keys[0], (D,), jnp.float32)
    spectrum = 1.0 / jnp.arange(1.0, D + 1, dtype=jnp.float32)
    if kind.hessian == "coherent":
        ones = jnp.ones((D, 1), jnp.float32)
        weight = jnp.full(1, 0.5 / D**0.5, jnp.float32)
        hessian = DiagonalPlusLowRank(jnp.full(D, 0.1, jnp.float32), ones, weight)
    else:
        hessian = spectrum if kind.hessian == "diagonal" else rotated(spectrum, keys[1])
    if not kind.shaped:
        return Quadratic(hessian, theta, jnp.full(D, kind.variance**0.5, jnp.float32))
    matrix = dense(hessian)
    return Quadratic(hessian, theta, matrix * (kind.variance * D / jnp.trace(matrix)))

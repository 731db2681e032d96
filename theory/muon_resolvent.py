"""The resolvent of a noisy matrix M = G + N: its mean by the matrix Dyson equation.

msign M = (2/π)∫₀^∞ (MMᵀ + t²)⁻¹M dt. With independent entries of variances v (p, n), the means
R11, R22, R12 of t(MMᵀ + t²)⁻¹, t(MᵀM + t²)⁻¹ and (MMᵀ + t²)⁻¹M solve, to leading order in the
sides,

    a = t + v·diag R22,   b = t + vᵀ·diag R11,   R11 = (a + G b⁻¹ Gᵀ)⁻¹,   R12 = R11 G b⁻¹,
    R22 = (b + Gᵀ a⁻¹ G)⁻¹.

The equations have one solution with a, b > 0 (Helton, Rashidi Far and Speicher 2007), and every
one obeys tr R22 − tr R11 = (n − p)/t, which each iteration here restores: without it the scale of
a against b, which msign does not feel, converges slowly at small t.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

SPACING = 0.6  # of ln t; the trapezoidal rule errs by e^{−π²/SPACING} = 7e-8
BELOW, ABOVE = 14.0, 4.2  # range of ln t about the scale of M; beyond, geometric series
TOLERANCE = 1e-10
ITERATIONS = 2000


class Resolvent(NamedTuple):
    """Weights (k,) of the integral (2/π)∫dt, nodes t (k,), diagonals a (k, p) and b (k, n), and
    R11 (k, p, p), R22 (k, n, n), R12 (k, p, n)."""

    weight: Array
    t: Array
    a: Array
    b: Array
    rows: Array
    columns: Array
    across: Array

    def integral(self, values: Array) -> Array:
        """(2/π)∫ values dt over the nodes, the first axis of `values`."""
        return jnp.tensordot(self.weight, values, axes=1)


def _nodes(scale: Array) -> tuple[Array, Array]:
    """t and the weights of (2/π)∫dt: trapezoidal in ln t, for integrands ∝ 1 and ∝ t⁻² outside."""
    t = scale * jnp.exp(jnp.arange(-BELOW, ABOVE, SPACING))
    ends = jnp.ones_like(t).at[jnp.array([0, -1])].set(1 / -jnp.expm1(-SPACING))
    return t, 2 / jnp.pi * SPACING * t * ends


def _solved(gradient: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """R11, R22, R12 of the diagonals a (p,) and b (n,)."""
    right = gradient / b
    rows = jnp.linalg.inv(jnp.diag(a) + right @ gradient.T)
    # its own inverse, for b⁻¹ − b⁻¹GᵀR12 loses all digits at small t
    columns = jnp.linalg.inv(jnp.diag(b) + gradient.T @ (gradient / a[:, None]))
    return rows, columns, rows @ right


def _balance(t: Array, row_sum: Array, column_sum: Array, excess: int) -> Array:
    """λ with λ·tr R22 − tr R11/λ = (n − p)/t."""
    gap = excess / t
    root = jnp.sqrt(gap**2 + 4 * row_sum * column_sum)
    return (gap + root) / (2 * column_sum)


def _fixed_point(gradient: Array, variance: Array, t: Array) -> tuple[Array, Array]:
    """The diagonals a (p,), b (n,) at one t."""
    p, n = gradient.shape

    def step(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        a, b, _, count = state
        rows, columns, _ = _solved(gradient, a, b)
        row, column = jnp.diagonal(rows), jnp.diagonal(columns)
        factor = _balance(t, row.sum(), column.sum(), n - p)
        new_a = 0.5 * (a + t + variance @ column * factor)
        new_b = 0.5 * (b + t + row @ variance / factor)
        change = jnp.maximum(jnp.abs(new_a / a - 1).max(), jnp.abs(new_b / b - 1).max())
        return new_a, new_b, change, count + 1

    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        return (state[2] > TOLERANCE) & (state[3] < ITERATIONS)

    level = t + jnp.sqrt(variance.sum() / p)
    start = (jnp.full(p, level), jnp.full(n, level), jnp.asarray(jnp.inf), jnp.asarray(0))
    a, b, *_ = jax.lax.while_loop(unfinished, step, start)
    return a, b


@jax.jit
def resolvent(gradient: Array, variance: Array) -> Resolvent:
    """The mean resolvent of G + N at the nodes of the integral, G and `variance` (p, n), p ≤ n."""
    scale = jnp.sqrt(((gradient**2).sum() + variance.sum()) / gradient.shape[0])
    t, weight = _nodes(scale)

    def node(t: Array) -> tuple[Array, ...]:
        a, b = _fixed_point(gradient, variance, t)
        return a, b, *_solved(gradient, a, b)

    return Resolvent(weight, t, *jax.lax.map(node, t))

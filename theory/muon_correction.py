"""The 1/n correction to the mean of the resolvent of a noisy matrix, for equal noise v.

For real Gaussian N, integration by parts gives E[W𝒢] of the resolvent 𝒢 = (X − z)⁻¹,
X = [[0, M], [Mᵀ, 0]], exactly: −v(tr 𝒢₂₂ 𝒢 + ∂𝒢/∂z₂) in the rows of M, and with 1 and 2
exchanged in those of Mᵀ; z₁, z₂ are the spectral parameters of the two blocks. The Dyson equation
keeps the first term. The second is of relative order 1/n and a derivative of the leading solution;
its effect δ𝒢 solves δ𝒢 = 𝒢(v ∂𝒢 + v diag(tr δ𝒢₂₂, tr δ𝒢₁₁) 𝒢), which in the singular basis of G
is a pair of 2 × 2 problems. Without signal it lowers E[V] by 1/(8n) where p ≪ n.
"""

import jax
import jax.numpy as jnp
from jax import Array

from theory.muon_resolvent import resolvent


def _slopes(a: Array, b: Array, s: Array, excess: int, v: Array) -> Array:
    """∂(a, b)/∂(t₁, t₂) as (k, 2, 2), from a = t₁ + v tr R22 and b = t₂ + v tr R11."""
    whole = (a * b)[:, None] + s**2
    mixed = (1 / whole - (a * b)[:, None] / whole**2).sum(axis=1)
    columns_b = -((a[:, None] / whole) ** 2).sum(axis=1) - excess / b**2
    rows_a = -((b[:, None] / whole) ** 2).sum(axis=1)
    own, of_b, of_a = 1 - v * mixed, -v * columns_b, -v * rows_a
    matrix = jnp.stack([jnp.stack([own, of_b], -1), jnp.stack([of_a, own], -1)], -2)
    return jnp.linalg.inv(matrix)


def _source(g: Array, extra: Array, slopes: Array, v: Array) -> tuple[Array, Array]:
    """v𝒢∂𝒢 in the planes of the singular values (k, p, 2, 2) and in the excess columns (k,)."""
    bent = -jnp.einsum("kpij,kjm,kpjl->kpmil", g, -slopes, g)  # ∂/∂z of both parameters
    planes = jnp.stack([bent[:, :, 1, 0], bent[:, :, 0, 1]], axis=-2)
    return v * g @ planes, v * extra**3 * slopes[:, 1, 0]


@jax.jit
def mean_correction(gradient: Array, variance: Array) -> Array:
    """What to add to E[V] of the Dyson equation, (p, n), for noise of the mean variance v."""
    p, n = gradient.shape
    left, s, right = jnp.linalg.svd(gradient, full_matrices=False)
    v = variance.mean()
    level = resolvent(jnp.eye(p, n) * s[:, None], jnp.full_like(variance, v))
    a, b = level.a[:, 0], level.b[:, 0]
    whole = (a * b)[:, None] + s**2
    diagonal = 1j * jnp.stack([b[:, None] / whole, a[:, None] / whole], -1)
    g = diagonal[..., None] * jnp.eye(2) + (s / whole)[..., None, None] * jnp.eye(2)[::-1]
    extra = 1j / b
    source, source_extra = _source(g, extra, _slopes(a, b, s, n - p, v), v)
    square = (g * jnp.swapaxes(g, -1, -2)).sum(axis=1)
    columns = square[:, 1, 1] + (n - p) * extra**2
    own = 1 - v * square[:, 0, 1]
    matrix = jnp.stack([jnp.stack([own, -v * square[:, 0, 0]], -1),
                        jnp.stack([-v * columns, own], -1)], -2)  # fmt: skip
    traces = jnp.stack([source[..., 0, 0].sum(1), source[..., 1, 1].sum(1)], -1)
    traces = traces.at[:, 1].add((n - p) * source_extra)
    change = jnp.linalg.solve(matrix, traces[..., None])[..., 0]
    shift = v * jnp.einsum("kpij,kj,kpjl->kpil", g, change[:, ::-1], g)
    total = (source + shift).real
    across = level.integral(0.5 * (total[..., 0, 1] + total[..., 1, 0]))
    return (left * across) @ right

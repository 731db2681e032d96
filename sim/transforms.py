"""Update rules that optax does not have in the form that is simulated here.

Each is an `optax.GradientTransformation` on vectors: the last axis of a gradient (…, d) holds the
coordinates, the leading axes are independent runs of one rule.  optax's rules that act on single
coordinates need nothing for that; those that couple coordinates are brought to it here.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

Shape = tuple[int, int]


def scale_by_soft_sign(eps: float) -> optax.GradientTransformation:
    """V = ĝ/√(ĝ² + ε²), coordinate by coordinate.

    Source: J. Su, kexue.fm 11280.  Holds for: ε > 0.
    """

    def direction(gradient: Any, _):
        return gradient / jnp.hypot(gradient, eps)

    return optax.stateless(direction)


def normalise() -> optax.GradientTransformation:
    """V = ĝ/‖ĝ‖₂ over all coordinates; 0 at ĝ = 0.

    optax.normalize_by_update_norm adds 1e-6 to the norm; nothing is added here.
    """

    def direction(gradient: Any, _):
        norm = jnp.linalg.norm(gradient, axis=-1, keepdims=True)
        return gradient / jnp.where(norm > 0, norm, 1)

    return optax.stateless(direction)


def matrix_sign(x):
    """The polar factor U Wᵀ of x = U diag(s) Wᵀ, over the last two axes.

    Singular values within rounding of zero leave the sum, so that the sign of 0 is 0.  From the
    SVD, in x's own dtype: the Gram matrix would lose the small singular values' directions, and
    the five Newton–Schulz steps of optax.contrib.muon bring each s only somewhere within 0.7 … 1.2.
    """
    u, s, wt = jnp.linalg.svd(x, full_matrices=False)
    rounding = jnp.finfo(x.dtype).eps * max(x.shape[-2:]) * s.max(-1, keepdims=True)
    return jnp.matmul(u * (s > rounding)[..., None, :], wt, precision=jax.lax.Precision.HIGHEST)


def orthogonalise(shape: Shape) -> optax.GradientTransformation:
    """V = msign(ĝ), the vector read as a matrix of this shape, row by row."""

    def direction(gradient: Any, _):
        return matrix_sign(_as_matrices(gradient, shape)).reshape(gradient.shape)

    return optax.stateless(direction)


def scale_by_row_and_column(shape: Shape, decay_rate: float) -> optax.GradientTransformation:
    """V = ĝ_ij √(mean R) / √(R_i C_j), R and C the running means of ĝ² over rows and columns.

    Step t forgets by 1 − t^(−decay_rate), so that the memory grows with t.  optax's
    `scale_by_factored_rms` on each matrix.
    Source: Shazeer & Stern 2018 (1804.04235), algorithm 4, without momentum, update clipping and
    the scale of the parameters, which are transformations of their own in optax.
    Holds for: |ĝ| ≫ 1e-15 (optax adds 1e-30 to ĝ²).
    """
    inner: Any = optax.scale_by_factored_rms(decay_rate=decay_rate, min_dim_size_to_factor=2)
    one_each: Any = (None, 0, 0, 0)  # axes of (count, v_row, v_col, v): the count is common to all
    apart: Any = optax.FactoredState(*one_each)

    def init(params):
        return jax.vmap(inner.init, out_axes=apart)(_as_matrices(params, shape, flat=True))

    def update(updates: Any, state, params=None):
        del params
        matrices = _as_matrices(updates, shape, flat=True)
        step: Any = jax.vmap(lambda g, s: inner.update(g, s, g), (0, apart), (0, apart))
        direction, state = step(matrices, state)
        return jnp.asarray(direction).reshape(updates.shape), state

    return optax.GradientTransformation(init, update)


def _as_matrices(x, shape: Shape, *, flat: bool = False):
    """(…, d) as (…, m, n); the leading axes made one if `flat`."""
    rows, columns = shape
    if x.shape[-1] != rows * columns:
        raise ValueError(f"a gradient of {x.shape[-1]} numbers has no shape ({rows}, {columns})")
    return x.reshape(-1, *shape) if flat else x.reshape(*x.shape[:-1], *shape)

"""The covariance of two signs as a series in their correlation (Mehler).

For unit normals with means h, k and correlation ρ, Cov(sign X, sign Y) = Σ_{n≥1} ρⁿ a_n(h) a_n(k)
with a_n(h) = 2(−1)ⁿ⁻¹ He_{n−1}(h) φ(h)/√n!. Every term is a product, so that with per-sample
gradients no d × d array is needed; its first term alone is the first-order form
D ≈ ℰᵀHℰ + Σ_i H_ii(1 − ℰ_i² − (2/π)w_i²) + (2/π) E[(w∘u)ᵀH(w∘u)], w_i = exp(−h_i²/2), u one
sample of unit variance. The middle term restores the diagonal.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array
from numpy.typing import ArrayLike

from theory import hypotheses as holds
from theory.correlated import Term
from theory.law import Law
from theory.symbols import Q_E, T_E, K_w, T, T_w, a_before, a_n, h, n_order

ORDER = 25  # 1 % of the covariance for |ρ| ≤ 0.9

MEHLER_FIRST = Law(
    "mehler_first",
    (h,),
    sp.sqrt(2 / sp.pi) * sp.exp(-(h**2) / 2),
    "Mehler 1866",
    (holds.JOINTLY_GAUSSIAN,),
    "First Mehler coefficient a_1 of a sign",
)
MEHLER_NEXT = Law(
    "mehler_next",
    (n_order, h, a_n, a_before),
    -(h * a_n + (n_order - 1) / sp.sqrt(n_order) * a_before) / sp.sqrt(n_order + 1),
    "Derived here from He_n = h He_{n−1} − (n−1) He_{n−2}",
    (holds.JOINTLY_GAUSSIAN,),
    "Mehler coefficient a_{n+1} of a sign from the two before",
)
FIRST_ORDER_CURVATURE = Law(
    "first_order_curvature",
    (Q_E, T, T_E, T_w, K_w),
    Q_E + (T - T_E - 2 / sp.pi * T_w) + 2 / sp.pi * K_w,
    "Mehler's first term; the diagonal restored here",
    (holds.JOINTLY_GAUSSIAN, holds.INDEPENDENT_SAMPLES, holds.FIRST_ORDER),
    "Sign descent: E[VᵀHV] to first order in the correlations",
)


@partial(jax.jit, static_argnames="order")
def sign_coefficients(h: Array, order: int) -> Array:
    """a_1(h) … a_order(h), stacked in front of the shape of `h`.

    By the recursion of normalised Hermite functions: no factor overflows, and what underflows is
    negligible, for |a_n(h)| ≤ 2√(φ(h)/n).
    """

    def step(carry: tuple[Array, Array], n: Array) -> tuple[tuple[Array, Array], Array]:
        current, before = carry
        return (MEHLER_NEXT.jax(n, h, current, before), current), current

    first = MEHLER_FIRST.jax(h)
    orders = jnp.arange(1, order + 1, dtype=first.dtype)
    return jax.lax.scan(step, (first, jnp.zeros_like(first)), orders)[1]


def sign_series(mu: Array, sigma: Array, batch: Array, order: int | None) -> tuple[Term, ...]:
    """Cov(sign ĝ_i, sign ĝ_j) to `order` in ρ_ij; a coordinate without noise has none.

    Holds for: Gaussian ĝ. Error of `ORDER` terms: 1 % of the covariance for |ρ| ≤ 0.9; of the
    first alone, at zero means, 1 % at ρ = 0.24, 5 % at 0.49 and 20 % at 0.9.
    """
    noisy = sigma > 0
    h = jnp.sqrt(batch) * mu / jnp.where(noisy, sigma, 1.0)
    coefficients = jnp.where(noisy, sign_coefficients(h, order or ORDER), 0.0)
    return tuple(Term(n, row) for n, row in enumerate(coefficients, 1))


def samples_of_factor(factor: ArrayLike) -> np.ndarray:
    """Centred samples (2k, d) whose covariance is LLᵀ of a factor L (d, k): the rows ±√k L_j.

    For `noise_samples=`, so that low-rank noise of any d needs no d × d array.
    Errors: ValueError unless L is 2-D, of floats, and has a column.
    """
    array = np.asarray(factor)
    if array.ndim != 2 or array.shape[1] == 0 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError("factor must be a (d, k) array of floats with k ≥ 1")
    rows = np.sqrt(array.shape[1], dtype=array.dtype) * array.T
    return np.concatenate([rows, -rows])

"""The soft sign V = ĝ/√(ĝ² + ε²), exactly: a sign that is dithered by noise of random size.

x/√(x² + ε²) = ∫₀^∞ e^{−w} erf(x√w/ε) dw, and erf(x√w/ε) is the mean sign of x plus Gaussian noise
of variance τ² = ε²/(2w). So every law of the sign serves, with s² = σ²/B → s² + τ² and a mean over
w: E[V], the coefficients of Mehler's series, and with ε²/(ĝ² + ε²) = ∫ e^{−w−wĝ²/ε²} dw also E[V²].

The integrals are sums over equal steps of ln w, where each integrand is smooth whatever ε/s.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array
from jax.typing import ArrayLike

from theory import hypotheses as holds
from theory.correlated import Term
from theory.law import Law
from theory.mehler import ORDER, sign_coefficients
from theory.moments import SIGN_MEAN, Moments
from theory.symbols import B, eps_A, mu, sigma, w

GAUSSIAN = (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN)
SOURCE = "Derived here"
STEP, LOWEST, HIGHEST = 0.4, -26.0, 4.0  # of ln w: 1e-8 of E[V] and of E[V²]

DITHERED = sp.sqrt(sigma**2 + B * eps_A**2 / (2 * w))
_DECAY = sp.tanh(w * mu**2 / (2 * (eps_A**2 + 2 * w * sigma**2 / B)))
_SPREAD = 2 * w * sigma**2 / (B * eps_A**2)

SOFT_SIGN_MEAN_DENSITY = Law(
    "soft_sign_mean_density",
    (mu, sigma, B, eps_A, w),
    sp.exp(-w) * SIGN_MEAN(mu, DITHERED, B),
    SOURCE,
    GAUSSIAN,
    "Soft sign: density over w of the mean update",
)
SOFT_SIGN_SQUARE_DENSITY = Law(
    "soft_sign_square_density",
    (mu, sigma, B, eps_A, w),
    # 1 − e^{−2x}/√(1 + y) with tanh x, in the form that loses no digits where both are small
    sp.exp(-w)
    / (1 + _DECAY)
    * (2 * _DECAY + (1 - _DECAY) * _SPREAD / (sp.sqrt(1 + _SPREAD) * (1 + sp.sqrt(1 + _SPREAD)))),
    SOURCE,
    GAUSSIAN,
    "Soft sign: density over w of the mean square of the update",
)


def soft_sign(gradient: Array, *, eps: Any) -> Array:
    """V = ĝ/√(ĝ² + ε²)."""
    return gradient / jnp.sqrt(gradient**2 + checked_eps(eps) ** 2)


def soft_sign_moments(mu: Array, sigma: Array, batch: Array, *, eps: Any) -> Moments:
    """Mean and variance of a soft sign, (d,) each.

    Holds for: Gaussian ĝ. Error: 1e-8 of E[V], and of E[V²] (so of the variance where |μ| ≲ s;
    where |μ| ≫ s the variance is a small difference, and 1e-8 of E[V²] can be all of it).
    """
    return _moments(mu, sigma, batch, checked_eps(eps))


@jax.jit
def _moments(mu: Array, sigma: Array, batch: Array, eps: ArrayLike) -> Moments:
    def densities(w: Array) -> Moments:
        return Moments(
            SOFT_SIGN_MEAN_DENSITY.jax(mu, sigma, batch, eps, w),
            SOFT_SIGN_SQUARE_DENSITY.jax(mu, sigma, batch, eps, w),
        )

    mean, square = _over_mixture(densities, mu.dtype)
    return Moments(mean, jnp.where(sigma > 0, jnp.maximum(square - mean**2, 0.0), 0.0))


def soft_sign_series(
    mu: Array, sigma: Array, batch: Array, order: int | None, *, eps: Any
) -> tuple[Term, ...]:
    """Cov(V_i, V_j) in powers of ρ_ij: Mehler's for signs of correlation ρ ss'/√(s²+τ²)√(s'²+τ'²),
    averaged over both dithers; each term remains a product.

    Error of `ORDER` terms: below that of the sign, 1 % for |ρ| ≤ 0.9.
    """
    rows = _coefficients(mu, sigma, batch, checked_eps(eps), order or ORDER)
    return tuple(Term(n, row) for n, row in enumerate(rows, 1))


@partial(jax.jit, static_argnames="order")
def _coefficients(mu: Array, sigma: Array, batch: Array, eps: ArrayLike, order: int) -> Array:
    powers = jnp.arange(1, order + 1)[:, None]

    def coefficients(w: Array) -> Array:
        deviation = jnp.sqrt(sigma**2 + batch * eps**2 / (2 * w))
        h = jnp.sqrt(batch) * mu / deviation
        shrink = (sigma / deviation) ** powers
        return jnp.exp(-w) * shrink * sign_coefficients(h, order)

    return _over_mixture(coefficients, mu.dtype)


def _over_mixture(density: Callable[[Array], Any], dtype: Any) -> Any:
    """∫₀^∞ density(w) dw, by the trapezoidal rule in ln w; never holds more than two nodes."""
    nodes = jnp.asarray(np.exp(np.arange(LOWEST, HIGHEST, STEP)), dtype)

    def add(sums: Any, w: Array) -> tuple[Any, None]:
        return jax.tree.map(lambda total, value: total + STEP * w * value, sums, density(w)), None

    zeros = jax.tree.map(jnp.zeros_like, jax.eval_shape(density, nodes[0]))
    return jax.lax.scan(add, zeros, nodes)[0]


def checked_eps(eps: Any) -> float:
    """The softening as a number. Errors: ValueError unless it is finite and positive."""
    try:
        number = float(eps)
    except (TypeError, ValueError):
        raise ValueError(f"eps must be a number, not {eps!r}") from None
    if not 0 < number < float("inf"):
        raise ValueError(f"eps must be positive and finite, not {number}")
    precision = jnp.finfo(jnp.zeros(()).dtype)
    if not precision.tiny <= number * number <= precision.max:
        raise ValueError(f"eps² must be a {precision.dtype} number: not for eps = {number}")
    return number

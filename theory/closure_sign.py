"""The sign of a Gaussian as the best linear function of it, plus a remainder.

For u = s(h + z), z a unit normal: sign u = ℰ + a (u − E u) + e with ℰ = erf(h/√2) and the slope
a = E[d sign u/du] = 2φ(h)/s. By Stein's lemma the remainder e is uncorrelated with everything that
is jointly Gaussian with u. Of two signs with correlation ρ the remainders have the covariance
K = Cov(sign, sign) − a_1(h) a_1(k) ρ, Mehler's series from its second term on. Cheaply, its second
term is kept and the rest taken as q(h) q(k) (arcsin ρ − ρ)/(π/2 − 1), which is what it is at
h = k = 0, with q² the variance left: exact on the diagonal and positive semi-definite, for all
Taylor coefficients in ρ are (Schur). Without the second term even the sign is wrong where h and k
are opposite.
"""

import jax.numpy as jnp
import sympy as sp
from jax import Array

from theory import hypotheses as holds
from theory.law import Law
from theory.mehler import MEHLER_FIRST, MEHLER_NEXT
from theory.moments import sign_covariance
from theory.symbols import B, P_k, a_k, epsilon, h, lambda_k, rho, sigma, v_e

REMAINDER_VARIANCE = Law(
    "remainder_variance",
    (h,),
    sp.erfc(h / sp.sqrt(2)) * sp.erfc(-h / sp.sqrt(2)) - 2 / sp.pi * sp.exp(-(h**2)),
    "Stein 1981, derived here",
    (holds.GAUSSIAN,),
    "Variance of a sign that no linear function of its argument explains",
)
REMAINDER_CORRELATION = Law(
    "remainder_correlation",
    (rho,),
    (sp.asin(rho) - rho) / (sp.pi / 2 - 1),
    "Sheppard 1899, derived here",
    (holds.JOINTLY_GAUSSIAN, holds.ZERO_MEANS),
    "Correlation of the remainders of two signs with zero means",
)
CLOSURE_VARIANCE = Law(
    "closure_variance",
    (P_k, lambda_k, sigma, B, epsilon, a_k, v_e),
    (1 - epsilon * a_k * lambda_k) ** 2 * P_k + epsilon**2 * (a_k**2 * sigma**2 / B + v_e),
    "Derived here",
    (holds.QUADRATIC, holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.CLOSED),
    "Variance of a parameter after one more step, V = E V + a (u − E u) + e",
)


def slope(h: Array, deviation: Array) -> Array:
    """E[d sign u/du] = 2φ(h)/s of u = s(h + z); 0 where s = 0."""
    safe = jnp.where(deviation > 0, deviation, 1.0)
    return jnp.where(deviation > 0, MEHLER_FIRST.jax(h) / safe, 0.0)


def remainder_variance(h: Array) -> Array:
    """1 − ℰ² − a_1(h)² (…, d); not below 0, where it would be by rounding."""
    return jnp.maximum(REMAINDER_VARIANCE.jax(h), 0.0)


def second(h: Array) -> Array:
    """a_2(h), Mehler's second coefficient of a sign (…, d)."""
    return MEHLER_NEXT.jax(1.0, h, MEHLER_FIRST.jax(h), 0.0)


def arcsine_remainder(h: Array, rho: Array) -> Array:
    """K (…, d, d) as Mehler's second term and an arcsine; `h` (…, d), `rho` of unit diagonal.

    Error: none at h = 0 or to second order in ρ; 0.003 at |ρ| = 0.3 and
    0.03 at 0.6 for |h|, |k| ≤ 2; at |ρ| = 0.99, means unlike, as large as K itself (0.28).
    """
    a_2 = second(h)
    root = jnp.sqrt(jnp.maximum(remainder_variance(h) - a_2**2, 0.0))
    return _outer(a_2) * rho**2 + _outer(root) * REMAINDER_CORRELATION.jax(rho)


def independent_remainder(h: Array, _rho: Array) -> Array:
    """K without its off-diagonal part: a wrong law, for comparison."""
    return remainder_variance(h)[..., None] * jnp.eye(h.shape[-1])


def _outer(a: Array) -> Array:
    return a[..., :, None] * a[..., None, :]


def exact_remainder(h: Array, rho: Array) -> Array:
    """K (…, d, d) by quadrature of the covariance (`moments.sign_covariance`), exact diagonal."""
    first = MEHLER_FIRST.jax(h)
    whole = sign_covariance(h[..., :, None], h[..., None, :], rho)
    pairs = whole - _outer(first) * rho
    own = jnp.eye(h.shape[-1], dtype=bool)
    return jnp.where(own, remainder_variance(h)[..., None], pairs)

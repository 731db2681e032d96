"""Mean and variance of one coordinate of an update, and the covariance of two signs.

A batch gradient is the mean of B independent samples, so ĝ ~ N(μ, σ²/B) in each coordinate.
SGD takes V = ĝ, sign descent V = sign ĝ. Two coordinates are jointly Gaussian with the
correlation ρ of their per-sample gradients, whatever B.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array
from jax.typing import ArrayLike

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import B, h, k, mu, r, rho, sigma, u

GAUSS_POINTS = 24
NEARLY_ONE = 1 - 1e-10  # beyond, the closed form of |ρ| = 1 is nearer than the quadrature


class Moments(NamedTuple):
    """Mean and variance of each coordinate of the update, both (d,)."""

    mean: Array
    variance: Array


SGD_VARIANCE = Law(
    "sgd_variance",
    (sigma, B),
    sigma**2 / B,
    "McCandlish et al. 2018 (1812.06162), §2.2",
    (holds.INDEPENDENT_SAMPLES,),
    "Variance of a batch gradient",
)
SIGN_MEAN = Law(
    "sign_mean",
    (mu, sigma, B),
    sp.erf(sp.sqrt(B / 2) * mu / sigma),
    "Li et al. 2024 (2405.14578), Theorem 2",
    (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.NO_DEAD_COORDINATE),
    "Mean sign of a batch gradient",
)
SIGN_VARIANCE = Law(
    "sign_variance",
    (mu, sigma, B),
    # 1 − ℰ², in the form that loses no digits where ℰ is near ±1
    sp.erfc(sp.sqrt(B / 2) * mu / sigma) * sp.erfc(-sp.sqrt(B / 2) * mu / sigma),
    "Li et al. 2024 (2405.14578), Theorem 2",
    (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.NO_DEAD_COORDINATE),
    "Variance of the sign of a batch gradient",
)
SIGMOID_MEAN = Law(
    "sigmoid_mean",
    (r, B),
    r / sp.sqrt(sp.pi / (2 * B) + r**2),
    "Li et al. 2024 (2405.14578), eq. (10)",
    (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.NO_DEAD_COORDINATE, holds.SIGMOID),
    "Mean sign, sigmoid approximation",
)
ARCSINE = Law(
    "arcsine",
    (rho,),
    2 / sp.pi * sp.asin(rho),
    "Sheppard 1899",
    (holds.JOINTLY_GAUSSIAN, holds.ZERO_MEANS),
    "Covariance of two signs with zero means",
)
SIGN_COVARIANCE_DENSITY = Law(
    "sign_covariance_density",
    (h, k, u),
    2 / sp.pi * sp.exp(-((h * sp.cosh(u) - k * sp.sinh(u)) ** 2 + k**2) / 2) / sp.cosh(u),
    "Price 1958, with ρ = tanh u",
    (holds.JOINTLY_GAUSSIAN,),
    "Density of the covariance of two signs over artanh ρ",
)
PERFECT_COVARIANCE = Law(
    "perfect_covariance",
    (h, k),
    1
    - sp.Abs(sp.erf(h / sp.sqrt(2)) - sp.erf(k / sp.sqrt(2)))
    - sp.erf(h / sp.sqrt(2)) * sp.erf(k / sp.sqrt(2)),
    "Derived here: at ρ = 1 the signs differ where −z lies between h and k",
    (holds.JOINTLY_GAUSSIAN,),
    "Covariance of two signs at ρ = 1; at ρ = −1 minus that of (h, −k)",
)


def sgd_moments(mu: Array, sigma: Array, batch: ArrayLike) -> Moments:
    """V = ĝ: mean μ, variance σ²/B."""
    return Moments(mu, SGD_VARIANCE.jax(sigma, batch))


def sign_moments(mu: Array, sigma: Array, batch: ArrayLike) -> Moments:
    """V = sign ĝ: mean ℰ = erf(√(B/2) μ/σ), variance 1 − ℰ²; sign μ and 0 where σ = 0.

    Source: Li et al. 2024, Theorem 2. Holds for: Gaussian ĝ; not μ = σ = 0 (gives 0 and 0).
    """
    noisy, safe = sigma > 0, jnp.where(sigma > 0, sigma, 1.0)
    return Moments(
        jnp.where(noisy, SIGN_MEAN.jax(mu, safe, batch), jnp.sign(mu)),
        jnp.where(noisy, SIGN_VARIANCE.jax(mu, safe, batch), 0.0),
    )


def sigmoid_moments(mu: Array, sigma: Array, batch: ArrayLike) -> Moments:
    """As `sign_moments`, with the approximation ℰ ≈ r/√(π/(2B) + r²) of eq. (10)."""
    noisy, safe = sigma > 0, jnp.where(sigma > 0, sigma, 1.0)
    mean = jnp.where(noisy, SIGMOID_MEAN.jax(mu / safe, batch), jnp.sign(mu))
    return Moments(mean, 1 - mean**2)


def sign_covariance(h: ArrayLike, k: ArrayLike, rho: ArrayLike) -> Array:
    """Cov(sign X, sign Y) of unit normals with means h, k and correlation ρ; all broadcast.

    (2/π) ∫₀^{artanh ρ} exp(−½[(h cosh u − k sinh u)² + k²]) du / cosh u, by Gauss-Legendre.
    Source: Price's theorem, ∂E[sign X sign Y]/∂ρ = 4φ₂(h, k; ρ), and ρ = tanh u.
    Error: 1e-15 for |ρ| < 0.9, 3e-8 for |ρ| ≤ 1 − 1e-4, 1e-4 closer to 1; |ρ| = 1 in closed form.
    """
    h, k, rho = jnp.asarray(h), jnp.asarray(k), jnp.asarray(rho)
    nodes, weights = np.polynomial.legendre.leggauss(GAUSS_POINTS)
    half = jnp.arctanh(jnp.clip(rho, -NEARLY_ONE, NEARLY_ONE))[..., None] / 2
    density = SIGN_COVARIANCE_DENSITY.jax(
        h[..., None], k[..., None], half * (1 + jnp.asarray(nodes, half.dtype))
    )
    perfect = jnp.sign(rho) * PERFECT_COVARIANCE.jax(h, jnp.sign(rho) * k)
    integral = half[..., 0] * (density @ jnp.asarray(weights, half.dtype))
    return jnp.where(jnp.abs(rho) < NEARLY_ONE, integral, perfect)

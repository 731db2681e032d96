"""The mean sign of a batch of skewed or heavy-tailed samples: Edgeworth's expansion.

The mean of B samples of skewness γ and excess kurtosis κ₄ is Gaussian up to 1/√B; the next two
orders follow from the cumulants, which fall as B^{1−n/2}. Range: samples with a density and
γ²/B, κ₄/B ≲ 1. Beyond, the expansion leaves [−1, 1] and says nothing; with values on a lattice
(a share of exact zeros, B of a few) its error stays of the order 1/√B whatever its order.
"""

import jax.numpy as jnp
import sympy as sp
from jax import Array

from theory import hypotheses as holds
from theory.law import Law
from theory.moments import SIGN_MEAN, Moments
from theory.symbols import B, gamma_1, h, kappa_4

NORMAL = sp.exp(-(h**2) / 2) / sp.sqrt(2 * sp.pi)
SKEWED = gamma_1 / (3 * sp.sqrt(B)) * NORMAL * (h**2 - 1)
HOLDS = (holds.INDEPENDENT_SAMPLES, holds.SMOOTH_SAMPLES, holds.FOUR_MOMENTS)

EDGEWORTH_FIRST = Law(
    "edgeworth_first",
    (h, B, gamma_1),
    SIGN_MEAN(h, 1, 1) + SKEWED,
    "Edgeworth 1905; the sign's mean derived here",
    HOLDS,
    "Mean sign of a batch gradient, to order 1/√B",
)
EDGEWORTH_SECOND = Law(
    "edgeworth_second",
    (h, B, gamma_1, kappa_4),
    SIGN_MEAN(h, 1, 1)
    + SKEWED
    - NORMAL / B * (kappa_4 / 12 * (h**3 - 3 * h) + gamma_1**2 / 36 * (h**5 - 10 * h**3 + 15 * h)),
    "Edgeworth 1905; the sign's mean derived here",
    HOLDS,
    "Mean sign of a batch gradient, to order 1/B",
)


def edgeworth_moments(
    mu: Array, sigma: Array, batch: Array, *, skewness: Array, kurtosis: Array, terms: int
) -> Moments:
    """V = sign ĝ to order 1/√B (`terms` 1) or 1/B (2): mean ℰ, kept within ±1, variance 1 − ℰ².

    Holds for: samples with a density; sign μ and 0 where σ = 0.
    """
    noisy = sigma > 0
    ratio = jnp.sqrt(batch) * mu / jnp.where(noisy, sigma, 1.0)
    if terms == 1:
        mean = EDGEWORTH_FIRST.jax(ratio, batch, skewness)
    else:
        mean = EDGEWORTH_SECOND.jax(ratio, batch, skewness, kurtosis)
    mean = jnp.where(noisy, jnp.clip(mean, -1.0, 1.0), jnp.sign(mu))
    return Moments(mean, 1 - mean**2)


def cumulants(samples: Array, sigma: Array) -> tuple[Array, Array]:
    """Skewness and excess kurtosis, (d,) each, of centred samples (n, d); 0 where σ = 0."""
    noisy = sigma > 0
    unit = samples.astype(sigma.dtype) / jnp.where(noisy, sigma, 1.0)
    skewness, fourth = (unit**power for power in (3, 4))
    return skewness.mean(axis=0), jnp.where(noisy, fourth.mean(axis=0) - 3, 0.0)

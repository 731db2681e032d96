"""The joint law of signs with given marginals: a thresholded Gaussian vector (a Gaussian copula).

The noise of a batch is drawn as a Gaussian u of unit variances and the samples' correlation, and
V_i = +1 where u_i is in its upper p⁺_i, −1 where it is in its lower p⁻_i, 0 between. Exact for
Gaussian samples. For others the marginals are right whatever they are, the dependence is not:
sparse gradients share their zeros, heavy-tailed ones their scale.
"""

from typing import NamedTuple

import jax.numpy as jnp
import sympy as sp
from jax import Array
from jax.typing import DTypeLike

from theory import hypotheses as holds
from theory.correlated import Curvature
from theory.draws import drawn_curvature, gaussian_noise
from theory.law import Law
from theory.problem import Problem
from theory.rules.rule import Budget
from theory.symbols import p

COPULA_THRESHOLD = Law(
    "copula_threshold",
    (p,),
    sp.sqrt(2) * sp.erfinv(1 - 2 * p),
    "Definition of a Gaussian copula",
    (holds.GAUSSIAN_COPULA,),
    "Value that a unit normal exceeds with probability p",
)


class Marginals(NamedTuple):
    """P(V_i = +1) and P(V_i = −1), (b, d) each; the rest is P(V_i = 0)."""

    plus: Array
    minus: Array

    @property
    def mean(self) -> Array:
        """E[V], (b, d)."""
        return self.plus - self.minus


def copula_draws(marginals: Marginals, problem: Problem, budget: Budget) -> Curvature:
    """E[VᵀHV] by batch size, (b,), of signs with these marginals, by Monte Carlo.

    The correlation is that of `problem.noise_samples`; all batch sizes share their draws.
    """
    samples = problem.noise_samples
    assert samples is not None
    upper_bd = _scaled(COPULA_THRESHOLD.jax(marginals.plus), problem.sigma, samples.dtype)
    lower_bd = _scaled(-COPULA_THRESHOLD.jax(marginals.minus), problem.sigma, samples.dtype)

    def directions(key: Array, size: int) -> list[Array]:
        noise = gaussian_noise(samples, key, size)
        return [
            (noise > upper).astype(noise.dtype) - (noise < lower).astype(noise.dtype)
            for upper, lower in zip(upper_bd, lower_bd, strict=True)
        ]

    return drawn_curvature(
        directions, problem.mu, samples, problem.hessian, budget.draws, budget.key
    )


def _scaled(threshold_bd: Array, sigma: Array, dtype: DTypeLike) -> Array:
    """Thresholds on noise of deviation σ; what is certain stays infinite where σ = 0."""
    certain = jnp.isinf(threshold_bd)
    scaled = jnp.where(certain, threshold_bd, jnp.where(certain, 0.0, threshold_bd) * sigma)
    return scaled.astype(dtype)

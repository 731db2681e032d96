"""Sign descent, V = sign ĝ: Adam with β1 = β2 = 0 (Theorem 2).

With `noise_samples`, `noise` says what is taken from them:

* "gaussian" (default): their covariance. Within 10 % on networks for B ≥ 16 to 64.
* "copula": also P(V_i = ±1), enumerated, the dependence being that of a Gaussian: N is exact.
* "population": all of it, batches being drawn from them with replacement; N enumerated, D drawn.
"""

from typing import Any

import jax.numpy as jnp

from theory.coordinatewise import Coordinatewise
from theory.copula import copula_draws
from theory.correlated import sign_pair
from theory.enumeration import population_draws, sample_marginals
from theory.mehler import sign_series
from theory.moments import SIGN_MEAN, sign_moments
from theory.problem import Problem
from theory.rules.rule import Budget, Rule, Sums
from theory.sign_card import SIGN_CARD

GAUSSIAN = Coordinatewise(sign_moments, pair=sign_pair, series=sign_series, update=jnp.sign)
NOISE = ("gaussian", "copula", "population")


def _sums(problem: Problem, budget: Budget, *, noise: Any) -> Sums:
    if noise not in NOISE:
        raise ValueError(f"noise must be one of {', '.join(NOISE)}, not {noise!r}")
    if noise == "gaussian":
        return GAUSSIAN(problem, budget)
    if problem.noise_samples is None or budget.order is not None:
        raise ValueError(f"noise {noise!r} needs noise_samples, and has no order")
    batch_b = jnp.atleast_1d(problem.batch)
    marginals = sample_marginals(problem.mu, problem.noise_samples, batch_b)
    if noise == "copula":
        curvature = copula_draws(marginals, problem, budget)
    else:
        curvature = population_draws(problem, budget)
    return Sums(marginals.mean @ problem.mu, *curvature)


RULE = Rule(
    "sign",
    "Sign descent",
    _sums,
    SIGN_MEAN,
    card=SIGN_CARD,
    parameters={"noise": "gaussian"},
)

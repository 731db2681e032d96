"""Sign descent of skewed or heavy-tailed samples by Edgeworth's expansion.

Their cumulants are given, or with `noise_samples` taken from those where None. Coordinates are
independent, or follow a Gaussian copula of the samples' correlation.
"""

from typing import Any

import jax.numpy as jnp

from theory.coordinatewise import Coordinatewise
from theory.copula import Marginals, copula_draws
from theory.edgeworth import EDGEWORTH_SECOND, cumulants, edgeworth_moments
from theory.hessian import real
from theory.problem import Problem
from theory.rules.rule import Budget, Rule, Sums


def _sums(problem: Problem, budget: Budget, *, skewness: Any, kurtosis: Any, terms: int) -> Sums:
    if terms not in (1, 2):
        raise ValueError("terms must be 1 (order 1/√B) or 2 (order 1/B)")
    samples = problem.noise_samples
    own = (0.0, 0.0) if samples is None else cumulants(samples, problem.sigma)
    given = (("skewness", skewness, own[0]), ("kurtosis", kurtosis, own[1]))
    known = {name: _cumulant(name, value, default, problem) for name, value, default in given}
    if samples is None:
        return Coordinatewise(edgeworth_moments)(problem, budget, **known, terms=terms)
    batch_b = jnp.atleast_1d(problem.batch)
    moments_b = [
        edgeworth_moments(problem.mu, problem.sigma, b, **known, terms=terms) for b in batch_b
    ]
    mean_bd = jnp.stack([moments.mean for moments in moments_b])
    numerator = mean_bd @ problem.mu
    return Sums(
        numerator, *copula_draws(Marginals((1 + mean_bd) / 2, (1 - mean_bd) / 2), problem, budget)
    )


def _cumulant(name: str, value: Any, default: Any, problem: Problem) -> Any:
    array = real(name, default if value is None else value)
    if array.shape not in ((), problem.mu.shape) or not bool(jnp.isfinite(array).all()):
        raise ValueError(f"{name} must be finite, a scalar or of shape {problem.mu.shape}")
    return array


RULE = Rule(
    "sign_edgeworth",
    "Sign descent, Edgeworth's expansion",
    _sums,
    EDGEWORTH_SECOND,
    parameters={"skewness": None, "kurtosis": None, "terms": 2},
    update="sign",
    accuracy=None,
)

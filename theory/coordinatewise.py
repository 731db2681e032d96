"""Rules that treat each coordinate by itself: N and D from moments and pair covariances.

Coordinate i of V is a function of coordinate i of the gradients. Then E[V] and the diagonal of
cov V follow from μ_i and σ_i alone, and the correlation ρ_ij of two coordinates enters only
Cov(V_i, V_j): exactly, as a series in ρ, or through Gaussian draws of the update.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from theory.correlated import Pair, Series, pair_trace, sample_trace, series_trace
from theory.descent import numerator_and_curvature
from theory.draws import gaussian_draws
from theory.moments import Moments
from theory.problem import Problem
from theory.rules.rule import Budget, Sums


@dataclass(frozen=True)
class Coordinatewise:
    """The `sums` of a rule that treats each coordinate by itself.

    `moments(mu, sigma, batch, **parameters)`: mean and variance of V_i, (d,) each.
    `pair(mu_i, sigma_i, mu, sigma, rho, batch, **parameters)`: exact Cov of V_i with all, (d,).
    `series(mu, sigma, batch, order, **parameters)`: Cov(V_i, V_j) as `Term`s in powers of ρ_ij.
    `update(gradient, **parameters)`: V of one or many batch gradients (…, d).

    Dense correlations take `pair`, else the series; per-sample gradients take draws of `update`,
    else the series. An `order` in the budget asks for the series. A linear rule needs only
    `moments` and a series of one term, which is exact.
    """

    moments: Callable[..., Moments]
    pair: Pair | None = None
    series: Series | None = None
    update: Callable[..., Array] | None = None

    def __call__(self, problem: Problem, budget: Budget, **parameters: Any) -> Sums:
        """N and D by batch size. Errors: ValueError where the rule lacks the route asked for."""
        mu, sigma, hessian = problem.mu, problem.sigma, problem.hessian
        batch_b = jnp.atleast_1d(problem.batch)
        moments_b = [self.moments(mu, sigma, batch, **parameters) for batch in batch_b]
        sums = [numerator_and_curvature(mu, moments.mean, hessian) for moments in moments_b]
        numerator, along_mean = (jnp.stack(part) for part in zip(*sums, strict=True))
        variance_bd = jnp.stack([moments.variance for moments in moments_b])
        if problem.noise_samples is not None and self._draws(budget):
            update, samples = self.update, problem.noise_samples
            assert update is not None
            curvature = gaussian_draws(
                lambda gradient: update(gradient, **parameters),
                *(mu, samples, hessian, batch_b, budget.draws, budget.key),
            )
            return Sums(numerator, *curvature)
        trace, sem = self._trace(problem, budget, variance_bd, batch_b, parameters)
        return Sums(numerator, along_mean + trace, sem)

    def _draws(self, budget: Budget) -> bool:
        return self.update is not None and budget.order is None

    def _trace(
        self,
        problem: Problem,
        budget: Budget,
        variance_bd: Array,
        batch_b: Array,
        parameters: dict[str, Any],
    ) -> tuple[Array, Array]:
        """tr(H cov V) by batch size and its standard error, (b,) each."""
        mu, sigma, hessian, _, correlation, samples = problem
        diagonal = variance_bd @ hessian.diagonal
        exact = jnp.zeros_like(diagonal)
        if correlation is None and samples is None:
            return diagonal, exact
        if correlation is not None and self.pair is not None and budget.order is None:
            rest = pair_trace(self.pair, mu, sigma, correlation, hessian, batch_b, parameters)
            return diagonal + rest, exact
        if self.series is None:
            raise ValueError("the rule has no law for correlated noise")
        terms_b = [self.series(mu, sigma, b, budget.order, **parameters) for b in batch_b]
        if correlation is not None:
            return diagonal + series_trace(terms_b, correlation, hessian), exact
        assert samples is not None
        rest = sample_trace(terms_b, samples, sigma, hessian, budget.draws, budget.key)
        return diagonal + rest.value, rest.sem

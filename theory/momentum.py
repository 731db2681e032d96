"""Averages of gradients: what they do to the noise of one step, at a frozen gradient.

The stationary m ← β m + (1−β) ĝ has mean μ and variance c σ²/B with c = (1−β)/(1+β), and the
correlations of ĝ. So one step of momentum or of Signum (sign m) follows the law of SGD or of sign
descent with σ² → cσ². Lion takes the sign of β1 m + (1−β1) ĝ, where m averages with β2 and does
not hold ĝ yet: σ² → [(1−β1)² + β1²(1−β2)/(1+β2)] σ².

One step only, with the gradient frozen while m became stationary. Steps of a run share their m, so
over many steps these factors are too kind: in the long run a linear rule's is 1.
"""

from collections.abc import Callable
from typing import Any

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.moments import SGD_VARIANCE, SIGN_MEAN, SIGN_VARIANCE
from theory.problem import Problem
from theory.rules.rule import Budget, Sums
from theory.symbols import B, beta_1, beta_2, mu, sigma

AVERAGES = (holds.INDEPENDENT_SAMPLES, holds.FROZEN)
SIGNS = (*AVERAGES, holds.GAUSSIAN, holds.NO_DEAD_COORDINATE)
SOURCE = "Su 2025 (kexue.fm 11280)"

EMA_FACTOR = Law(
    "ema_factor",
    (beta_1,),
    (1 - beta_1) / (1 + beta_1),
    SOURCE,
    AVERAGES,
    "Variance of a stationary average, over that of its terms",
)
LION_FACTOR = Law(
    "lion_factor",
    (beta_1, beta_2),
    (1 - beta_1) ** 2 + beta_1**2 * EMA_FACTOR(beta_2),
    "Derived here",
    AVERAGES,
    "Variance of Lion's average, over that of a gradient",
)
MOMENTUM_VARIANCE = Law(
    "momentum_variance",
    (sigma, B, beta_1),
    EMA_FACTOR.expr * SGD_VARIANCE.expr,
    SOURCE,
    AVERAGES,
    "Momentum: variance of the update",
)
SIGNUM_MEAN = Law(
    "signum_mean",
    (mu, sigma, B, beta_1),
    SIGN_MEAN(mu, sigma * sp.sqrt(EMA_FACTOR.expr), B),
    "Derived here from Theorem 2",
    SIGNS,
    "Signum: mean update of a coordinate",
)
SIGNUM_VARIANCE = Law(
    "signum_variance",
    (mu, sigma, B, beta_1),
    SIGN_VARIANCE(mu, sigma * sp.sqrt(EMA_FACTOR.expr), B),
    "Derived here from Theorem 2",
    SIGNS,
    "Signum: variance of the update",
)
LION_MEAN = Law(
    "lion_mean",
    (mu, sigma, B, beta_1, beta_2),
    SIGN_MEAN(mu, sigma * sp.sqrt(LION_FACTOR.expr), B),
    "Derived here from Theorem 2",
    SIGNS,
    "Lion: mean update of a coordinate",
)
LION_VARIANCE = Law(
    "lion_variance",
    (mu, sigma, B, beta_1, beta_2),
    SIGN_VARIANCE(mu, sigma * sp.sqrt(LION_FACTOR.expr), B),
    "Derived here from Theorem 2",
    SIGNS,
    "Lion: variance of the update",
)


def averaged(sums: Callable[[Problem, Budget], Sums], factor: Law) -> Callable[..., Sums]:
    """The sums of a rule that sees an average of gradients, of noise σ² · factor(β1, …).

    A batch B/factor has just that noise, whatever its correlations: the rule's own law is taken
    there. Errors: ValueError for a decay outside [0, 1).
    """

    def of_average(problem: Problem, budget: Budget, **decays: Any) -> Sums:
        for name, decay in decays.items():
            checked_decay(name, decay)
        values = [decays[symbol.name.replace("_", "")] for symbol in factor.args]
        batch = problem.batch / factor.jax(*values)
        return sums(problem._replace(batch=batch), budget)

    return of_average


def checked_decay(name: str, decay: Any) -> float:
    """A decay as a number in [0, 1). Errors: ValueError naming it."""
    try:
        number = float(decay)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {decay!r}") from None
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be in [0, 1), not {number}")
    return number

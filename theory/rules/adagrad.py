"""Adagrad after t steps from an empty accumulator, V = ĝ_t/√(Σ_{k≤t} ĝ_k²), at a frozen gradient.

The t squares have equal weights, so that E[V²] = 1/t exactly, by symmetry. The mean is exact by one
quadrature (`theory.ratio`); in closed form, with h = √B μ/σ, it is
h Γ((t+1)/2)/(√2 Γ(t/2+1)) · ₁F₁(½; t/2+1; −th²/2). At t = 1 it is the sign of ĝ; for t ≫ 1 V is
RMSProp's over √t, so that ε* is √t times RMSProp's. No law of it is known to the literature.
"""

from typing import Any

import jax.numpy as jnp
import sympy as sp
from jax import Array
from jax.typing import ArrayLike

from theory import hypotheses as holds
from theory.coordinatewise import Coordinatewise
from theory.correlated import Term
from theory.law import Law
from theory.moments import Moments
from theory.problem import checked_count
from theory.ratio import HOLDS, RATIO_MEAN_DENSITY, ratio_moments
from theory.ratio_history import History, equal
from theory.ratio_series import RATIO_FIRST_MEAN, ratio_terms
from theory.rules.adam import limit_card
from theory.rules.rule import Rule
from theory.symbols import G1, B, Q, T, mu, sigma, t_steps

MOST_STEPS = 10**15  # beyond, 1/t is lost in the weights

ADAGRAD_SQUARE = Law(
    "adagrad_square",
    (t_steps,),
    1 / t_steps,
    "Derived here",
    (holds.INDEPENDENT_SAMPLES, holds.FROZEN, holds.NO_DEAD_COORDINATE),
    "Adagrad: mean squared update of a coordinate",
)
ADAGRAD_FIRST_MEAN = Law(
    "adagrad_first_mean",
    (mu, sigma, B, t_steps),
    RATIO_FIRST_MEAN(sp.sqrt(B) * mu / sigma, 1 / t_steps, 1 / t_steps) / sp.sqrt(t_steps),
    "Derived here to first order in 1/t",
    (*HOLDS, holds.LONG_MEMORY),
    "Adagrad: mean update of a coordinate, first correction in 1/t",
)
ADAGRAD_PEAK_LR = Law(
    "adagrad_peak_lr",
    (G1, T, Q, t_steps),
    G1 * sp.sqrt(t_steps) / (2 * sp.sqrt(T * (Q - T))),
    "Derived here",
    (
        *(*HOLDS, holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT),
        *(holds.INDEPENDENT_COORDINATES, holds.COMMON_RATIO, holds.POSITIVE_TRACE, holds.SURGING),
    ),
    "Adagrad, one ratio, any number of steps: optimal learning rate at the peak",
)


def _moments(mu: Array, sigma: Array, batch: ArrayLike, *, steps: Any) -> Moments:
    """Mean and variance of V; sign μ/√t and 0 where σ = 0. Source: derived here, exact."""
    moments = ratio_moments(_history(steps), mu, sigma, batch)
    return Moments(moments.mean / jnp.sqrt(steps), moments.variance / steps)


def _series(
    mu: Array, sigma: Array, batch: ArrayLike, order: int | None, *, steps: Any
) -> tuple[Term, ...]:
    """Cov(V_i, V_j) to ρ³, within 1.5 % at 5 steps and 0.5 % at 10."""
    terms = ratio_terms(_history(steps), mu, sigma, batch, order)
    factors = ((term.power, term.factor / jnp.sqrt(steps)) for term in terms)
    return tuple(Term(power, factor) for power, factor in factors)


def _history(steps: Any) -> History:
    count = checked_count("steps", steps, 1)
    if count > MOST_STEPS:
        raise ValueError(f"steps must be at most {MOST_STEPS}, not {count}")
    return equal(count)


RULE = Rule(
    "adagrad",
    "Adagrad after t steps at a frozen gradient",
    Coordinatewise(_moments, series=_series),
    RATIO_MEAN_DENSITY,
    card=limit_card("adagrad", "Adagrad, many steps", sp.Integer(0), 1 / sp.sqrt(t_steps)),
    parameters={"steps": 100},
    cases=({"steps": 10},),
)

"""Adam, V = m/√v, stationary at a frozen gradient: any β1 and β2.

m and v average the last gradients and their squares. For β2 → 1 (the default, `beta2=1.0`) v is
certain and V linear: E[V] = φ = μ/√(μ² + σ²/B), Var V = c(1 − φ²), c = (1−β1)/(1+β1). For β2 < 1
the moments are exact by one quadrature (`theory.ratio`); their first correction in 1 − β2 is a law.
In a stationary state the bias corrections are 1. The softening ε of √v is left out.
"""

from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array
from jax.typing import ArrayLike

from theory import hypotheses as holds
from theory.card import Card, common_ratio_card
from theory.coordinatewise import Coordinatewise
from theory.correlated import Term
from theory.law import Law
from theory.moments import Moments
from theory.momentum import EMA_FACTOR
from theory.ratio import HOLDS, RATIO_MEAN_DENSITY, ratio_moments
from theory.ratio_history import History, geometric
from theory.ratio_series import RATIO_FIRST_COVARIANCE, RATIO_FIRST_MEAN, ratio_terms
from theory.rules.rule import Rule
from theory.symbols import G1, B, Q, T, beta_1, beta_2, kappa, mu, sigma

SOURCE = "Su 2025 (kexue.fm 11280), by coordinate"
LIMIT = (*HOLDS, holds.LONG_MEMORY)
MOMENTUM = EMA_FACTOR.expr
SIGNAL = sp.sqrt(B) * mu / sigma
ONE = sp.Integer(1)

SUM_AA = MOMENTUM
SUM_WW = (1 - beta_2) / (1 + beta_2)
SUM_AW = (1 - beta_1) * (1 - beta_2) / (1 - beta_1 * beta_2)
SUM_AAW = (1 - beta_1) ** 2 * (1 - beta_2) / (1 - beta_1**2 * beta_2)

ADAM_MEAN = Law(
    "adam_mean",
    (mu, sigma, B),
    mu / sp.sqrt(mu**2 + sigma**2 / B),
    SOURCE,
    LIMIT,
    "Adam, β2 → 1: mean update of a coordinate",
)
ADAM_VARIANCE = Law(
    "adam_variance",
    (mu, sigma, B, beta_1),
    MOMENTUM * sigma**2 / (B * mu**2 + sigma**2),
    SOURCE,
    LIMIT,
    "Adam, β2 → 1: variance of the update",
)
ADAM_FIRST_MEAN = Law(
    "adam_first_mean",
    (mu, sigma, B, beta_1, beta_2),
    RATIO_FIRST_MEAN(SIGNAL, SUM_AW, SUM_WW),
    "Derived here to first order in 1 − β2",
    LIMIT,
    "Adam: mean update of a coordinate, first correction in 1 − β2",
)
ADAM_FIRST_VARIANCE = Law(
    "adam_first_variance",
    (mu, sigma, B, beta_1, beta_2),
    RATIO_FIRST_COVARIANCE(SIGNAL, SIGNAL, 1, SUM_AA, SUM_AW, SUM_WW, SUM_AAW),
    "Derived here to first order in 1 − β2",
    LIMIT,
    "Adam: variance of the update, first correction in 1 − β2",
)


def adam_moments(mu: Array, sigma: Array, batch: ArrayLike, *, beta1: Any, beta2: Any) -> Moments:
    """Mean and variance of m/√v by coordinate; sign μ and 0 where σ = 0.

    Source: β2 = 1 (the limit) Su 2025; β2 < 1 derived here, exact. Holds for: a frozen gradient,
    stationary averages, Gaussian ĝ; not μ = σ = 0.
    """
    history = _history(beta1, beta2)
    if history is not None:
        return ratio_moments(history, mu, sigma, batch)
    return _limit(mu, sigma, batch, beta1)


@jax.jit
def _limit(mu: Array, sigma: Array, batch: ArrayLike, beta1: ArrayLike) -> Moments:
    return Moments(ADAM_MEAN.jax(mu, sigma, batch), ADAM_VARIANCE.jax(mu, sigma, batch, beta1))


def adam_series(
    mu: Array, sigma: Array, batch: ArrayLike, order: int | None, *, beta1: Any, beta2: Any
) -> tuple[Term, ...]:
    """Cov(V_i, V_j) in powers of ρ: exact in one term for β2 → 1, else to ρ³ (`ratio_terms`)."""
    history = _history(beta1, beta2)
    if history is not None:
        return ratio_terms(history, mu, sigma, batch, order)
    deviation = jnp.sqrt(ADAM_VARIANCE.jax(mu, sigma, batch, beta1))
    return (Term(1, deviation),)


def _history(beta1: Any, beta2: Any) -> History | None:
    """The weights of past gradients; None in the limit β2 → 1."""
    beta1, beta2 = _number("beta1", beta1), _number("beta2", beta2)
    if not 0 <= beta1 < 1:
        raise ValueError(f"beta1 must be in [0, 1), not {beta1}")
    if not 0 <= beta2 <= 1:
        raise ValueError(f"beta2 must be in [0, 1], 1 for the limit, not {beta2}")
    if beta2 == 0 < beta1:
        raise ValueError("beta2 = 0 needs beta1 = 0: the mean of V² is infinite")
    return None if beta2 == 1 else geometric(beta1, beta2)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None


def limit_card(name: str, title: str, beta: Any, scale: Any = ONE) -> Card:
    """The card of a rule that is Adam with β2 → 1 and β1 = `beta`, its V times `scale`."""
    general = ADAM_MEAN.at(1, kappa, B), ADAM_VARIANCE.at(1, kappa, B, beta)
    noise = MOMENTUM.subs(beta_1, beta) * T  # cT, the curvature of pure noise
    free = sorted(beta.free_symbols | scale.free_symbols, key=str)
    return common_ratio_card(
        name,
        title,
        scale / sp.sqrt(1 + kappa**2 / B),
        scale**2 * noise / T * kappa**2 / (B + kappa**2),
        parameters=tuple(free),
        general=(scale * general[0], scale**2 * general[1]),
        source=SOURCE if scale == 1 else "Derived here",
        hypotheses=(holds.FROZEN, holds.NO_DEAD_COORDINATE, holds.LONG_MEMORY),
        small=G1 * sp.sqrt(B) / (scale * kappa * noise),
        large=G1 / (scale * Q),
        peak=kappa**2 * noise / (Q - 2 * noise),
        peak_lr=G1 / (2 * scale * sp.sqrt(noise * (Q - noise))),
        half=kappa**2 * noise / Q,
        surges=2 * noise < Q,
        where=(beta < 1,) if beta.free_symbols else (),
    )


RULE = Rule(
    "adam",
    "Adam, stationary at a frozen gradient",
    Coordinatewise(adam_moments, series=adam_series),
    RATIO_MEAN_DENSITY,
    card=limit_card("adam", "Adam, β2 → 1", beta_1),
    parameters={"beta1": 0.9, "beta2": 1.0},
    cases=({"beta1": 0.9, "beta2": 0.999}, {"beta1": 0.9, "beta2": 0.95}),
)

"""SGD: V = ĝ, the batch gradient itself."""

import jax.numpy as jnp
from jax import Array

from theory.coordinatewise import Coordinatewise
from theory.correlated import Term
from theory.linear_card import linear_card
from theory.moments import SGD_VARIANCE, sgd_moments
from theory.rules.rule import Rule


def _series(mu: Array, sigma: Array, batch: Array, order: int | None) -> tuple[Term, ...]:
    """Cov(V_i, V_j) = ρ_ij σ_iσ_j/B: one term, exact."""
    del mu, order
    deviation = sigma / jnp.sqrt(batch)
    return (Term(1, deviation),)


RULE = Rule(
    "sgd",
    "SGD",
    Coordinatewise(sgd_moments, series=_series),
    SGD_VARIANCE,
    card=linear_card("sgd", "SGD", SGD_VARIANCE),
    defined_at_zero=True,
)

"""Lemma 1: the learning rate that decreases a quadratic loss most in one step.

For θ' = θ − εV and a loss with gradient mean G and Hessian H, the expected decrease is
ΔL(ε) = εN − ½ε²D with N = GᵀE[V] and D = E[VᵀHV] = tr(H cov V) + E[V]ᵀH E[V].
SymPy holds these scalar laws; the sums over coordinates are taken by `theory.coordinatewise`
(or by a rule that couples its coordinates), for d = 2 as for d = 10⁷.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from theory import hypotheses as holds
from theory.hessian import Hessian
from theory.law import Law
from theory.symbols import D, N, epsilon

SOURCE = "Li et al. 2024 (2405.14578), Lemma 1, eqs. (6) and (7)"

DECREASE = Law(
    "decrease",
    (epsilon, N, D),
    epsilon * N - epsilon**2 * D / 2,
    SOURCE,
    (holds.QUADRATIC,),
    "Expected decrease of the loss in one step",
)
BEST_LR = Law(
    "best_lr",
    (N, D),
    N / D,
    SOURCE,
    (holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT),
    "Lemma 1: optimal learning rate of one step",
)
BEST_DECREASE = Law(
    "best_decrease",
    (N, D),
    N**2 / (2 * D),
    SOURCE,
    (holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT),
    "Lemma 1: decrease at the optimal learning rate",
)


class Optimum(NamedTuple):
    """Optimal learning rate and decrease of the loss, of any common shape."""

    lr_star: Array
    decrease: Array


def numerator_and_curvature(gradient: Array, mean: Array, hessian: Hessian) -> tuple[Array, Array]:
    """N = GᵀE[V] and the part E[V]ᵀH E[V] of D, two scalars; `gradient` and `mean` (d,)."""
    return gradient @ mean, hessian.quadratic(mean)


def optimum(numerator: Array, denominator: Array) -> Optimum:
    """ε* = N/D and ΔL* = N²/(2D); nan where N ≤ 0 or D ≤ 0, for no optimum exists there."""
    exists = (numerator > 0) & (denominator > 0)
    safe = jnp.where(exists, denominator, 1.0)
    return Optimum(
        jnp.where(exists, BEST_LR.jax(numerator, safe), jnp.nan),
        jnp.where(exists, BEST_DECREASE.jax(numerator, safe), jnp.nan),
    )

"""Adafactor, V = ĝ/√v̂ with v̂_ij = R_iC_j/R̄: the second moment from its row and column means.

R_i and C_j are long averages of the means of ĝ² over row i and column j, R̄ that over all entries.
For long memory they stand still at the means of μ² + σ²/B, and V is linear in ĝ. Where μ² + σ²/B
is a matrix of rank one (a single row or column among them) v̂ is μ² + σ²/B itself, and Adafactor
is RMSProp; else it divides an entry by the noise of its whole row and column.
An average of W steps fluctuates, by about √(2/(Wn)) relatively for R_i of n entries: E[V] is off
by less than 3/(4W)·(1/m + 1/n), 0.1 % already at W = 100 for an 8 × 8 matrix.
"""

from typing import Any

import jax.numpy as jnp
import sympy as sp
from jax import Array

from theory import hypotheses as holds
from theory.correlated import Term
from theory.law import Law
from theory.moments import Moments
from theory.symbols import B, C_col, N_nu, Q_nu, R_all, R_row, T_nu, kappa, mu, sigma

SOURCE = "Derived here; the rule: Shazeer and Stern 2018 (1804.04235)"
STEADY = (holds.INDEPENDENT_SAMPLES, holds.FROZEN, holds.LONG_MEMORY)
COMMON = (
    *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, *STEADY),
    *(holds.INDEPENDENT_COORDINATES, holds.COMMON_RATIO),
)
TITLE = "Adafactor, one ratio"

ADAFACTOR_MEAN = Law(
    "adafactor_mean",
    (mu, R_row, C_col, R_all),
    mu * sp.sqrt(R_all / (R_row * C_col)),
    SOURCE,
    STEADY,
    "Adafactor: mean update of a coordinate",
)
ADAFACTOR_VARIANCE = Law(
    "adafactor_variance",
    (sigma, B, R_row, C_col, R_all),
    sigma**2 / B * R_all / (R_row * C_col),
    SOURCE,
    STEADY,
    "Adafactor: variance of a coordinate of the update",
)
ADAFACTOR_LR = Law(
    "adafactor_lr",
    (B, N_nu, T_nu, Q_nu, kappa),
    N_nu * sp.sqrt(1 + kappa**2 / B) / (Q_nu + T_nu * kappa**2 / B),
    SOURCE,
    COMMON,
    f"{TITLE}: optimal learning rate",
)
ADAFACTOR_SMALL = Law(
    "adafactor_small",
    (B, N_nu, T_nu, kappa),
    N_nu * sp.sqrt(B) / (T_nu * kappa),
    SOURCE,
    COMMON,
    f"{TITLE}: optimal learning rate of small batches",
)
ADAFACTOR_LARGE = Law(
    "adafactor_large",
    (N_nu, Q_nu),
    N_nu / Q_nu,
    SOURCE,
    COMMON,
    f"{TITLE}: optimal learning rate of large batches",
)
ADAFACTOR_PEAK = Law(
    "adafactor_peak",
    (T_nu, Q_nu, kappa),
    kappa**2 * T_nu / (Q_nu - 2 * T_nu),
    SOURCE,
    (*COMMON, holds.SURGING),
    f"{TITLE}: batch size of the peak, with Q_nu and T_nu for Q and T",
)
ADAFACTOR_HALF = Law(
    "adafactor_half",
    (T_nu, Q_nu, kappa),
    kappa**2 * T_nu / Q_nu,
    SOURCE,
    COMMON,
    f"{TITLE}: batch size of half the largest decrease",
)


def matrix(values: Array, shape: Any) -> Array:
    """A vector (…, mn) as (…, m, n). Errors: ValueError where `shape` is not such an (m, n)."""
    try:
        m, n = sides = tuple(int(side) for side in shape)
        fits = m > 0 and n > 0 and m * n == values.shape[-1] and sides == tuple(shape)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(f"shape must be (m, n) with mn = {values.shape[-1]}, not {shape}")
    return values.reshape(*values.shape[:-1], *(int(side) for side in shape))


def _means(mu: Array, sigma: Array, batch: Array, shape: Any) -> tuple[Array, Array, Array]:
    """R_i, C_j and R̄ of the mean squared gradient, each (mn,)."""
    second = matrix(mu**2 + sigma**2 / batch, shape)
    row, column = second.mean(axis=1, keepdims=True), second.mean(axis=0, keepdims=True)
    whole = jnp.ones_like(second)
    return (row * whole).ravel(), (column * whole).ravel(), (second.mean() * whole).ravel()


def adafactor_moments(mu: Array, sigma: Array, batch: Array, *, shape: Any) -> Moments:
    """Mean μ/√v̂ and variance σ²/(Bv̂) of each coordinate, v̂_ij = R_iC_j/R̄."""
    means = _means(mu, sigma, batch, shape)
    variance = ADAFACTOR_VARIANCE.jax(sigma, batch, *means)
    return Moments(ADAFACTOR_MEAN.jax(mu, *means), variance)


def adafactor_series(
    mu: Array, sigma: Array, batch: Array, order: int | None, *, shape: Any
) -> tuple[Term, ...]:
    """Cov(V_i, V_j) = ρ_ij times both deviations: one term, exact, for V is linear in ĝ."""
    del order
    deviation = jnp.sqrt(adafactor_moments(mu, sigma, batch, shape=shape).variance)
    return (Term(1, deviation),)

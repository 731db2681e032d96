"""Su's mean field: one scalar shrinks a noiseless update, whatever the coordinate.

With the squared gradient replaced by its mean, a rule of noiseless update ν has E[V] = βν and
Var V = c(1 − β²), β = (1 + B_simple/B)^{−1/2}, so that ε* = N_ν β/(cT(1 − β²) + Q_ν β²):

| rule | ν | B_simple | c |
|---|---|---|---|
| sign descent, RMSProp | sign μ | trΣ/‖G‖² | 1 |
| Adam (β2 → 1) | sign μ | trΣ/‖G‖² | (1−β1)/(1+β1) |
| soft sign | μ/√(μ² + ε²) | trΣ/(‖G‖² + dε²) | 1 |
| sign descent, eq. (10) of Li et al. | sign μ | πκ²/2 | 1 |

Exact in its own mean field; where the ratios μ_i/σ_i vary it is up to 30 % off.
"""

import jax.numpy as jnp
import sympy as sp
from jax import Array

from theory import hypotheses as holds
from theory.law import Law
from theory.moments import Moments
from theory.symbols import B, B_simple, N_nu, Q_nu, T, c, eps_A, mu, sigma

SOURCE = "Su 2025 (kexue.fm 11280, 11285)"
FIELD = (holds.INDEPENDENT_SAMPLES, holds.INDEPENDENT_COORDINATES, holds.MEAN_FIELD)
ONE_STEP = (*FIELD, holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, holds.FROZEN)
SURGING = (*ONE_STEP, holds.POSITIVE_TRACE, holds.SURGING)

SU_SHRINKAGE = Law(
    "su_shrinkage",
    (B, B_simple),
    1 / sp.sqrt(1 + B_simple / B),
    SOURCE,
    FIELD,
    "Mean field: factor β by which noise shrinks an update",
)
SOFT_SIGN_FIELD = Law(
    "soft_sign_field",
    (mu, eps_A),
    mu / sp.sqrt(mu**2 + eps_A**2),
    SOURCE,
    FIELD,
    "Soft sign: the noiseless update ν",
)
SOFT_SIGN_SHRINKAGE = Law(
    "soft_sign_shrinkage",
    (mu, sigma, B, eps_A),
    SU_SHRINKAGE(B, sigma**2 / (mu**2 + eps_A**2)),
    SOURCE,
    FIELD,
    "Soft sign, mean field: factor β",
)
SU_LR = Law(
    "su_lr",
    (B, B_simple, N_nu, T, Q_nu, c),
    N_nu * sp.sqrt(B * (B + B_simple)) / (c * T * B_simple + Q_nu * B),
    SOURCE,
    ONE_STEP,
    "Mean field: optimal learning rate",
)
SU_PEAK = Law(
    "su_peak",
    (B_simple, T, Q_nu, c),
    B_simple * c * T / (Q_nu - 2 * c * T),
    SOURCE,
    SURGING,
    "Mean field: batch size of the peak",
)
SU_HALF = Law(
    "su_half",
    (B_simple, T, Q_nu, c),
    B_simple * c * T / Q_nu,
    SOURCE,
    ONE_STEP,
    "Mean field: batch size of half the largest decrease",
)


def mean_field_moments(mu: Array, sigma: Array, batch: Array) -> Moments:
    """Sign descent: E[V_i] = β sign μ_i and Var V_i = 1 − β², one β for all coordinates, (d,)."""
    beta = SU_SHRINKAGE.jax(batch, jnp.sum(sigma**2) / jnp.sum(mu**2))
    return Moments(beta * jnp.sign(mu), jnp.full_like(mu, 1 - beta**2))

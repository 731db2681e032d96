"""The surge: under sign descent the optimal learning rate rises with B, peaks and falls.

Theorem 2 as a law of four sums over coordinates, and what it says where all coordinates share
one ratio κ = σ/|μ|: then ℰ_i = s_i E with E = erf(√(B/2)/κ), and a surge exists exactly for
Q > 2T. With a diagonal Hessian (Q = T) there is none. Noise is independent between coordinates.
"""

import jax.numpy as jnp
import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import G1, N_E, Q_E, T_E, B, Q, T, kappa

PAPER = "Li et al. 2024 (2405.14578)"
SIGN = (
    *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, holds.INDEPENDENT_SAMPLES),
    *(holds.GAUSSIAN, holds.INDEPENDENT_COORDINATES, holds.NO_DEAD_COORDINATE),
)
COMMON = (*SIGN, holds.COMMON_RATIO)
MEAN_SIGN = sp.erf(sp.sqrt(B / 2) / kappa)

SIGN_LR = Law(
    "sign_lr",
    (N_E, T, T_E, Q_E),
    N_E / (T - T_E + Q_E),
    f"{PAPER}, Theorem 2, eq. (9)",
    SIGN,
    "Sign descent: optimal learning rate",
)
COMMON_RATIO_LR = Law(
    "common_ratio_lr",
    (B, G1, T, Q, kappa),
    G1 * MEAN_SIGN / (T + (Q - T) * MEAN_SIGN**2),
    f"{PAPER}, Theorem 2, with one ratio σ/|μ|",
    COMMON,
    "Sign descent, one ratio: optimal learning rate",
)
COMMON_RATIO_DECREASE = Law(
    "common_ratio_decrease",
    (B, G1, T, Q, kappa),
    G1**2 * MEAN_SIGN**2 / (2 * (T + (Q - T) * MEAN_SIGN**2)),
    f"{PAPER}, Theorem 2 and Lemma 1, with one ratio σ/|μ|",
    COMMON,
    "Sign descent, one ratio: decrease of the loss",
)
COMMON_RATIO_PEAK = Law(
    "common_ratio_peak",
    (kappa, T, Q),
    2 * kappa**2 * sp.erfinv(sp.sqrt(T / (Q - T))) ** 2,
    "Derived here from Theorem 2",
    (*COMMON, holds.POSITIVE_TRACE, holds.SURGING),
    "Sign descent, one ratio: batch size of the peak",
)
COMMON_RATIO_PEAK_LR = Law(
    "common_ratio_peak_lr",
    (G1, T, Q),
    G1 / (2 * sp.sqrt(T * (Q - T))),
    "Derived here from Theorem 2",
    (*COMMON, holds.POSITIVE_TRACE, holds.SURGING),
    "Sign descent, one ratio: optimal learning rate at the peak",
)
COMMON_RATIO_HALF = Law(
    "common_ratio_half",
    (kappa, T, Q),
    2 * kappa**2 * sp.erfinv(sp.sqrt(T / (Q + T))) ** 2,
    "Derived here from Theorem 2",
    (*COMMON, holds.POSITIVE_TRACE),
    "Sign descent, one ratio: batch size of half the largest decrease",
)
SIGMOID_DIAGONAL_LR = Law(
    "sigmoid_diagonal_lr",
    (B, G1, T, kappa),
    G1 / (T * sp.sqrt(1 + sp.pi * kappa**2 / (2 * B))),
    f"{PAPER}, eqs. (10) and (12)",
    (*COMMON, holds.DIAGONAL, holds.SIGMOID),
    "Sign descent, diagonal Hessian, one ratio, sigmoid: a power law with α = ½",
)


def common_ratio_peak(kappa2: float, T: float, Q: float) -> float:
    """B_peak = 2κ² [erf⁻¹ √(T/(Q−T))]² in samples; nan where there is no surge (Q ≤ 2T).

    `kappa2` = σ²/μ² of every coordinate, `T` = tr H > 0, `Q` = sᵀHs.
    Source: Theorem 2 with one ratio. Holds for: independent Gaussian coordinates.
    """
    if not (kappa2 > 0 and T > 0 and Q > 2 * T):
        return float("nan")
    return float(COMMON_RATIO_PEAK.jax(jnp.sqrt(kappa2), T, Q))


def common_ratio_half(kappa2: float, T: float, Q: float) -> float:
    """B with ΔL* half of its largest value, 2κ² [erf⁻¹ √(T/(Q+T))]²; nan unless T, Q > 0.

    Arguments, source and hypotheses as in `common_ratio_peak`, except Q > 2T.
    """
    if not (kappa2 > 0 and T > 0 and Q > 0):
        return float("nan")
    return float(COMMON_RATIO_HALF.jax(jnp.sqrt(kappa2), T, Q))

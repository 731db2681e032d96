"""The soft sign, V = ĝ/√(ĝ² + ε²): exact for Gaussian gradients. Its card is Su's mean field."""

import sympy as sp

from theory import hypotheses as holds
from theory.card import common_ratio_card
from theory.coordinatewise import Coordinatewise
from theory.rules.rule import Rule
from theory.soft_sign import (
    SOFT_SIGN_MEAN_DENSITY,
    soft_sign,
    soft_sign_moments,
    soft_sign_series,
)
from theory.su import SOFT_SIGN_FIELD, SOFT_SIGN_SHRINKAGE, SOURCE, SU_HALF, SU_LR, SU_PEAK
from theory.symbols import G1, B, Q, T, eps_A, kappa, mu_abs

FIELD = SOFT_SIGN_FIELD(mu_abs, eps_A)
SHRINKAGE = SOFT_SIGN_SHRINKAGE(mu_abs, kappa * mu_abs, B, eps_A)
NOISE = FIELD**2 * kappa**2  # B_simple: σ²/(μ² + ε²)

CARD = common_ratio_card(
    "soft_sign",
    "Soft sign, mean field",
    FIELD * SHRINKAGE,
    1 - SHRINKAGE**2,
    parameters=(mu_abs, eps_A),
    source=SOURCE,
    hypotheses=(holds.COMMON_MEAN, holds.MEAN_FIELD),
    small=G1 * FIELD * sp.sqrt(B / NOISE) / T,
    large=G1 / (FIELD * Q),
    peak=SU_PEAK(NOISE, T, FIELD**2 * Q, 1),
    peak_lr=SU_LR(SU_PEAK(NOISE, T, FIELD**2 * Q, 1), NOISE, FIELD * G1, T, FIELD**2 * Q, 1),
    half=SU_HALF(NOISE, T, FIELD**2 * Q, 1),
    surges=2 * T < FIELD**2 * Q,
    general=(
        SOFT_SIGN_FIELD.at(mu_abs, eps_A)
        * SOFT_SIGN_SHRINKAGE.at(mu_abs, kappa * mu_abs, B, eps_A),
        1 - SOFT_SIGN_SHRINKAGE.at(mu_abs, kappa * mu_abs, B, eps_A) ** 2,
    ),
)

RULE = Rule(
    "soft_sign",
    "Soft sign",
    Coordinatewise(soft_sign_moments, series=soft_sign_series, update=soft_sign),
    SOFT_SIGN_MEAN_DENSITY,
    card=CARD,
    parameters={"eps": None},
    defined_at_zero=True,
    cases=({"eps": 1.0}, {"eps": 0.1}),
)

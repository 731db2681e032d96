"""Existence and place of the surge where all coordinates share one ratio κ = σ/|μ|."""

from typing import Any

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, below, digits_where
from theory.derivations.cases import TWO_RATIOS, decrease_at
from theory.descent import BEST_DECREASE
from theory.moments import SIGN_MEAN
from theory.surge import (
    COMMON_RATIO_DECREASE,
    COMMON_RATIO_HALF,
    COMMON_RATIO_LR,
    COMMON_RATIO_PEAK,
    COMMON_RATIO_PEAK_LR,
    SIGN_LR,
)
from theory.symbols import G1, B, E, Q, T, kappa, mu, sigma

IN_E: Any = G1 * E / (T + (Q - T) * E**2)
GAIN_IN_E: Any = G1**2 * E**2 / (2 * (T + (Q - T) * E**2))
PEAK_E, HALF_E = sp.sqrt(T / (Q - T)), sp.sqrt(T / (Q + T))
MEAN_SIGN = SIGN_MEAN(1, kappa, B)
SURGING = 2 * T < Q

DERIVATION = Derivation(
    "common_ratio",
    "Existence and place of the surge for one ratio",
    COMMON_RATIO_PEAK.source,
    "With one ratio κ = σ/|μ|, ε*(B) has a peak if and only if Q > 2T, at "
    "B = 2κ²[erf⁻¹√(T/(Q−T))]², while ΔL* always rises, to G₁²/(2Q). "
    "With a diagonal Hessian ε* rises to Σ|μ|/T.",
    COMMON_RATIO_PEAK.holds,
    (
        Step(
            SIGN_LR.at(E * G1, T, E**2 * T, E**2 * Q),
            IN_E,
            "Theorem 2 with ℰ_i = s_i E: the sums are EΣ|μ_i|, E² tr H and E² sᵀHs.",
        ),
        Step(
            sp.Subs(IN_E, E, MEAN_SIGN),
            COMMON_RATIO_LR.expr,
            "E = erf(√(B/2)/κ) grows from 0 to 1 with B.",
            laws=(COMMON_RATIO_LR,),
        ),
        Step(
            sp.Derivative(IN_E, E),
            G1 * (T - (Q - T) * E**2) / (T + (Q - T) * E**2) ** 2,
            "ε* rises with E while (Q − T)E² < T: for Q ≤ T always.",
        ),
        Step(
            PEAK_E, sp.Integer(1), "For Q > 2T the turning point lies below E = 1.", below(SURGING)
        ),
        Step(
            sp.Integer(1),
            PEAK_E,
            "For T < Q < 2T it lies above, where E never comes: ε* is monotone.",
            below(T < Q, Q < 2 * T),
        ),
        Step(
            sp.Subs(IN_E, E, PEAK_E),
            COMMON_RATIO_PEAK_LR.expr,
            "The height of the peak.",
            digits_where(SURGING),
            (COMMON_RATIO_PEAK_LR,),
        ),
        Step(
            BEST_DECREASE.at(E * G1, T + (Q - T) * E**2),
            GAIN_IN_E,
            "The decrease of the loss, by Lemma 1.",
        ),
        Step(
            sp.Subs(GAIN_IN_E, E, MEAN_SIGN),
            COMMON_RATIO_DECREASE.expr,
            "The same in B.",
            laws=(COMMON_RATIO_DECREASE,),
        ),
        Step(
            sp.Derivative(GAIN_IN_E, E),
            G1**2 * E * T / (T + (Q - T) * E**2) ** 2,
            "It rises with E, and so with B, even where ε* falls.",
        ),
        Step(sp.Subs(GAIN_IN_E, E, 1), G1**2 / (2 * Q), "Its limit."),
        Step(sp.Subs(GAIN_IN_E, E, HALF_E), G1**2 / (4 * Q), "Half of it, at E² = T/(Q+T)."),
        Step(
            SIGN_MEAN.at(1, kappa, COMMON_RATIO_HALF.expr),
            HALF_E,
            "Solved for B.",
            DIGITS,
            (COMMON_RATIO_HALF,),
        ),
        Step(
            sp.Derivative(mu * SIGN_MEAN(mu, sigma, B), B),
            mu**2 / (sigma * sp.sqrt(2 * sp.pi * B)) * sp.exp(-B * mu**2 / (2 * sigma**2)),
            "Diagonal Hessian: D = T for any ratios, and each term of N rises with B.",
            DIGITS,
        ),
        Step(
            SIGN_MEAN.at(1, kappa, COMMON_RATIO_PEAK.expr),
            PEAK_E,
            "The peak solved for B.",
            digits_where(SURGING),
        ),
        Step(
            sp.Subs(2 * kappa**2 * sp.erfinv(E) ** 2, E, PEAK_E),
            COMMON_RATIO_PEAK.expr,
            "The batch size at which erf(√(B/2)/κ) = E, at the peak.",
            laws=(COMMON_RATIO_PEAK,),
        ),
    ),
    (
        Counterexample(
            holds.SURGING,
            "T = 1, Q = 3/2: the height claimed for the peak is √½ Σ|μ|; ε* rises only to ⅔ Σ|μ|.",
            COMMON_RATIO_PEAK_LR(1, 1, sp.Rational(3, 2)),
            COMMON_RATIO_LR(10**6, 1, 1, sp.Rational(3, 2), 1),
        ),
        Counterexample(
            holds.COMMON_RATIO,
            "Two unequal ratios: ΔL* should rise with B, but falls by 45 % after B = 4.",
            sp.Integer(1),
            decrease_at(TWO_RATIOS, 10**6) / decrease_at(TWO_RATIOS, 4),
        ),
    ),
    COMMON_RATIO_PEAK,
)

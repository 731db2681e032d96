"""The surge with one ratio and one correlation: it never vanishes, but fades as ρ → 1."""

import sympy as sp

from theory import hypotheses as holds
from theory.correlated_small_batch import (
    CORRELATED_NOISE_SCALE,
    CORRELATED_SMALL_BATCH_LR,
    PAIR_SLOPE,
)
from theory.derivation import DIGITS, Counterexample, Derivation, Step, below, digits_where
from theory.derivations.sign_covariance import COVARIANCE
from theory.descent import BEST_LR
from theory.equicorrelated import (
    EQUICORRELATED_NOISE_SCALE,
    EQUICORRELATED_PEAK,
    EQUICORRELATED_RISE,
    SPREAD,
)
from theory.moments import ARCSINE, SIGN_MEAN
from theory.surge import COMMON_RATIO_PEAK
from theory.symbols import G1, B, E, Q, T, h, k, kappa, rho, t, x, z

NORMAL = sp.exp(-(h**2) / 2) / sp.sqrt(2 * sp.pi)


def owen(mean: sp.Expr, spread: sp.Expr) -> sp.Expr:
    """Owen's T(h, a) = (1/2π) ∫₀ᵃ exp(−½h²(1 + x²))/(1 + x²) dx."""
    density = sp.exp(-(mean**2) * (1 + x**2) / 2) / (1 + x**2)
    return sp.Integral(density, (x, 0, spread)) / (2 * sp.pi)


def mean_sign(mean: sp.Expr) -> sp.Expr:
    """erf(h/√2)."""
    return SIGN_MEAN(mean, 1, 1)


AGREEMENT = 1 - 8 * owen(h, t)
CURVATURE = T + (Q - T) * AGREEMENT
TURN = Q - 8 * (Q - T) * owen(h, t) - 2 * (Q - T) * mean_sign(h) * mean_sign(t * h)
NINE = sp.Rational(9, 10)
LIMITED = (sp.Abs(rho) < sp.Rational(9, 10), sp.Abs(h) < 2)
SURGING = 2 * T < Q
STRONG_EDGE = Q / (2 * (Q - T))

DERIVATION = Derivation(
    "equicorrelated",
    "One ratio and one correlation: when the surge fades",
    EQUICORRELATED_PEAK.source,
    "With one ratio κ and one correlation ρ < 1, ε* peaks exactly if Q > 2T; as ρ → 1 the peak "
    "moves to 2κ²(1+ρ)/(1−ρ)[erf⁻¹(Q/(2(Q−T)))]² and its height over the plateau tends to 1.",
    (*EQUICORRELATED_PEAK.holds, holds.WEAKLY_CORRELATED),
    (
        Step(
            COVARIANCE.subs(k, h) + mean_sign(h) ** 2,
            1 - 8 * owen(h, SPREAD),
            "Two signs of equal means agree with mean 1 − 8T_O(h, a), a = √((1−ρ)/(1+ρ)).",
            digits_where(*LIMITED),
        ),
        Step(
            owen(h, t).diff(h),
            -NORMAL * mean_sign(t * h) / 2,
            "The slope of Owen's function in h.",
            DIGITS,
        ),
        Step(
            mean_sign(h).diff(h) * CURVATURE - mean_sign(h) * CURVATURE.diff(h),
            2 * NORMAL * TURN,
            "D = T + (Q − T)(1 − 8T_O): ε* = G₁ erf(h/√2)/D rises while this is positive.",
            DIGITS,
        ),
        Step(
            TURN.diff(h),
            -4 * t * (Q - T) * NORMAL.subs(h, t * h) * mean_sign(h),
            "The bracket only falls as B grows (h > 0, Q > T): one peak at most.",
            DIGITS,
        ),
        Step(
            Q - 2 * (Q - T) * sp.Limit(mean_sign(z), z, sp.oo) ** 2,
            2 * T - Q,
            "It starts positive and ends, where T_O = 0 and both signs are certain, at 2T − Q: "
            "for any a > 0, that is any ρ < 1, there is a peak exactly if Q > 2T.",
        ),
        Step(
            sp.Integer(0),
            TURN.subs({h: sp.Integer(3), t: sp.Rational(1, 50)}),
            "At a given batch size, though, it is positive again for ρ near enough to 1.",
            below(SURGING, Q < 40 * T),
        ),
        Step(
            BEST_LR.at(G1 * mean_sign(h), 2 * (Q - T) * mean_sign(h) * E) / (G1 / Q),
            Q / (2 * (Q - T) * E),
            "At the peak D = 2(Q − T) erf(h/√2) erf(ah/√2): its height over the plateau G₁/Q, "
            "with E = erf(ah/√2).",
            digits_where(h > 0),
        ),
        Step(
            sp.Subs(Q / (2 * (Q - T) * E), E, SIGN_MEAN(1, kappa / SPREAD, B)),
            EQUICORRELATED_RISE.expr,
            "With h = √B/κ.",
            digits_where(LIMITED[0]),
            (EQUICORRELATED_RISE,),
        ),
        Step(
            CORRELATED_NOISE_SCALE.at(
                T + (Q - T) * ARCSINE(rho), (Q - T) * PAIR_SLOPE(1 / kappa, 1 / kappa, rho)
            ),
            EQUICORRELATED_NOISE_SCALE.expr,
            "At weak correlation the peak of small batches, D0/D1.",
            digits_where(LIMITED[0], T < Q),
            (EQUICORRELATED_NOISE_SCALE,),
        ),
        Step(
            EQUICORRELATED_NOISE_SCALE.at(kappa, T, Q, 0),
            sp.pi * kappa**2 * T / (2 * (Q - T)),
            "Without correlation the paper's, S = (Q − T)/κ².",
        ),
        Step(
            SIGN_MEAN.at(1, kappa / SPREAD, EQUICORRELATED_PEAK.expr),
            STRONG_EDGE,
            "At strong correlation the peak has h so large that T_O = 0 and erf(h/√2) = 1: the "
            "bracket vanishes at erf(ah/√2) = Q/(2(Q − T)), where the height is 1.",
            digits_where(LIMITED[0], SURGING),
        ),
        Step(
            sp.Subs(2 * kappa**2 / t**2 * sp.erfinv(E) ** 2, (E, t), (STRONG_EDGE, SPREAD)),
            EQUICORRELATED_PEAK.expr,
            "Solved for B = κ²h².",
            digits_where(LIMITED[0], SURGING),
            (EQUICORRELATED_PEAK,),
        ),
    ),
    (
        Counterexample(
            holds.WEAKLY_CORRELATED,
            "T = 1, Q = 10, ρ = 9/10: at B = 10κ² the law of small batches is 23 % above ε*.",
            CORRELATED_SMALL_BATCH_LR(10, 1, 1 + 9 * ARCSINE(NINE), 9 * PAIR_SLOPE(1, 1, NINE)),
            BEST_LR(SIGN_MEAN(1, 1, 10), 10 - 72 * owen(sp.sqrt(10), SPREAD.subs(rho, NINE))),
        ),
        Counterexample(
            holds.NEARLY_PERFECT,
            "T = 1, Q = 10, ρ = 0: claimed B = 0.585κ², but it is 0.186κ².",
            EQUICORRELATED_PEAK(1, 1, 10, 0),
            COMMON_RATIO_PEAK(1, 1, 10),
        ),
        Counterexample(
            holds.EQUICORRELATED,
            "Two groups of three, H_ij = 1 and ρ_ij = 1 within, 0 between: T = 6 and Q = 18 with "
            "the mean correlation 2/5 claim a peak 20 % above the plateau, but D = 18 at any B.",
            EQUICORRELATED_RISE(
                EQUICORRELATED_NOISE_SCALE(1, 6, 18, sp.Rational(2, 5)), 1, 6, 18, sp.Rational(2, 5)
            ),
            sp.Integer(1),
        ),
    ),
    EQUICORRELATED_PEAK,
)

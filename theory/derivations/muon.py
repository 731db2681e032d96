"""Muon: the matrix sign as an integral, its mean and response, and the case Su solved."""

from typing import Any

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where
from theory.descent import BEST_DECREASE, BEST_LR
from theory.moments import SIGN_MEAN
from theory.muon import (
    MUON_CROSS_DENSITY,
    MUON_DECREASE,
    MUON_LR,
    MUON_MEAN_DENSITY,
    MUON_RESPONSE_DENSITY,
    MUON_SQUARE_SMALL,
    MUON_TALL_MEAN,
    SU,
)
from theory.symbols import (
    G1,
    B,
    B_simple,
    a_t,
    b_t,
    dL_max,
    eps_max,
    n_long,
    s_k,
    s_l,
    sigma,
    t,
)

ROWS = 1 / (a_t + s_k**2 / b_t)  # R11 along the left singular vector of s_k
COLUMNS = 1 / (b_t + s_l**2 / a_t)  # R22 along the right one of s_l
NOISE: Any = n_long * sigma**2 / B
LEVEL = (t + sp.sqrt(t**2 + 4 * NOISE)) / 2
GAIN = 1 / sp.sqrt(1 + B_simple / B)
SMALL = sp.Rational(1, 1000)


def _over_t(density: Any) -> Any:
    return sp.Integral(density, (t, 0, sp.oo))


DERIVATION = Derivation(
    "muon",
    "Muon: the sign of a noisy matrix",
    SU,
    "Every singular value s_k of the mean gradient has its own mean update φ_k, an integral of the "
    "mean resolvent: s_k/√(s_k² + nσ²/B) for p ≪ n, 8/(3π) of that at small batches for p = n. "
    "Where the curvature lies along the nuclear norm, ε* is η_maxΣs_kφ_k/Σs_k and never "
    "declines; for equal s_k it is η_max/√(1 + B_simple/B).",
    (*MUON_DECREASE.holds, holds.SQUARE),
    (
        Step(
            _over_t(MUON_MEAN_DENSITY(s_k, t, t)),
            sp.Integer(1),
            "msign M = (2/π)∫(MMᵀ + t²)⁻¹M dt makes every singular value 1.",
        ),
        Step(
            2 / sp.pi * ROWS * s_k / b_t,
            MUON_MEAN_DENSITY.expr,
            "With noise, the Dyson equation puts a(t) and b(t) for t: R12 = R11 G b⁻¹.",
            laws=(MUON_MEAN_DENSITY,),
        ),
        Step(
            2 / sp.pi * ROWS * COLUMNS,
            MUON_RESPONSE_DENSITY.expr,
            "First order in N: R11 N R22 in the singular basis.",
            laws=(MUON_RESPONSE_DENSITY,),
        ),
        Step(
            -MUON_MEAN_DENSITY(s_k, a_t, b_t) * MUON_MEAN_DENSITY(s_l, a_t, b_t) * sp.pi / 2,
            MUON_CROSS_DENSITY.expr,
            "And −R12 Nᵀ R12.",
            laws=(MUON_CROSS_DENSITY,),
        ),
        Step(
            _over_t(MUON_RESPONSE_DENSITY(s_k, s_l, t, t)),
            1 / (s_k + s_l),
            "Little noise, a = b = t: δV_kl = (N_kl − N_lk)/(s_k + s_l), the derivative of "
            "the polar factor.",
            DIGITS,
        ),
        Step(
            _over_t(MUON_CROSS_DENSITY(s_k, s_l, t, t)),
            -1 / (s_k + s_l),
            "The second half of it.",
            DIGITS,
        ),
        Step(
            _over_t(MUON_RESPONSE_DENSITY(s_k, 0, t, t)),
            1 / s_k,
            "In the excess columns δV_kl = N_kl/s_k.",
        ),
        Step(
            _over_t(MUON_MEAN_DENSITY(s_k, t + NOISE / t, t)),
            MUON_TALL_MEAN.expr,
            "p ≪ n: the n columns see no self-energy, b = t, and a = t + nσ²/(Bt).",
            digits_where(B > 0),
            (MUON_TALL_MEAN,),
        ),
        Step(
            t + NOISE / LEVEL,
            LEVEL,
            "p = n without signal: a = b = t + nσ²/(Ba).",
            DIGITS,
        ),
        Step(
            _over_t(2 / sp.pi * s_k / LEVEL**2),
            MUON_SQUARE_SMALL.expr,
            "Small s_k in that noise.",
            DIGITS,
            (MUON_SQUARE_SMALL,),
        ),
        Step(
            MUON_TALL_MEAN.at(s_k, s_k * sp.sqrt(B_simple / n_long), B, n_long),
            GAIN,
            "p ≪ n and equal s_k: B_simple = pnσ²/(ps_k²).",
            digits_where(B > 0),
        ),
        Step(
            BEST_LR.at(G1 * GAIN, G1 / eps_max),
            MUON_LR.expr,
            "VVᵀ = I: D = tr((GGᵀ)^½VVᵀ)/η_max = Σs_k/η_max whatever B. N = Σs_kφ_k.",
            laws=(MUON_LR,),
        ),
        Step(
            BEST_DECREASE.at(G1 * GAIN, G1**2 / (2 * dL_max)),
            MUON_DECREASE.expr,
            "The decrease, ΔL_max = ½η_maxΣs_k.",
            laws=(MUON_DECREASE,),
        ),
    ),
    (
        Counterexample(
            holds.EQUAL_NOISE,
            "Noise nσ²/B of 0 in one row and 2 in the other, s_1 = 1 along the first: φ_1 = 1, "
            "not the 1/√2 of their mean.",
            MUON_TALL_MEAN(1, 1, 1, 1),
            sp.Integer(1),
        ),
        Counterexample(
            holds.TALL,
            "In a square matrix small singular values are 15 % less certain.",
            MUON_TALL_MEAN(SMALL, 1, 1, 1),
            MUON_SQUARE_SMALL(SMALL, 1, 1, 1),
        ),
        Counterexample(
            holds.SQUARE,
            "In one with p ≪ n they are 18 % more certain.",
            MUON_SQUARE_SMALL(SMALL, 1, 1, 1),
            MUON_TALL_MEAN(SMALL, 1, 1, 1),
        ),
        Counterexample(
            holds.LARGE_MATRIX,
            "1 × 1: V is a sign, with mean √(2/π)μ/σ, not 8/(3π) μ/σ.",
            MUON_SQUARE_SMALL(SMALL, 1, 1, 1),
            SIGN_MEAN(SMALL, 1, 1),
        ),
        Counterexample(
            holds.EQUAL_SINGULAR_VALUES,
            "s = (1, 0), nσ²/B = 1: B_simple/B = 2 claims 1/√3 of the plateau, truly 1/√2.",
            MUON_LR(1, 1, 2),
            MUON_TALL_MEAN(1, 1, 1, 1),
        ),
        Counterexample(
            holds.NUCLEAR_CURVATURE,
            "H = GGᵀ on vectors: D = (Σs_kφ_k)² and ε* = 1/Σs_kφ_k falls with B; at B_simple it "
            "is √2 of its limit, not 1/√2.",
            MUON_LR(1, 1, 1),
            sp.sqrt(2),
        ),
    ),
    MUON_DECREASE,
)

"""Eq. (12): sign descent follows no power law of B, except with a diagonal Hessian."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step
from theory.moments import SIGMOID_MEAN
from theory.surge import COMMON_RATIO_LR, SIGMOID_DIAGONAL_LR, SIGN_LR
from theory.symbols import G1, B, B_noise, E, Q, T, alpha, eps_max, kappa, t

POWER = eps_max / (1 + B_noise / B) ** alpha
# Both sides squared, in t = E² = 1/(1 + p/B), that is p/B = 1/t − 1: power² = law² reads
# ε_max² (T + (Q−T)t)² = G₁² t (1 + (1/t − 1) B_noise/p); B_noise/p is called B here.
LAW_SIDE = eps_max**2 * (T + (Q - T) * t) ** 2
POWER_SIDE = G1**2 * sp.expand(t * (1 + (1 / t - 1) * B))

DERIVATION = Derivation(
    "power_law",
    "No power law but for a diagonal Hessian",
    SIGMOID_DIAGONAL_LR.source,
    "With one ratio κ and the sigmoid, ε* = ε_*/(1 + B_*/B)^α holds for all B only if Q = T; "
    "then α = ½, B_* = πκ²/2 and ε_* = Σ|μ|/T exactly.",
    SIGMOID_DIAGONAL_LR.holds,
    (
        Step(
            sp.Limit(B * sp.diff(sp.log(POWER), B), B, 0),
            alpha,
            "The power law grows as B^α at small B.",
        ),
        Step(
            sp.Limit(B * sp.diff(sp.log(SIGMOID_MEAN(1 / kappa, B)), B), B, 0),
            sp.Rational(1, 2),
            "The law grows as E does there, as √B: hence α = ½.",
        ),
        Step(
            sp.Derivative(POWER_SIDE, (t, 2)),
            sp.Integer(0),
            "Squared and written in t = E² = 1/(1 + p/B), p = πκ²/2, the power law's side of "
            "the equation is linear in t, whatever B_*/p.",
        ),
        Step(
            sp.Derivative(LAW_SIDE, (t, 2)) / 2,
            eps_max**2 * (Q - T) ** 2,
            "The law's side is quadratic unless Q = T: no B_* makes them equal for all t.",
        ),
        Step(
            SIGN_LR.at(E * G1, T, E**2 * T, E**2 * T),
            E * G1 / T,
            "Theorem 2 with one ratio and Q = T: Σℰ_iμ_i = E Σ|μ_i|, D = T.",
        ),
        Step(
            SIGMOID_MEAN(1 / kappa, B) * G1 / T,
            SIGMOID_DIAGONAL_LR.expr,
            "With the sigmoid's E: a power law.",
            DIGITS,
            (SIGMOID_DIAGONAL_LR,),
        ),
    ),
    (
        Counterexample(
            holds.DIAGONAL,
            "Q = 4T: from its largest value to B = 10⁶ the law falls by 13 %; a power law rises.",
            sp.Integer(1),
            COMMON_RATIO_LR(10**6, 1, 1, 4, 1) / COMMON_RATIO_LR(sp.Rational(2, 3), 1, 1, 4, 1),
        ),
    ),
    SIGMOID_DIAGONAL_LR,
)

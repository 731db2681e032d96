"""Su's mean field: its optimal learning rate, its surge and its two batch sizes."""

import sympy as sp

from theory.derivation import DIGITS, Derivation, Step, digits_where
from theory.descent import BEST_DECREASE, BEST_LR
from theory.moments import SIGMOID_MEAN
from theory.su import (
    SOFT_SIGN_FIELD,
    SOFT_SIGN_SHRINKAGE,
    SU_HALF,
    SU_LR,
    SU_PEAK,
    SU_SHRINKAGE,
)
from theory.symbols import (
    G2,
    B,
    B_simple,
    E,
    N_nu,
    Q_nu,
    T,
    beta_1,
    c,
    eps_A,
    kappa,
    mu,
    sigma,
    t,
)

SHRINKAGE = SU_SHRINKAGE.expr
CURVATURE = c * T * (1 - E**2) + Q_nu * E**2
GAIN = BEST_DECREASE(N_nu * E, CURVATURE)
SURGING = 2 * c * T < Q_nu
EMA = (1 - beta_1) / (1 + beta_1)

DERIVATION = Derivation(
    "su",
    "Su's mean field",
    SU_LR.source,
    "With E[V] = βν, Var V = c(1 − β²) and β = (1 + B_simple/B)^{−1/2}: ε* = N/(cT/β + β(Q − cT)) "
    "peaks exactly if Q > 2cT, at B_simple cT/(Q − 2cT), while ΔL* always rises.",
    SU_PEAK.holds,
    (
        Step(
            G2 * B / (G2 * B + G2 * B_simple),
            SHRINKAGE**2,
            "The mean square of a batch gradient is |G|² + trΣ/B = |G|²(1 + B_simple/B); put in "
            "place of its square, V = ĝ/√(ĝ²) has the mean β sign μ, β² the share of |G|².",
        ),
        Step(
            sp.sqrt(B / (B + B_simple)),
            SHRINKAGE,
            "The factor β grows from 0 to 1 with B.",
            DIGITS,
            (SU_SHRINKAGE,),
        ),
        Step(
            SU_SHRINKAGE.at(B, sp.pi * kappa**2 / 2),
            SIGMOID_MEAN(1 / kappa, B),
            "With B_simple = πκ²/2 it is the sigmoid that Li et al. put in place of erf.",
            DIGITS,
        ),
        Step(
            mu / sp.sqrt(mu**2 + sigma**2 / B + eps_A**2),
            SOFT_SIGN_FIELD(mu, eps_A) * SOFT_SIGN_SHRINKAGE(mu, sigma, B, eps_A),
            "Soft sign: the same with ε² beside the mean square.",
            DIGITS,
        ),
        Step(
            mu / eps_A / sp.sqrt(1 + (mu / eps_A) ** 2),
            SOFT_SIGN_FIELD.expr,
            "The noiseless update ν.",
            DIGITS,
            (SOFT_SIGN_FIELD,),
        ),
        Step(
            1 / sp.sqrt(1 + sigma**2 / (B * (mu**2 + eps_A**2))),
            SOFT_SIGN_SHRINKAGE.expr,
            "Its shrinkage.",
            DIGITS,
            (SOFT_SIGN_SHRINKAGE,),
        ),
        Step(
            BEST_LR.at(N_nu * E, CURVATURE),
            N_nu / (c * T / E + E * (Q_nu - c * T)),
            "Lemma 1, in the form of the table, with E = β.",
        ),
        Step(
            sp.Subs(BEST_LR(N_nu * E, CURVATURE), E, SHRINKAGE),
            SU_LR.expr,
            "In terms of B.",
            DIGITS,
            (SU_LR,),
        ),
        Step(
            sp.Derivative(SU_LR.expr, B),
            N_nu
            * B_simple
            * (c * T * B_simple - B * (Q_nu - 2 * c * T))
            / (2 * sp.sqrt(B * (B + B_simple)) * (c * T * B_simple + Q_nu * B) ** 2),
            "It rises while B(Q − 2cT) < B_simple cT: for Q ≤ 2cT always.",
            DIGITS,
        ),
        Step(
            SU_PEAK.at(B_simple, T, T, EMA),
            B_simple * (1 - beta_1) / (3 * beta_1 - 1),
            "Diagonal H (Q = T): with momentum there is a surge even there, for β1 > 1/3.",
            DIGITS,
        ),
        Step(
            sp.Derivative(GAIN, E),
            N_nu**2 * E * c * T / CURVATURE**2,
            "ΔL* rises with β throughout.",
        ),
        Step(
            sp.Subs(GAIN, E, sp.sqrt(c * T / (Q_nu + c * T))),
            N_nu**2 / (4 * Q_nu),
            "It is half of its limit N²/(2Q) at β² = cT/(Q + cT).",
        ),
        Step(
            SU_SHRINKAGE.at(SU_HALF.expr, B_simple) ** 2,
            c * T / (Q_nu + c * T),
            "Solved for B.",
            laws=(SU_HALF,),
        ),
        Step(
            1 / SU_HALF.expr - 1 / SU_PEAK.expr,
            2 / B_simple,
            "Peak and critical batch are not the same.",
            digits_where(SURGING),
        ),
        Step(
            B_simple * c * T / t,
            SU_PEAK(B_simple, T, t + 2 * c * T, c),
            "The root of the slope, t = Q − 2cT.",
        ),
        Step(
            sp.Subs(B_simple * c * T / t, t, Q_nu - 2 * c * T),
            SU_PEAK.expr,
            "The place of the peak.",
            laws=(SU_PEAK,),
        ),
    ),
    (),
    SU_PEAK,
)

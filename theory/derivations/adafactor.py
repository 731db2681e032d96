"""Adafactor: when it is RMSProp, and its learning rate where all coordinates share one ratio."""

import sympy as sp

from theory import hypotheses as holds
from theory.adafactor import (
    ADAFACTOR_HALF,
    ADAFACTOR_LARGE,
    ADAFACTOR_LR,
    ADAFACTOR_MEAN,
    ADAFACTOR_PEAK,
    ADAFACTOR_SMALL,
    ADAFACTOR_VARIANCE,
    SOURCE,
)
from theory.derivation import Counterexample, Derivation, Step, below, digits_where, total
from theory.descent import BEST_DECREASE, BEST_LR
from theory.moments import SIGN_MEAN
from theory.symbols import (
    B,
    C_col,
    N_nu,
    Q_nu,
    R_all,
    R_row,
    T_nu,
    i,
    j,
    kappa,
    mu,
    mu_,
    sigma,
    sigma_,
)

BETA = 1 / sp.sqrt(1 + kappa**2 / B)
CURVATURE = T_nu * (1 - BETA**2) + Q_nu * BETA**2
ROWS, COLUMNS = (i, 0, 2), (j, 0, 1)
ENTRY = mu_[i] ** 2 * sigma_[j] ** 2
ROW_MEAN, COLUMN_MEAN = total(ENTRY, COLUMNS) / 2, total(ENTRY, ROWS) / 3
MEAN = total(ENTRY, COLUMNS, ROWS) / 6
NUMBERS = digits_where(B > 0)

DERIVATION = Derivation(
    "adafactor",
    "Adafactor: RMSProp if the second moment has rank one",
    SOURCE,
    "V_ij = ĝ_ij/√(R_iC_j/R̄). It is RMSProp where μ² + σ²/B has rank one. With one ratio κ its "
    "noiseless update ν_ij = μ_ij/√(the same of μ²) sets the law: ε* has a peak exactly if "
    "Q_ν > 2T_ν, Q_ν = νᵀHν, T_ν = Σν_i²H_ii; a diagonal Hessian (Q_ν = T_ν) has none.",
    ADAFACTOR_PEAK.holds,
    (
        Step(
            (ROW_MEAN * COLUMN_MEAN / MEAN).doit(),
            ENTRY,
            "A 3 × 2 matrix of rank one, x_i²y_j², is given back by its row and column means.",
        ),
        Step(
            mu / sp.sqrt(R_row * C_col / R_all),
            ADAFACTOR_MEAN.expr,
            "Long averages stand still, at the means of μ² + σ²/B: V is linear in ĝ.",
            NUMBERS,
            (ADAFACTOR_MEAN,),
        ),
        Step(
            sigma**2 / B / (R_row * C_col / R_all),
            ADAFACTOR_VARIANCE.expr,
            "So is its deviation, with σ²/B the variance of ĝ.",
            NUMBERS,
            (ADAFACTOR_VARIANCE,),
        ),
        Step(
            ADAFACTOR_MEAN.at(mu, R_row / BETA**2, C_col / BETA**2, R_all / BETA**2),
            BETA * ADAFACTOR_MEAN.expr,
            "With one ratio, μ² + σ²/B = μ²/β², β² = 1/(1 + κ²/B): E[V] = βν.",
            NUMBERS,
        ),
        Step(
            BEST_LR.at(BETA * N_nu, CURVATURE),
            ADAFACTOR_LR.expr,
            "Lemma 1: N = βΣν_iμ_i, Var V_i = ν_i²(1 − β²).",
            NUMBERS,
            (ADAFACTOR_LR,),
        ),
        Step(
            sp.sqrt(B) * sp.Limit(ADAFACTOR_LR.expr / sp.sqrt(B), B, 0),
            ADAFACTOR_SMALL.expr,
            "Small batches.",
            laws=(ADAFACTOR_SMALL,),
        ),
        Step(
            sp.Limit(ADAFACTOR_LR.expr, B, sp.oo),
            ADAFACTOR_LARGE.expr,
            "Large batches.",
            laws=(ADAFACTOR_LARGE,),
        ),
        Step(
            BEST_DECREASE.at(BETA * N_nu, CURVATURE),
            BEST_DECREASE(N_nu, Q_nu) / (1 + ADAFACTOR_HALF.expr / B),
            "The decrease saturates as under SGD.",
            NUMBERS,
        ),
        Step(
            kappa**2 / (Q_nu / T_nu),
            ADAFACTOR_HALF.expr,
            "At that noise scale it is half of its limit.",
            laws=(ADAFACTOR_HALF,),
        ),
        Step(
            sp.Derivative(sp.log(ADAFACTOR_LR.expr), B),
            (kappa**2 * T_nu - (Q_nu - 2 * T_nu) * B) * kappa**2
            / (2 * B * (B + kappa**2) * (B * Q_nu + T_nu * kappa**2)),
            "ε* rises up to B = κ²T_ν/(Q_ν − 2T_ν), and for Q_ν ≤ 2T_ν everywhere.",
            NUMBERS,
        ),
        Step(
            sp.Integer(0),
            kappa**2 * T_nu - (Q_nu - 2 * T_nu) * B,
            "For Q_ν < 2T_ν there is no peak.",
            below(Q_nu < 2 * T_nu),
        ),
        Step(
            B + (kappa**2 * T_nu - (Q_nu - 2 * T_nu) * B) / (Q_nu - 2 * T_nu),
            ADAFACTOR_PEAK.expr,
            "The peak.",
            laws=(ADAFACTOR_PEAK,),
        ),
    ),
    (
        Counterexample(
            holds.LONG_MEMORY,
            "One entry, μ = σ = B = 1 and no memory: V = sign ĝ has the mean erf √½, not √½.",
            ADAFACTOR_MEAN(1, 2, 2, 2),
            SIGN_MEAN(1, 1, 1),
        ),
    ),
    ADAFACTOR_PEAK,
)  # fmt: skip

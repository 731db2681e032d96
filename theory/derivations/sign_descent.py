"""Theorem 2: Lemma 1 for sign descent, with the sums written out at d = 3."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step, total
from theory.descent import BEST_LR
from theory.moments import SIGN_MEAN
from theory.surge import SIGN_LR
from theory.symbols import E_, H_, N_E, Q_E, T_E, T, i, j, mu_

ALL = ((j, 0, 2), (i, 0, 2))
DIAGONAL = (i, 0, 2)
DESCENT = total(E_[i] * mu_[i], DIAGONAL)
NOISE = total((1 - E_[i] ** 2) * H_[i, i], DIAGONAL)
COHERENT = total(E_[i] * E_[j] * H_[i, j], *ALL)
TRACE = total(H_[i, i], DIAGONAL)
MEAN_TRACE = total(E_[i] ** 2 * H_[i, i], DIAGONAL)

DERIVATION = Derivation(
    "sign_descent",
    "Theorem 2: sign descent",
    SIGN_LR.source,
    "ε* = Σℰ_iμ_i / (Σ(1 − ℰ_i²)H_ii + ΣΣℰ_iℰ_jH_ij), ℰ_i = erf(√(B/2) μ_i/σ_i).",
    SIGN_LR.holds,
    (
        Step(
            total(H_[i, j] * (E_[i] * E_[j] + (1 - E_[i] * E_[j]) * sp.KroneckerDelta(i, j)), *ALL),
            NOISE + COHERENT,
            "D = ΣH_ij E[V_iV_j]; the product of two independent signs has mean ℰ_iℰ_j, "
            "the square of one is 1.",
        ),
        Step(
            BEST_LR.at(DESCENT, NOISE + COHERENT),
            SIGN_LR(DESCENT, TRACE, MEAN_TRACE, COHERENT),
            "Lemma 1 with the trace split off: Σ(1 − ℰ_i²)H_ii = tr H − Σℰ_i²H_ii.",
        ),
        Step(
            BEST_LR.at(N_E, T - T_E + Q_E),
            SIGN_LR.expr,
            "The same with a symbol for each of the four sums.",
            laws=(SIGN_LR,),
        ),
    ),
    (
        Counterexample(
            holds.INDEPENDENT_COORDINATES,
            "d = 2, H_ij = 1, μ = σ = B = 1, noise of correlation 1: both signs are always "
            "equal, so E[VᵀHV] = 4 at any B, not 2 + 2ℰ².",
            SIGN_LR(
                2 * SIGN_MEAN(1, 1, 1), 2, 2 * SIGN_MEAN(1, 1, 1) ** 2, 4 * SIGN_MEAN(1, 1, 1) ** 2
            ),
            BEST_LR(2 * SIGN_MEAN(1, 1, 1), 4),
        ),
    ),
    SIGN_LR,
)

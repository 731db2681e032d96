"""Theorem 4, completed: coordinates of zero mean keep their noise at any batch size (d = 3)."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step, total
from theory.descent import BEST_LR
from theory.moments import ARCSINE, SIGN_MEAN, SIGN_VARIANCE
from theory.plateau import PLATEAU, SIMPLE_PLATEAU
from theory.symbols import G1, H_, A, B, Q, i, j, rho_, sigma, t

# Coordinate 0 has a mean, 1 and 2 have none
COINS = ((j, 1, 2), (i, 1, 2))
CERTAIN = H_[0, 0]
PAIR = ARCSINE(rho_[1, 2])
ARCSINES = total(
    H_[i, j] * sp.Piecewise((sp.pi / 2, sp.Eq(i, j)), (sp.asin(rho_[1, 2]), True)), *COINS
)

DERIVATION = Derivation(
    "large_batch",
    "Theorem 4: the plateau at large batches",
    PLATEAU.source,
    "As B → ∞, ε* → Σ|μ_i| / (sᵀHs + (2/π)Σ_{i,j∈Z} H_ij arcsin ρ_ij), Z = {μ_i = 0 < σ_i}.",
    SIMPLE_PLATEAU.holds,
    (
        Step(
            sp.Limit(SIGN_MEAN(t, sigma, B), B, sp.oo),
            sp.Integer(1),
            "Where μ > 0 the sign becomes certain; where μ < 0 likewise, as −1.",
        ),
        Step(
            sp.Limit(SIGN_VARIANCE(t, sigma, B), B, sp.oo),
            sp.Integer(0),
            "It then has no variance, and no covariance with any other sign.",
        ),
        Step(
            SIGN_VARIANCE.at(0, sigma, B),
            sp.Integer(1),
            "Where μ = 0 the sign remains a coin; two such covary as (2/π) arcsin ρ.",
        ),
        Step(
            CERTAIN + H_[1, 1] + H_[2, 2] + (H_[1, 2] + H_[2, 1]) * PAIR,
            CERTAIN + 2 / sp.pi * ARCSINES,
            "E[VᵀHV] with Z = {1, 2}: arcsin 1 = π/2 puts both terms into one sum.",
        ),
        Step(
            BEST_LR.at(G1, Q + 2 / sp.pi * A),
            PLATEAU.expr,
            "Lemma 1, N = Σ|μ_i|.",
            laws=(PLATEAU,),
        ),
        Step(PLATEAU.at(G1, Q, sp.pi * t / 2), G1 / (Q + t), "Independent coins: t = Σ_Z H_ii."),
        Step(
            PLATEAU.at(G1, Q, 0),
            SIMPLE_PLATEAU.expr,
            "Without coordinates of zero mean, the paper's form.",
            laws=(SIMPLE_PLATEAU,),
        ),
    ),
    (
        Counterexample(
            holds.NO_VANISHING_MEAN,
            "μ = (1, 0), σ = (1, 1), H = I: the second sign is a coin for ever, D = 2 and not 1.",
            SIMPLE_PLATEAU(1, 1),
            BEST_LR(SIGN_MEAN(1, 1, 10**4), 2),
        ),
    ),
    SIMPLE_PLATEAU,
)

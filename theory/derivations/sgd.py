"""SGD: Lemma 1 with V = ĝ, the covariance sums written out at d = 2."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, total
from theory.descent import BEST_DECREASE, BEST_LR
from theory.noise_scale import MCCANDLISH, SGD_DECREASE, SGD_EPS_MAX, SGD_LR, SGD_NOISE_SCALE
from theory.symbols import G2, H_, B, B_noise, C, Sigma_, W, dL_max, eps_max, i, j, mu_


def _double_sum(term: sp.Expr) -> sp.Expr:
    return total(term, (j, 0, 1), (i, 0, 1))


DERIVATION = Derivation(
    "sgd",
    "SGD saturates at a noise scale",
    MCCANDLISH,
    "With V = ĝ the optimal learning rate is ε_max/(1 + B_noise/B), ε_max = |G|²/(GᵀHG), "
    "B_noise = tr(HΣ)/(GᵀHG); the decrease of the loss has the same form.",
    SGD_LR.holds,
    (
        Step(
            _double_sum(H_[i, j] * (Sigma_[i, j] / B + mu_[i] * mu_[j])),
            _double_sum(mu_[i] * H_[i, j] * mu_[j]) + _double_sum(H_[i, j] * Sigma_[i, j]) / B,
            "cov ĝ = Σ/B, for the B samples are independent: D = GᵀHG + tr(HΣ)/B.",
        ),
        Step(
            sp.Limit(BEST_LR(G2, C + W / B), B, sp.oo),
            SGD_EPS_MAX.expr,
            "Lemma 1 without noise, N = |G|².",
            laws=(SGD_EPS_MAX,),
        ),
        Step(
            BEST_LR.at(G2, C + W / B),
            SGD_LR(B, SGD_EPS_MAX(G2, C), SGD_NOISE_SCALE(W, C)),
            "Lemma 1 with noise, divided through by GᵀHG.",
            laws=(SGD_NOISE_SCALE,),
        ),
        Step(
            BEST_DECREASE.at(G2, C + W / B),
            SGD_DECREASE(B, BEST_DECREASE(G2, C), SGD_NOISE_SCALE(W, C)),
            "The decrease of Lemma 1, divided likewise.",
        ),
        Step(
            BEST_DECREASE.at(2 * dL_max / eps_max, 2 * dL_max / eps_max**2 * (1 + B_noise / B)),
            SGD_DECREASE.expr,
            "The same in terms of its two scales, ΔL_max = ½ε_max|G|² = ½ε_max² GᵀHG.",
            DIGITS,
            (SGD_DECREASE,),
        ),
        Step(
            BEST_LR.at(eps_max * C, C + B_noise * C / B),
            SGD_LR.expr,
            "The law in terms of its two scales: |G|² = ε_max GᵀHG, tr(HΣ) = B_noise GᵀHG.",
            laws=(SGD_LR,),
        ),
    ),
    (
        Counterexample(
            holds.POSITIVE_CURVATURE,
            "G = (1, 1), H = diag(1, −2): GᵀHG = −1 claims a saturated decrease of −2, but the "
            "loss falls without bound; ε = 1 gains 5/2.",
            SGD_DECREASE(10**6, BEST_DECREASE(2, -1), 0),
            sp.Rational(5, 2),
        ),
        Counterexample(
            holds.INDEPENDENT_SAMPLES,
            "One sample repeated B = 9 times, d = 1, H = μ = σ = 1: D = 2, not 1 + 1/9.",
            BEST_LR(1, 1 + sp.Rational(1, 9)),
            BEST_LR(1, 2),
        ),
    ),
    SGD_LR,
)

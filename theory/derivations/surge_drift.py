"""How a whole curve ε*(B) moves when the means shrink: exactly, for any ratios (sums at d = 2)."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, total
from theory.descent import BEST_DECREASE, BEST_LR
from theory.moments import SIGN_MEAN
from theory.noise_scale import NOISE_SCALE, SGD_LR, SGD_NOISE_SCALE
from theory.surge import COMMON_RATIO_PEAK
from theory.surge_place import PEAK_DRIFT, PEAK_SCALING, SOURCE
from theory.symbols import (
    H_,
    B,
    B_noise,
    D,
    N,
    T,
    eta,
    h,
    i,
    j,
    k,
    kappa,
    loss,
    loss_0,
    mu,
    mu_,
    q,
    r,
    sigma,
    sigma_,
    x,
)  # fmt: skip

ALL, DIAGONAL = ((j, 0, 1), (i, 0, 1)), (i, 0, 1)


def _numerator(batch: sp.Expr, factor: sp.Expr) -> sp.Expr:
    """Σℰ_iμ_i of sign descent, every mean times `factor`."""
    return total(factor * mu_[i] * SIGN_MEAN(factor * mu_[i], sigma_[i], batch), DIAGONAL)


def _denominator(batch: sp.Expr, factor: sp.Expr) -> sp.Expr:
    """Σ(1 − ℰ_i²)H_ii + ΣΣℰ_iℰ_jH_ij, every mean times `factor`."""
    signs = [SIGN_MEAN(factor * mu_[a], sigma_[a], batch) for a in (i, j)]
    return total((1 - signs[0] ** 2) * H_[i, i], DIAGONAL) + total(
        signs[0] * signs[1] * H_[i, j], *ALL
    )


def _of(law, batch: sp.Expr, factor: sp.Expr) -> sp.Expr:
    return law(_numerator(batch, factor).doit(), _denominator(batch, factor).doit())


WIDTH = sigma**2 / B  # variance of a batch gradient

DERIVATION = Derivation(
    "surge_drift",
    "How the surge moves as the gradient shrinks",
    SOURCE,
    "A batch gradient with means ημ at B is η times one with means μ at η²B. For a homogeneous "
    "rule, V(cĝ) = c^k V(ĝ), therefore ε*(B; ημ, σ) = η^(1−k) ε*(η²B; μ, σ) and ΔL* = η² ΔL*(η²B), "
    "for any H, any ratios, any correlation (k = 0 for sign descent and Adam, 1 for SGD): every "
    "batch size of the curve, its peak for one, is divided by η². Along an eigenvector of the "
    "Hessian L ∝ |G|², so that B_peak ∝ 1/L.",
    PEAK_DRIFT.holds,
    (
        Step(
            (eta * x - eta * mu) ** 2 / WIDTH,
            (x - mu) ** 2 / WIDTH.subs(B, eta**2 * B),
            "The exponent of the normal density: ηĝ with mean ημ and variance σ²/B is ĝ with mean "
            "μ and variance σ²/(η²B); correlations do not change.",
        ),
        Step(
            BEST_LR.at(eta * eta**k * N, eta ** (2 * k) * D),
            eta ** (1 - k) * BEST_LR.expr,
            "V is η^k times as long: N = GᵀE[V] gains η^(1+k) and D gains η^(2k).",
        ),
        Step(
            BEST_DECREASE.at(eta * eta**k * N, eta ** (2 * k) * D),
            eta**2 * BEST_DECREASE.expr,
            "The decrease, for every k.",
        ),
        Step(
            _of(BEST_LR, B, eta),
            eta * _of(BEST_LR, eta**2 * B, sp.Integer(1)),
            "Theorem 2, k = 0, with the sums at d = 2 and unequal ratios.",
            DIGITS,
        ),
        Step(
            _of(BEST_DECREASE, B, eta),
            eta**2 * _of(BEST_DECREASE, eta**2 * B, sp.Integer(1)),
            "Its decrease of the loss.",
            DIGITS,
        ),
        Step(
            SGD_LR.at(B, r, SGD_NOISE_SCALE(h, eta**2 * x)),
            SGD_LR.at(eta**2 * B, r, SGD_NOISE_SCALE(h, x)),
            "SGD, k = 1: ε_max stays, and tr(HΣ)/(GᵀHG) is divided by η².",
        ),
        Step(
            COMMON_RATIO_PEAK.at(kappa / eta, T, q * T),
            PEAK_SCALING(COMMON_RATIO_PEAK(kappa, T, q * T), eta),
            "The exact peak for one ratio, κ → κ/η.",
        ),
        Step(
            NOISE_SCALE.at(T, eta**2 * x),
            PEAK_SCALING(NOISE_SCALE(T, x), eta),
            "Theorem 3's, for S has two factors r.",
        ),
        Step(
            (B_noise * B / (eta**2 * B)),
            PEAK_SCALING.expr,
            "What happened at η²B = B_noise happens at B = B_noise/η².",
            laws=(PEAK_SCALING,),
        ),
        Step(
            (h * eta * x) ** 2 / (2 * h),
            eta**2 * (h * x) ** 2 / (2 * h),
            "Along an eigenvector with Hv = hv the gradient is hx and the loss hx²/2 = |G|²/(2h): "
            "L/L_0 = η².",
        ),
        Step(
            PEAK_SCALING.at(B_noise, sp.sqrt(loss / loss_0)),
            PEAK_DRIFT.expr,
            "So B_peak ∝ 1/L: the exponent 1/α_B of B_*/L^(1/α_B) is 1.",
            laws=(PEAK_DRIFT,),
        ),
    ),
    (
        Counterexample(
            holds.HOMOGENEOUS,
            "ĝ/√(ĝ² + ε_A²), d = 1, mean field, σ = ε_A = 1: B_noise = 1/(μ² + ε_A²) goes from ½ "
            "at μ = 1 to ⅘ at μ = ½, not to 2.",
            PEAK_SCALING(sp.Rational(1, 2), sp.Rational(1, 2)),
            sp.Rational(4, 5),
        ),
        Counterexample(
            holds.STRAIGHT,
            "H = diag(1, 4), from θ = (1, 1) to (1, 0): the loss falls to a fifth, but |G|² to "
            "1/17, and with it grows B_simple = trΣ/|G|².",
            PEAK_DRIFT(1, sp.Rational(5, 2), sp.Rational(1, 2)),
            sp.Integer(17),
        ),
    ),
    PEAK_DRIFT,
)

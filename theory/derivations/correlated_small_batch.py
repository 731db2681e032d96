"""Small batches under correlated noise: from Price's theorem to D0/D1 (sums at d = 2)."""

import sympy as sp

from theory import hypotheses as holds
from theory.correlated_small_batch import (
    CORRELATED_EPS_MAX,
    CORRELATED_NOISE_SCALE,
    CORRELATED_SMALL_BATCH_LR,
    PAIR_BEND,
    PAIR_SLOPE,
    PEAK_DISPLACEMENT,
    VANISHING_CORRELATION,
)
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where
from theory.derivations.cases import OPPOSED, Case, lr_at
from theory.descent import BEST_LR
from theory.moments import ARCSINE, SIGN_COVARIANCE_DENSITY, SIGN_MEAN
from theory.noise_scale import EPS_MAX, NOISE_SCALE, SMALL_BATCH_LR
from theory.symbols import (
    D_0,
    D_1,
    D_2,
    H_,
    M_3,
    B,
    B_noise,
    M,
    S,
    T,
    h,
    k,
    mu_,
    rho,
    sigma_,
    u,
    x,
)

LIMITED = sp.Abs(rho) < sp.Rational(9, 10)
GROWTH = SIGN_COVARIANCE_DENSITY(h * x, k * x, u)
MEANS = SIGN_MEAN(h * x, 1, 1) * SIGN_MEAN(k * x, 1, 1)


def _order(power: int) -> sp.Expr:
    """The part of E[sign X sign Y] of that order in the means (h, k), by Taylor in x at 0."""
    growth, means = (
        sp.diff(term, x, power).subs(x, 0) / sp.factorial(power) for term in (GROWTH, MEANS)
    )
    return sp.Integral(growth, (u, 0, sp.atanh(rho))) + means


R0, R1 = mu_[0] / sigma_[0], mu_[1] / sigma_[1]
CURVATURE = H_[0, 0] + H_[1, 1] + 2 * H_[0, 1] * (ARCSINE(rho) + B * PAIR_SLOPE(R0, R1, rho))
START = H_[0, 0] + H_[1, 1] + 2 * H_[0, 1] * ARCSINE(rho)
SLOPE = 2 * H_[0, 1] * PAIR_SLOPE(R0, R1, rho)
# ln ε* with the next orders, times x, in numerator and denominator
LOGARITHM = sp.log(B) / 2 + sp.log(M - x * B * M_3 / 6) - sp.log(D_0 + B * D_1 + x * B**2 * D_2)
PULL = sp.diff(LOGARITHM, B, x).subs(x, 0)
HOLD = sp.diff(LOGARITHM, B, 2).subs(x, 0)
MOVE = (-PULL / HOLD / B).subs(D_0, B * D_1)
_TRACELESS = Case((1, 1), (10, 10), ((0, 1), (1, 0)))

DERIVATION = Derivation(
    "correlated_small_batch",
    "Small batches under correlated noise",
    CORRELATED_NOISE_SCALE.source,
    "With D0 = T + (2/π)Σ H_ij arcsin ρ_ij and D1 = (2/π)Σ H_ij [r_ir_j − ½ρ_ij(r_i² + r_j²)]/"
    "√(1 − ρ_ij²) over i ≠ j, ε* = √(2B/π) M/(D0 + B D1): a peak exactly if D1 > 0, at D0/D1.",
    CORRELATED_NOISE_SCALE.holds,
    (
        Step(
            _order(0),
            ARCSINE.expr,
            "Without means two correlated signs agree with mean (2/π) arcsin ρ, at any B.",
            digits_where(LIMITED),
        ),
        Step(
            _order(2),
            PAIR_SLOPE.expr,
            "The part of second order in h = √B r_i and k = √B r_j, that is linear in B.",
            digits_where(LIMITED),
            (PAIR_SLOPE,),
        ),
        Step(
            _order(4),
            PAIR_BEND.expr,
            "The part of fourth order, D2.",
            digits_where(LIMITED),
            (PAIR_BEND,),
        ),
        Step(
            PAIR_SLOPE.at(h, k, 0),
            2 * h * k / sp.pi,
            "Without correlation it is the product of the two means, Theorem 3.",
        ),
        Step(
            PAIR_SLOPE.at(h, k, VANISHING_CORRELATION.expr),
            sp.Integer(0),
            "A pair adds nothing once ρ = 2r_ir_j/(r_i² + r_j²), and beyond takes away: where one "
            "ratio is zero, from the first.",
            digits_where(sp.Abs(h) < sp.Abs(k)),
            (VANISHING_CORRELATION,),
        ),
        Step(
            CURVATURE,
            START + B * SLOPE,
            "Summed over the Hessian (d = 2): sign² = 1 on the diagonal, and D = D0 + B D1.",
        ),
        Step(
            BEST_LR.at(sp.sqrt(2 * B / sp.pi) * M, D_0 + B * D_1),
            CORRELATED_SMALL_BATCH_LR.expr,
            "Lemma 1 with the numerator of Theorem 3, which correlation does not touch.",
            laws=(CORRELATED_SMALL_BATCH_LR,),
        ),
        Step(
            CORRELATED_SMALL_BATCH_LR.at(B, M, T, 2 * S / sp.pi),
            SMALL_BATCH_LR(B, EPS_MAX(M, S, T), NOISE_SCALE(T, S)),
            "Without correlation D0 = T and D1 = 2S/π: Theorem 3.",
            DIGITS,
        ),
        Step(
            sp.Derivative(CORRELATED_SMALL_BATCH_LR.expr, B),
            M * (D_0 - B * D_1) / (sp.sqrt(2 * sp.pi * B) * (D_0 + B * D_1) ** 2),
            "It rises while B D1 < D0: for D1 ≤ 0 always.",
            DIGITS,
        ),
        Step(
            CORRELATED_SMALL_BATCH_LR.at(D_0 / D_1, M, D_0, D_1),
            CORRELATED_EPS_MAX.expr,
            "The height of the peak.",
            digits_where(D_1 > 0),
            (CORRELATED_EPS_MAX,),
        ),
        Step(
            CORRELATED_SMALL_BATCH_LR.expr,
            SMALL_BATCH_LR(B, CORRELATED_EPS_MAX.expr, CORRELATED_NOISE_SCALE.expr),
            "The form of Theorem 3 with other scales: symmetric about the peak.",
            digits_where(D_1 > 0),
        ),
        Step(
            MOVE,
            PEAK_DISPLACEMENT(M, M_3, B * D_1, D_1, D_2),
            "The next orders, −B M3/6 in the numerator and B²D2 in D, move the root of "
            "∂ ln ε*/∂B by one Newton step, relative to B (at the peak, D0 = B D1).",
            digits_where(D_1 > 0),
        ),
        Step(
            -2 * M_3 / (3 * M) * B_noise - 3 * D_2 / D_1 * B_noise,
            PEAK_DISPLACEMENT(M, M_3, B_noise * D_1, D_1, D_2),
            "Saturation of the numerator (M3 > 0) moves the peak to the left, that of D (where "
            "D2 < 0) to the right.",
        ),
        Step(
            sp.Subs(-B_noise * (2 * M_3 / (3 * M) + 3 * D_2 / D_1), B_noise, D_0 / D_1),
            PEAK_DISPLACEMENT.expr,
            "In terms of the sums.",
            laws=(PEAK_DISPLACEMENT,),
        ),
        Step(
            D_0 / D_1 + (D_0 - D_0 / D_1 * D_1),
            CORRELATED_NOISE_SCALE.expr,
            "The place of the peak: the root of D0 − B D1.",
            laws=(CORRELATED_NOISE_SCALE,),
        ),
    ),
    (
        Counterexample(
            holds.POSITIVE_D1,
            "Theorem 3's case of S < 0, that is D1 < 0: no peak is claimed, but ε* falls by 33 % "
            "from B = 10 to B = 10⁶.",
            sp.Integer(1),
            lr_at(OPPOSED, 10**6) / lr_at(OPPOSED, 10),
        ),
        Counterexample(
            holds.POSITIVE_D0,
            "H = [[0, 1], [1, 0]], no correlation: ε* should grow as √B below a peak, threefold "
            "from B = 1/90 to B = 1/10; it falls to a third.",
            sp.Integer(3),
            lr_at(_TRACELESS, sp.Rational(1, 10)) / lr_at(_TRACELESS, sp.Rational(1, 90)),
        ),
    ),
    CORRELATED_NOISE_SCALE,
)

"""Theorems 3 and 5: Theorem 2 where every mean sign is still linear in √B (sums at d = 3)."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, total
from theory.derivations.cases import OPPOSED, Case, lr_at
from theory.descent import BEST_DECREASE, BEST_LR
from theory.moments import SIGMOID_MEAN, SIGN_MEAN
from theory.noise_scale import (
    DECREASE_MAX,
    EPS_MAX,
    NOISE_SCALE,
    REGIME,
    SMALL_BATCH_DECREASE,
    SMALL_BATCH_LR,
)
from theory.symbols import H_, B, B_noise, M, S, T, dL_max, eps_max, i, j, mu, mu_, sigma, sigma_, t

ALL = ((j, 0, 2), (i, 0, 2))
DIAGONAL = (i, 0, 2)
SLOPE = sp.sqrt(2 / sp.pi)
RATIO_I, RATIO_J = mu_[i] / sigma_[i], mu_[j] / sigma_[j]
TRACE = total(H_[i, i], DIAGONAL)
OFF_DIAGONAL = total(RATIO_I * RATIO_J * H_[i, j] * (1 - sp.KroneckerDelta(i, j)), *ALL)
GROWTH = 2 * B / sp.pi
NUMERATOR, DENOMINATOR = SLOPE * sp.sqrt(B) * M, T + GROWTH * S


def _theorem3(case: Case, batch: int) -> sp.Expr:
    """The law of Theorem 3 for numbers, by its definitions."""
    ratio = [m / sp.sympify(s) for m, s in zip(case.mu, case.sigma, strict=True)]
    size = range(len(ratio))
    trace = sp.Add(*(case.hessian[a][a] for a in size))
    off = sp.Add(*(ratio[a] * ratio[c] * case.hessian[a][c] for a in size for c in size if a != c))
    strength = sp.Add(*(case.mu[a] * ratio[a] for a in size))
    return BEST_LR(*(e.subs({B: batch, M: strength, T: trace, S: off})
                     for e in (NUMERATOR, DENOMINATOR)))  # fmt: skip


_HALF = sp.Rational(1, 2)
_STRONG = Case((5, 5), (1, 1), ((1, _HALF), (_HALF, 1)))
_NOISELESS = Case((1, 1), (sp.Rational(1, 10**6), 10), ((1, _HALF), (_HALF, 1)))
_TRACELESS = Case((1, 1), (10, 10), ((0, 1), (1, 0)))

DERIVATION = Derivation(
    "small_batch",
    "Theorems 3 and 5: the surge at small batches",
    SMALL_BATCH_LR.source,
    "For B ≪ πσ_i²/(2μ_i²): ε* = ε_max/[½(√(B_noise/B) + √(B/B_noise))] with its peak at "
    "B_noise = πT/(2S), and ΔL* = ΔL_max/(1 + B_noise/B).",
    SMALL_BATCH_LR.holds,
    (
        Step(
            sp.Limit(SIGN_MEAN.expr / sp.sqrt(B), B, 0),
            SLOPE * mu / sigma,
            "At small B the mean sign is linear in √B: ℰ_i ≈ √(2B/π) r_i.",
        ),
        Step(
            SIGMOID_MEAN.at(t / sigma, REGIME(t, sigma)),
            1 / sp.sqrt(2),
            "How small: in the sigmoid, ℰ² has reached ½ at B = πσ²/(2μ²) (here μ = t > 0).",
            laws=(REGIME,),
        ),
        Step(
            total((1 - GROWTH * RATIO_I**2) * H_[i, i], DIAGONAL)
            + total(GROWTH * RATIO_I * RATIO_J * H_[i, j], *ALL),
            TRACE + GROWTH * OFF_DIAGONAL,
            "In Theorem 2's denominator the ℰ_i² of the diagonal cancel: D = T + (2B/π)S. The "
            "numerator is √(2B/π) M.",
        ),
        Step(
            BEST_LR.at(NUMERATOR, DENOMINATOR),
            SMALL_BATCH_LR(B, EPS_MAX(M, S, T), NOISE_SCALE(T, S)),
            "Lemma 1, with the two scales taken out.",
            DIGITS,
            (EPS_MAX, NOISE_SCALE),
        ),
        Step(
            BEST_DECREASE.at(NUMERATOR, DENOMINATOR),
            SMALL_BATCH_DECREASE(B, DECREASE_MAX(M, S), NOISE_SCALE(T, S)),
            "Theorem 5: the decrease of Lemma 1, with the same noise scale.",
            DIGITS,
        ),
        Step(
            sp.Limit(BEST_DECREASE(NUMERATOR, DENOMINATOR), B, sp.oo),
            DECREASE_MAX.expr,
            "Its upper bound, approached beyond B_noise.",
            laws=(DECREASE_MAX,),
        ),
        Step(
            BEST_DECREASE(NUMERATOR, DENOMINATOR)
            .subs(M, sp.sqrt(2 * S * dL_max))
            .subs(T, 2 * S * B_noise / sp.pi),
            SMALL_BATCH_DECREASE.expr,
            "Theorem 5 in terms of its two scales.",
            DIGITS,
            (SMALL_BATCH_DECREASE,),
        ),
        Step(
            SMALL_BATCH_LR.at(B_noise * t, eps_max, B_noise),
            SMALL_BATCH_LR.at(B_noise / t, eps_max, B_noise),
            "ε* is symmetric about B_noise on a logarithmic axis.",
            DIGITS,
        ),
        Step(
            sp.Subs(sp.Derivative(SMALL_BATCH_LR.expr, B), B, B_noise),
            sp.Integer(0),
            "Its slope vanishes at B_noise.",
        ),
        Step(
            sp.Subs(sp.Derivative(SMALL_BATCH_LR.expr, (B, 2)), B, B_noise),
            -eps_max / (4 * B_noise**2),
            "The peak is a maximum.",
        ),
        Step(
            SMALL_BATCH_LR.at(B_noise, eps_max, B_noise),
            eps_max,
            "Its height is ε_max.",
        ),
        Step(
            BEST_LR(NUMERATOR, DENOMINATOR)
            .subs(M, 2 * eps_max * sp.sqrt(S * T))
            .subs(T, 2 * S * B_noise / sp.pi),
            SMALL_BATCH_LR.expr,
            "Theorem 3 in terms of its two scales.",
            DIGITS,
            (SMALL_BATCH_LR,),
        ),
    ),
    (
        Counterexample(
            holds.POSITIVE_S,
            "A pair of high ratio pulling apart, one of low ratio pulling together: S = −0.199 "
            "claims no peak, but ε* falls by 33 % from B = 10 to B = 10⁶.",
            sp.Integer(1),
            lr_at(OPPOSED, 10**6) / lr_at(OPPOSED, 10),
        ),
        Counterexample(
            holds.POSITIVE_TRACE,
            "H = [[0, 1], [1, 0]]: ε* should grow as √B, threefold from B = 1/90 to B = 1/10; "
            "it falls to a third.",
            sp.Integer(3),
            lr_at(_TRACELESS, sp.Rational(1, 10)) / lr_at(_TRACELESS, sp.Rational(1, 90)),
        ),
        Counterexample(
            holds.SMALL_BATCH,
            "r = 5: at B = 1 the mean signs are already saturated.",
            _theorem3(_STRONG, 1),
            lr_at(_STRONG, 1),
        ),
        Counterexample(
            holds.NOISY,
            "One coordinate almost without noise: M = 10⁶ and S = 10⁵ describe no batch at all.",
            _theorem3(_NOISELESS, 1),
            lr_at(_NOISELESS, 1),
        ),
    ),
    SMALL_BATCH_LR,
)

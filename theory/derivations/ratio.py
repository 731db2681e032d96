"""Moments of Σ a_k g_k/√(Σ w_k g_k²): from Laplace transforms of 1/√v and 1/v to one integral."""

from typing import Any

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step, digits_where
from theory.moments import SIGN_MEAN
from theory.ratio import (
    RATIO_LARGE_VARIANCE,
    RATIO_MEAN_DENSITY,
    RATIO_ROOT_DENSITY,
    RATIO_SQUARE_DENSITY,
)
from theory.symbols import A_t, C_t, D_a, D_aa, a_, h, s_aa, s_aw, s_ww, t, w, w_, x, y, z

NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
ONE_POSITIVE = digits_where(w_[0] > 0)
POSITIVE = digits_where(w_[0] > 0, w_[1] > 0)


def _damped(term: Any, k: int) -> Any:
    return term / (1 + 2 * t * w_[k])


def _factor(k: int) -> Any:
    """E[e^{−tw g²}] of one gradient; times g it is `_first`, times g² `_second`."""
    return sp.sqrt(_damped(1, k)) * sp.exp(-(h**2) * t * _damped(w_[k], k))


def _first(k: int) -> Any:
    return _damped(h, k) * _factor(k)


def _second(k: int) -> Any:
    return (_damped(1, k) + _damped(h, k) ** 2) * _factor(k)


def _weighted(power: sp.Expr) -> sp.Expr:
    return sp.Integral(power * sp.exp(-t * w_[0] * (h + z) ** 2) * NORMAL, (z, -sp.oo, sp.oo))


# The sums over two past gradients
SUMS = (
    sp.log(1 + 2 * t * w_[0]) / 2 + sp.log(1 + 2 * t * w_[1]) / 2,
    _damped(w_[0], 0) + _damped(w_[1], 1),
    _damped(a_[0], 0) + _damped(a_[1], 1),
    _damped(a_[0] ** 2, 0) + _damped(a_[1] ** 2, 1),
)
MEAN = a_[0] * _first(0) * _factor(1) + a_[1] * _factor(0) * _first(1)
SQUARE = (
    a_[0] ** 2 * _second(0) * _factor(1)
    + a_[1] ** 2 * _factor(0) * _second(1)
    + 2 * a_[0] * a_[1] * _first(0) * _first(1)
)
SLOPE = a_[0] * _factor(0) * _factor(1) - 2 * t * w_[0] * (
    a_[0] * _second(0) * _factor(1) + a_[1] * _first(0) * _first(1)
)
ONE = (sp.log(1 + 2 * t) / 2, 1 / (1 + 2 * t), 1 / (1 + 2 * t))  # a = w = (1): a sign
UPDATE = (a_[0] * x + (1 - a_[0]) * y) / sp.sqrt(w_[0] * x**2 + (1 - w_[0]) * y**2)

DERIVATION = Derivation(
    "ratio",
    "The moments of a ratio of averages by one integral",
    RATIO_MEAN_DENSITY.source,
    "V = Σ a_k g_k/√v, v = Σ w_k g_k², of independent g_k ~ N(h, 1) has "
    "E[V] = (h/√π)∫ t^{−1/2} D_a e^{−A−h²tC} dt and E[V²] = ∫ (D_aa + h²D_a²) e^{−A−h²tC} dt.",
    (*RATIO_LARGE_VARIANCE.holds,),
    (
        Step(
            sp.Integral(sp.exp(-t * w) / sp.sqrt(sp.pi * t), (t, 0, sp.oo)),
            1 / sp.sqrt(w),
            "1/√v is a mixture of exponentials e^{−tv}.",
        ),
        Step(sp.Integral(sp.exp(-t * w), (t, 0, sp.oo)), 1 / w, "And so is 1/v, for E[V²]."),
        Step(
            _weighted(sp.Integer(1)),
            _factor(0),
            "E[e^{−tv}] factors over the gradients, each "
            "giving a Gaussian integral: with a product it is e^{−A − h²tC}.",
            ONE_POSITIVE,
        ),
        Step(_weighted(h + z), _first(0), "The same with g_k in front.", ONE_POSITIVE),
        Step(_weighted((h + z) ** 2), _second(0), "And with g_k².", ONE_POSITIVE),
        Step(
            MEAN / sp.sqrt(sp.pi * t),
            RATIO_MEAN_DENSITY.at(h, t, *SUMS[:3]),
            "E[Σ a_k g_k e^{−tv}], here of two gradients, in terms of the sums A, C and D_a.",
            POSITIVE,
        ),
        Step(
            SQUARE,
            RATIO_SQUARE_DENSITY.at(h, t, *SUMS),
            "E[(Σ a_k g_k)² e^{−tv}], with D_aa.",
            POSITIVE,
        ),
        Step(
            sp.exp(-A_t) * sp.exp(-C_t * t * h**2) / sp.sqrt(sp.pi * t),
            RATIO_ROOT_DENSITY.expr,
            "So for any number of gradients E[1/√v] is the integral of this density.",
            laws=(RATIO_ROOT_DENSITY,),
        ),
        Step(
            (D_aa + (h * D_a) ** 2) * sp.exp(-A_t) * sp.exp(-C_t * t * h**2),
            RATIO_SQUARE_DENSITY.expr,
            "E[V²] of this.",
            laws=(RATIO_SQUARE_DENSITY,),
        ),
        Step(
            SLOPE,
            _damped(a_[0] - 2 * t * w_[0] * h**2 * SUMS[2], 0) * _factor(0) * _factor(1),
            "E[∂V/∂g_k], the part of a covariance that is linear in ρ, has the density "
            "(a_k − 2tw_k h²D_a)/(1 + 2tw_k) times that of E[1/√v].",
            POSITIVE,
        ),
        Step(
            sp.Integral(2 * y * RATIO_MEAN_DENSITY(h, t, *ONE).subs(t, y**2), (y, 0, sp.oo)),
            SIGN_MEAN(h, 1, 1),
            "One gradient (t = y²): the mean of its sign.",
            digits_where(h > 0),
        ),
        Step(
            sp.Subs(sp.Derivative(UPDATE, x), (x, y), (w, w)),
            (a_[0] - w_[0]) / w,
            "Where noise is small V is linear in it: at g = h > 0 its slopes are (a_k − w_k)/h.",
        ),
        Step(
            (s_aa - s_aw) / h**2 - (s_aw - s_ww) / h**2,
            RATIO_LARGE_VARIANCE.expr,
            "Squared and summed, Σ(a_k − w_k)²/h².",
            laws=(RATIO_LARGE_VARIANCE,),
        ),
        Step(
            h * D_a * RATIO_ROOT_DENSITY.expr,
            RATIO_MEAN_DENSITY.expr,
            "E[V] is the integral of h D_a times the density of E[1/√v].",
            laws=(RATIO_MEAN_DENSITY,),
        ),
    ),
    (
        Counterexample(
            holds.FROZEN,
            "No noise, β1 = 9/10; the gradient was −1 for long and is now 1: claimed V = 1, but "
            "m = 1/10 − 9/10.",
            sp.Integer(1),
            sp.Rational(1, 10) - sp.Rational(9, 10),
        ),
        Counterexample(
            holds.ABOVE_NOISE,
            "a = (1, 0), w = (½, ½) at h = ½: the variance claimed is 2, but V² has mean 1.",
            RATIO_LARGE_VARIANCE(sp.Rational(1, 2), 1, sp.Rational(1, 2), sp.Rational(1, 2)),
            sp.Integer(1),
        ),
    ),
    RATIO_MEAN_DENSITY,
)

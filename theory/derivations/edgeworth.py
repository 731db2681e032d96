"""Edgeworth's mean sign: from the cumulants of a sum, and against sums that are known exactly."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Check, Counterexample, Derivation, Step, total
from theory.edgeworth import EDGEWORTH_FIRST, EDGEWORTH_SECOND
from theory.moments import SIGN_MEAN
from theory.symbols import B, gamma_1, h, kappa_4, n, t, x, y, z

IT = sp.I * t
CUMULANTS = (IT * y) ** 2 / 2 + gamma_1 * (IT * y) ** 3 / 6 + kappa_4 * (IT * y) ** 4 / 24
PER_SAMPLE = total(CUMULANTS.subs(y, 1 / sp.sqrt(B)), (n, 1, B))
POWERS = gamma_1 * IT**3 / 6, kappa_4 * IT**4 / 24  # of y and y², beyond the Gaussian
EXPANDED = sp.exp(-(t**2) / 2 + y * POWERS[0] + y**2 * POWERS[1])
NORMAL = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)


def _hermite(order: int, at: sp.Expr) -> sp.Expr:
    return sp.hermite_prob(order, at)


def _jump(order: int) -> sp.Expr:
    """∫ sign(h + x) He_order(x) φ(x) dx."""
    term = _hermite(order, x) * NORMAL
    return sp.Integral(term, (x, -h, sp.oo)) - sp.Integral(term, (x, -sp.oo, -h))


# Samples x − 1 + h/√B with x exponential: γ = 2, κ₄ = 6; the sum of x is a gamma variable
SIZE = 16 * (1 + t)
EXPONENTIAL = 2 * sp.uppergamma(SIZE, SIZE - sp.sqrt(SIZE) * h) / sp.gamma(SIZE) - 1
SECOND_EXPONENTIAL = EDGEWORTH_SECOND(h, SIZE, 2, 6)
# Laplace samples of unit variance, B = 2: the sum of two has the density (1 + |z|) e^{−|z|}/4
LAPLACE = sp.Integral((1 + z) * sp.exp(-z) / 2, (z, 0, 2 * h))
TWO_LAPLACE = sp.Abs(LAPLACE - EDGEWORTH_SECOND(h, 2, 0, 3))
WALK = sp.binomial(100, 50) / sp.Integer(2) ** 100

DERIVATION = Derivation(
    "edgeworth",
    "Edgeworth: the mean sign of skewed and heavy-tailed samples",
    EDGEWORTH_SECOND.source,
    "With h = √B μ/σ, ℰ = erf(h/√2) + γ/(3√B) φ(h)He₂(h) − [κ₄/12 He₃(h) + γ²/36 He₅(h)] φ(h)/B.",
    EDGEWORTH_SECOND.holds,
    (
        Step(
            PER_SAMPLE,
            -(t**2) / 2 + POWERS[0] / sp.sqrt(B) + POWERS[1] / B,
            "Cumulants of independent samples add: the logarithm of the characteristic function "
            "of √B(ĝ − μ)/σ, to the fourth cumulant.",
        ),
        Step(
            sp.series(EXPANDED, y, 0, 3).removeO(),
            sp.exp(-(t**2) / 2) * (1 + y * POWERS[0] + y**2 * (POWERS[1] + POWERS[0] ** 2 / 2)),
            "To second order in y = 1/√B: the square of the skewness is of the kurtosis' order.",
        ),
        *(
            Step(
                sp.Integral(sp.re(IT**order * sp.exp(-IT * x)) * sp.exp(-(t**2) / 2), (t, 0, sp.oo))
                / sp.pi,
                _hermite(order, x) * NORMAL,
                f"The density: the factor (it)^{order} becomes He_{order}, a derivative of φ.",
                DIGITS,
            )
            for order in (3, 4, 6)
        ),
        *(
            Step(
                _jump(order),
                2 * _hermite(order - 1, -h) * NORMAL.subs(x, h),
                f"The sign's mean of that term: ∫ He_{order} φ = −He_{order - 1} φ, "
                "on either side of −h.",
                DIGITS,
            )
            for order in (3, 4, 6)
        ),
        Step(
            SIGN_MEAN(h, 1, 1)
            + gamma_1 / (6 * sp.sqrt(B)) * 2 * _hermite(2, -h) * NORMAL.subs(x, h),
            EDGEWORTH_FIRST.expr,
            "To order 1/√B.",
            laws=(EDGEWORTH_FIRST,),
        ),
        Step(
            sp.Abs(EXPONENTIAL - SECOND_EXPONENTIAL) * sp.sqrt(SIZE) ** 3,
            sp.Rational(1, 2),
            "Exponential samples, whose sum is a gamma variable: the error is below ½ B^{−3/2} "
            "for B from 16 to 48.",
            Check(exact=False, relation="<", points=20),
        ),
        Step(
            sp.Abs(EXPONENTIAL - EDGEWORTH_FIRST(h, SIZE, 2)) * SIZE,
            sp.Rational(1, 2),
            "One order less leaves an error below ½/B.",
            Check(exact=False, relation="<", points=20),
        ),
        Step(
            TWO_LAPLACE,
            sp.Rational(3, 100),
            "Two Laplace samples (κ₄ = 3): off by less than 0.03 at any h.",
            Check(exact=False, relation="<", points=20, where=(h > 0,)),
        ),
        Step(
            SIGN_MEAN(h, 1, 1)
            + NORMAL.subs(x, h)
            * 2
            * (
                gamma_1 / (6 * sp.sqrt(B)) * _hermite(2, -h)
                + kappa_4 / (24 * B) * _hermite(3, -h)
                + gamma_1**2 / (72 * B) * _hermite(5, -h)
            ),
            EDGEWORTH_SECOND.expr,
            "To order 1/B.",
            laws=(EDGEWORTH_SECOND,),
        ),
    ),
    (
        Counterexample(
            holds.SMOOTH_SAMPLES,
            "g = μ ± 1 with even odds, μ = 1/1000, B = 100: the signs cancel exactly in 8 % of the "
            "batches, which μ then decides. Ten times the expansion's mean, at a large B.",
            EDGEWORTH_SECOND(sp.Rational(1, 100), 100, 0, -2),
            WALK,
        ),
        Counterexample(
            holds.FOUR_MOMENTS,
            "Student's t with 3 degrees of freedom, μ = 1, B = 1: without a kurtosis the Gaussian "
            "of variance 3 is all there is; the mean sign is 0.61, not 0.44.",
            EDGEWORTH_FIRST(1 / sp.sqrt(3), 1, 0),
            2 * sp.Integral(2 / (sp.pi * sp.sqrt(3) * (1 + x**2 / 3) ** 2), (x, 0, 1)),
        ),
        Counterexample(
            holds.INDEPENDENT_SAMPLES,
            "One exponential sample repeated 25 times, h = 1: the sum is as skewed as the sample.",
            EDGEWORTH_SECOND(1, 25, 2, 6),
            2 * sp.exp(-sp.Rational(4, 5)) - 1,
        ),
    ),
    EDGEWORTH_SECOND,
)

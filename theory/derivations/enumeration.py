"""The mean sign of a sum from one sample's characteristic function (Gil-Pelaez)."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Check, Counterexample, Derivation, Step, digits_where
from theory.enumeration import MEAN_SIGN_DENSITY
from theory.moments import SIGN_MEAN
from theory.symbols import B, chi_abs, chi_arg, h, mu, p, sigma, t, u, x, y

# One sample that is x with probability p and −y otherwise; two with a share p of exact zeros
TWO_VALUES = p * sp.exp(sp.I * t * x) + (1 - p) * sp.exp(-sp.I * t * y)
SPARSE = p + (1 - p) * sp.exp(sp.I * t * x)
# of y − 1 + h with y exponential: of 16 such samples the sum of y is a gamma variable
OVER_ANGLE = MEAN_SIGN_DENSITY(sp.tan(u), 16, sp.cos(u), u - sp.tan(u) * (1 - h)) / sp.cos(u) ** 2
GAMMA = 2 * sp.uppergamma(16, 16 * (1 - h)) / sp.gamma(16) - 1
SHARE = p < 1


def _mean_sine(*values: tuple[sp.Expr, sp.Expr]) -> sp.Expr:
    """Σ probability · sin(t · value)."""
    return sp.Add(*(chance * sp.sin(t * value) for chance, value in values))


def _density(size: sp.Expr, modulus: sp.Expr, angle: sp.Expr) -> sp.Expr:
    return MEAN_SIGN_DENSITY(t, size, modulus, angle)


DERIVATION = Derivation(
    "enumeration",
    "The exact mean sign of a sum of samples",
    MEAN_SIGN_DENSITY.source,
    "E[sign(g_1 + … + g_B)] = (2/π)∫₀^∞ |χ(t)|^B sin(B arg χ(t)) dt/t, χ(t) = E[exp(itg)].",
    MEAN_SIGN_DENSITY.holds,
    (
        Step(
            2 / sp.pi * sp.Integral(sp.sin(t * sigma) / t, (t, 0, sp.oo)),
            sp.Integer(1),
            "Dirichlet's integral: (2/π)∫ sin(ts) dt/t is the sign of s (odd in s, 0 at 0), so "
            "that the mean sign is (2/π)∫ E[sin(tS)] dt/t.",
        ),
        Step(
            sp.im(sp.expand(TWO_VALUES**2, complex=True)),
            _mean_sine((p**2, 2 * x), (2 * p * (1 - p), x - y), ((1 - p) ** 2, -2 * y)),
            "E[sin(tS)] = Im χ^B for independent samples; here all sums of two, enumerated.",
            digits_where(SHARE),
        ),
        Step(
            sp.im(sp.expand(SPARSE**3, complex=True)),
            _mean_sine(
                (3 * p**2 * (1 - p), x), (3 * p * (1 - p) ** 2, 2 * x), ((1 - p) ** 3, 3 * x)
            ),
            "A sum that is zero, of probability p³ here, adds nothing: its sign counts as 0.",
            digits_where(SHARE),
        ),
        Step(
            sp.Integral(
                _density(B, sp.exp(-(t**2) * sigma**2 / 2), t * mu).subs(t, x), (x, 0, sp.oo)
            ),
            SIGN_MEAN.expr,
            "Gaussian samples give Theorem 2's mean back.",
            DIGITS,
        ),
        Step(
            sp.Integral(OVER_ANGLE, (u, 0, sp.pi / 2)),
            GAMMA,
            "Sixteen exponential samples, |χ| = cos u with t = tan u: the gamma variable's own "
            "probabilities.",
            Check(exact=False, digits=15, where=(sp.Abs(h) < 1,)),
        ),
        Step(
            2 / (sp.pi * t) * sp.im((chi_abs * sp.exp(sp.I * chi_arg)) ** 3),
            MEAN_SIGN_DENSITY(t, 3, chi_abs, chi_arg),
            "Im χ^B in modulus and argument, here for B = 3.",
            DIGITS,
        ),
        Step(
            2 / (sp.pi * t) * chi_abs**B * sp.sin(B * chi_arg),
            MEAN_SIGN_DENSITY.expr,
            "The same for any B.",
            laws=(MEAN_SIGN_DENSITY,),
        ),
    ),
    (
        Counterexample(
            holds.INDEPENDENT_SAMPLES,
            "g = 3 or −1 with odds 2 : 3, one sample drawn twice: the sign is that of one sample, "
            "mean −1/5; two independent ones have mean 7/25.",
            sp.Rational(4, 25) + sp.Rational(12, 25) - sp.Rational(9, 25),
            sp.Rational(-1, 5),
        ),
    ),
    MEAN_SIGN_DENSITY,
)

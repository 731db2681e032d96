"""Covariance of two signs: from the bivariate density to an integral over artanh ρ."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where, total
from theory.moments import ARCSINE, PERFECT_COVARIANCE, SIGN_COVARIANCE_DENSITY, SIGN_MEAN
from theory.symbols import h, k, n, rho, u, x, y, z

ROOT = sp.sqrt(1 - rho**2)
FORM = ((x - h) ** 2 - 2 * rho * (x - h) * (y - k) + (y - k) ** 2) / (1 - rho**2)
DENSITY = sp.exp(-FORM / 2) / (2 * sp.pi * ROOT)
NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
GIVEN_X = sp.erf((k + rho * z) / (sp.sqrt(2) * ROOT)) * NORMAL
MEANS = SIGN_MEAN(h, 1, 1) * SIGN_MEAN(k, 1, 1)
COVARIANCE = sp.Integral(SIGN_COVARIANCE_DENSITY.expr, (u, 0, sp.atanh(rho)))
ABS_BELOW_ONE = sp.Abs(rho) < sp.Rational(9, 10)
WEAK = (sp.Abs(rho) < sp.Rational(1, 12), sp.Abs(h) < 1, sp.Abs(k) < 1)


def _mehler(mean: sp.Symbol) -> sp.Expr:
    """c_n(h) = 2(−1)ⁿ⁻¹ He_{n−1}(h) φ(h), the n-th coefficient of a sign."""
    return 2 * (-1) ** (n - 1) * sp.hermite_prob(n - 1, mean) * NORMAL.subs(z, mean)


def _jump(term: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """∫ sign(v) ∂term/∂v dv."""
    slope = sp.diff(term, variable)
    return sp.Integral(slope, (variable, 0, sp.oo)) - sp.Integral(slope, (variable, -sp.oo, 0))


DERIVATION = Derivation(
    "sign_covariance",
    "Covariance of two signs of correlated Gaussians",
    SIGN_COVARIANCE_DENSITY.source,
    "For unit normals X, Y with means h, k and correlation ρ, Cov(sign X, sign Y) = "
    "(2/π)∫₀^{artanh ρ} exp(−½(h² + k²)cosh²u + hk sinh u cosh u) du / cosh u.",
    (*SIGN_COVARIANCE_DENSITY.holds, holds.ZERO_MEANS),
    (
        Step(
            sp.Derivative(DENSITY, rho),
            sp.Derivative(DENSITY, x, y),
            "Plackett's identity: the density's slope in ρ is its mixed slope in x and y.",
            digits_where(ABS_BELOW_ONE),
        ),
        Step(
            _jump(DENSITY, x),
            -2 * DENSITY.subs(x, 0),
            "∫ sign(x) ∂p/∂x dx = −2p at x = 0; so for x, and again for y.",
            digits_where(ABS_BELOW_ONE, sp.Abs(y) < 1),
        ),
        Step(
            -2 * _jump(DENSITY.subs(x, 0), y),
            4 * DENSITY.subs({x: 0, y: 0}),
            "Hence Price's theorem, ∂E[sign X sign Y]/∂ρ = 4p(0, 0).",
            digits_where(ABS_BELOW_ONE),
        ),
        Step(
            (4 * DENSITY.subs({x: 0, y: 0}) * (1 - rho**2)).subs(rho, sp.tanh(u)),
            SIGN_COVARIANCE_DENSITY.expr,
            "With ρ = tanh u, dρ = (1 − ρ²) du: the density over u, free of the pole at |ρ| = 1.",
            DIGITS,
            (SIGN_COVARIANCE_DENSITY,),
        ),
        Step(
            sp.Integral(GIVEN_X, (z, -h, sp.oo)) - sp.Integral(GIVEN_X, (z, -sp.oo, -h)) - MEANS,
            COVARIANCE,
            "The whole: the mean of sign X E[sign Y | X] with X = h + z, less the two means.",
            digits_where(ABS_BELOW_ONE),
        ),
        Step(
            COVARIANCE,
            total(rho**n / sp.factorial(n) * _mehler(h) * _mehler(k), (n, 1, 32)),
            "Mehler's series, here to 32 terms at weak correlation.",
            digits_where(*WEAK),
        ),
        Step(
            1 - 2 * sp.Abs(sp.Integral(NORMAL, (z, -h, -k))) - MEANS,
            PERFECT_COVARIANCE.expr,
            "At ρ = 1 the signs of h + z and k + z differ where z lies between −h and −k.",
            DIGITS,
            (PERFECT_COVARIANCE,),
        ),
        Step(
            COVARIANCE.subs({h: 0, k: 0}),
            ARCSINE.expr,
            "With zero means the integral is elementary.",
            digits_where(ABS_BELOW_ONE),
            (ARCSINE,),
        ),
        Step(
            COVARIANCE.diff(rho).subs(rho, sp.tanh(u)) / sp.cosh(u) ** 2,
            SIGN_COVARIANCE_DENSITY.expr,
            "The covariance's slope in u is the density.",
            DIGITS,
            (SIGN_COVARIANCE_DENSITY,),
        ),
    ),
    (
        Counterexample(
            holds.JOINTLY_GAUSSIAN,
            "X normal, Y = X where |X| < 1.538 and −X elsewhere: both are normal and "
            "uncorrelated, but their signs agree with mean 0.752.",
            ARCSINE(0),
            2 * sp.erf(sp.Rational(1538, 1000) / sp.sqrt(2)) - 1,
        ),
        Counterexample(
            holds.ZERO_MEANS,
            "h = k = 2, ρ = 1/2: both signs are nearly certain and hardly covary.",
            ARCSINE(sp.Rational(1, 2)),
            COVARIANCE.subs({h: 2, k: 2, rho: sp.Rational(1, 2)}),
        ),
    ),
    SIGN_COVARIANCE_DENSITY,
)

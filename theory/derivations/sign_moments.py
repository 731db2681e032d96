"""Mean and variance of the sign of a Gaussian batch gradient, from its density."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, total
from theory.moments import SGD_VARIANCE, SIGN_MEAN, SIGN_VARIANCE
from theory.symbols import B, b, mu, sigma, x, z

DENSITY = sp.sqrt(B / (2 * sp.pi)) / sigma * sp.exp(-B * (x - mu) ** 2 / (2 * sigma**2))
NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
RATIO = sp.sqrt(B) * mu / sigma

DERIVATION = Derivation(
    "sign_moments",
    "Mean and variance of a sign",
    SIGN_MEAN.source,
    "sign ĝ of ĝ ~ N(μ, σ²/B) has mean ℰ = erf(√(B/2) μ/σ) and variance 1 − ℰ².",
    SIGN_MEAN.holds,
    (
        Step(
            total(sigma**2 / B**2, (b, 1, B)),
            SGD_VARIANCE.expr,
            "The variance of a mean of B independent samples.",
            laws=(SGD_VARIANCE,),
        ),
        Step(
            sp.Integral(DENSITY, (x, 0, sp.oo)) + sp.Integral(DENSITY, (x, -sp.oo, 0)),
            sp.Integer(1),
            "sign² = 1 almost surely, so the variance is 1 − ℰ².",
        ),
        Step(
            sp.Integral(DENSITY, (x, 0, sp.oo)) - sp.Integral(DENSITY, (x, -sp.oo, 0)),
            sp.Integral(NORMAL, (z, -RATIO, RATIO)),
            "E[sign ĝ] = P(ĝ > 0) − P(ĝ < 0); with x = μ + σz/√B the two tails beyond "
            "|z| = √B|μ|/σ cancel.",
            DIGITS,
        ),
        Step(
            1 - sp.Integral(NORMAL, (z, -RATIO, RATIO)) ** 2,
            SIGN_VARIANCE.expr,
            "1 − ℰ² = (1 − ℰ)(1 + ℰ), written with erfc so that no digits are lost near ℰ = ±1.",
            laws=(SIGN_VARIANCE,),
        ),
        Step(
            sp.Integral(NORMAL, (z, -RATIO, RATIO)),
            SIGN_MEAN.expr,
            "The definition of erf.",
            laws=(SIGN_MEAN,),
        ),
    ),
    (
        Counterexample(
            holds.INDEPENDENT_SAMPLES,
            "One sample repeated B = 4 times, μ = σ = 1: the mean sign stays that of B = 1.",
            SIGN_MEAN(1, 1, 4),
            SIGN_MEAN(1, 1, 1),
        ),
        Counterexample(
            holds.GAUSSIAN,
            "B = 1 and g = −1 or 9 with odds 4 : 1 has μ = 1, σ = 4, but mean sign −3/5.",
            SIGN_MEAN(1, 4, 1),
            sp.Rational(-3, 5),
        ),
        Counterexample(
            holds.NO_DEAD_COORDINATE,
            "As μ and σ vanish together the mean sign tends to any value, by their ratio: "
            "here 1/10⁹ over 1/10⁹ against 1/10⁹ over 2/10⁹.",
            SIGN_MEAN(sp.Rational(1, 10**9), sp.Rational(1, 10**9), 1),
            SIGN_MEAN(sp.Rational(1, 10**9), sp.Rational(2, 10**9), 1),
        ),
    ),
    SIGN_MEAN,
)

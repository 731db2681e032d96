"""A Gaussian copula: thresholds that give signs their marginals, and where it misleads."""

import sympy as sp

from theory import hypotheses as holds
from theory.copula import COPULA_THRESHOLD
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where
from theory.moments import ARCSINE, SIGN_MEAN
from theory.symbols import B, mu, p, sigma, z

NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
POSITIVE = (1 + SIGN_MEAN.expr) / 2

DERIVATION = Derivation(
    "copula",
    "Signs with given marginals: a thresholded Gaussian",
    COPULA_THRESHOLD.source,
    "V = 1 where a unit normal exceeds √2 erf⁻¹(1 − 2p⁺), −1 where it is below −√2 erf⁻¹(1 − 2p⁻).",
    COPULA_THRESHOLD.holds,
    (
        Step(
            sp.Rational(1, 2) - sp.erf(COPULA_THRESHOLD.expr / sp.sqrt(2)) / 2,
            p,
            "The probability that a unit normal exceeds its threshold is p.",
        ),
        Step(
            sp.Integral(NORMAL, (z, COPULA_THRESHOLD.expr, sp.oo)),
            p,
            "The same from the density.",
            digits_where(p < 1),
        ),
        Step(
            COPULA_THRESHOLD.at(POSITIVE),
            -sp.sqrt(B) * mu / sigma,
            "With Gaussian marginals the threshold is −h: Theorem 2's joint law comes back.",
            DIGITS,
        ),
        Step(
            sp.sqrt(2) * sp.erfinv(1 - 2 * p),
            COPULA_THRESHOLD.expr,
            "The threshold.",
            laws=(COPULA_THRESHOLD,),
        ),
    ),
    (
        Counterexample(
            holds.GAUSSIAN_COPULA,
            "Two coordinates that are zero together half of the time, else independent signs: "
            "uncorrelated, and V_i² has covariance 1/4, where the copula gives 0.",
            ARCSINE(0),
            sp.Rational(1, 4),
        ),
    ),
    COPULA_THRESHOLD,
)

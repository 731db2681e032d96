"""The Gaussian closure of sign descent: one step of mean and covariance, and what is left over."""

import sympy as sp

from theory import hypotheses as holds
from theory.closure_sign import CLOSURE_VARIANCE, REMAINDER_CORRELATION, REMAINDER_VARIANCE
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where, total
from theory.mehler import MEHLER_FIRST
from theory.moments import ARCSINE, PERFECT_COVARIANCE, SGD_VARIANCE, SIGN_MEAN, SIGN_VARIANCE
from theory.symbols import B, P_k, a_k, epsilon, h, lambda_k, m_k, n, rho, sigma, v_e, z

NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
NOISE = SGD_VARIANCE(sigma, B)
SPREAD = lambda_k**2 * P_k + NOISE  # of the gradient λθ + ξ/√B
MEAN = lambda_k * m_k / sp.sqrt(SPREAD)  # of it, in its own deviations
SLOPE = MEHLER_FIRST(MEAN) / sp.sqrt(SPREAD)
GIVEN = SIGN_MEAN(lambda_k * (m_k + sp.sqrt(P_k) * z), sigma, B)  # the mean sign at one θ


def _over_normal(term: sp.Expr) -> sp.Expr:
    return sp.Integral(term * NORMAL, (z, -sp.oo, sp.oo))


DERIVATION = Derivation(
    "closure",
    "The Gaussian closure of sign descent",
    CLOSURE_VARIANCE.source,
    "θ ~ N(m, P) and g = λθ + ξ/√B. With a = 2φ(h)/sd(g), h = E g/sd(g), the sign is "
    "E sign g + a (g − E g) + e; the remainder e is uncorrelated with θ and g and has the variance "
    "1 − erf²(h/√2) − 4φ(h)². So Var θ' = (1 − εaλ)²P + ε²(a²σ²/B + Var e), exactly: that θ' is "
    "again Gaussian, and jointly so with the next gradient, is the one approximation. In d "
    "dimensions P' = (I − εAH)P(I − εHA) + ε²[AΣA/B + Cov e].",
    (*CLOSURE_VARIANCE.holds, holds.JOINTLY_GAUSSIAN, holds.ZERO_MEANS),
    (
        Step(
            sp.Integral(z * NORMAL, (z, -h, sp.oo)) - sp.Integral(z * NORMAL, (z, -sp.oo, -h)),
            MEHLER_FIRST.expr,
            "Stein's lemma for a sign: Cov(z, sign(h + z)) = E[d sign(h + z)/dz] = 2φ(h).",
            DIGITS,
        ),
        Step(
            _over_normal(GIVEN),
            SIGN_MEAN(MEAN, 1, 1),
            "The mean sign over θ and the noise together depends on h = E g/sd(g) alone.",
            DIGITS,
        ),
        Step(
            _over_normal(sp.sqrt(P_k) * z * GIVEN),
            SLOPE * lambda_k * P_k,
            "Cov(θ, sign g) = a Cov(θ, g): what of θ is independent of g covaries with no function "
            "of g. Here by integration over θ.",
            DIGITS,
        ),
        Step(
            SIGN_VARIANCE(h, 1, 1) - MEHLER_FIRST.expr**2,
            REMAINDER_VARIANCE.expr,
            "Var e is the sign's variance less that of a (g − E g).",
            DIGITS,
            (REMAINDER_VARIANCE,),
        ),
        Step(
            (ARCSINE.expr - MEHLER_FIRST(0) ** 2 * rho) / REMAINDER_VARIANCE(0),
            REMAINDER_CORRELATION.expr,
            "Two remainders at zero means: Sheppard's arcsine without its linear part.",
            laws=(REMAINDER_CORRELATION,),
        ),
        Step(
            REMAINDER_CORRELATION.expr * (sp.pi / 2 - 1),
            total(
                sp.factorial(2 * n)
                / (sp.factorial(n) ** 2 * 4**n * (2 * n + 1))
                * rho ** (2 * n + 1),
                (n, 1, 40),
            ),
            "Its Taylor coefficients are positive, here 40 of them, so that by Schur's theorem "
            "it turns every correlation matrix into a positive semi-definite one.",
            digits_where(sp.Abs(rho) < sp.Rational(1, 3)),
        ),
        Step(
            P_k
            - 2 * epsilon * _over_normal(sp.sqrt(P_k) * z * GIVEN)
            + epsilon**2 * SIGN_VARIANCE(MEAN, 1, 1),
            CLOSURE_VARIANCE(P_k, lambda_k, sigma, B, epsilon, SLOPE, REMAINDER_VARIANCE(MEAN)),
            "The whole, with the means taken by integration.",
            DIGITS,
        ),
        Step(
            P_k - 2 * epsilon * a_k * lambda_k * P_k + epsilon**2 * (a_k**2 * SPREAD + v_e),
            CLOSURE_VARIANCE.expr,
            "Var(θ − ε sign g) = P − 2ε Cov(θ, V) + ε² Var V, collected.",
            laws=(CLOSURE_VARIANCE,),
        ),
    ),
    (
        Counterexample(
            holds.CLOSED,
            "No noise, λ = ε = 1, half of the runs at θ = 1 and half at −1: one step takes all to "
            "0, but a Gaussian of that variance would keep 0.404 of it.",
            (1 - MEHLER_FIRST(0)) ** 2 + REMAINDER_VARIANCE(0),
            sp.Integer(0),
        ),
        Counterexample(
            holds.ZERO_MEANS,
            "h = 1 and k = −1 at ρ = 1: the remainders of two signs of opposite means have the "
            "covariance −0.1335, not that of equal ones, 0.2997.",
            REMAINDER_CORRELATION(1) * REMAINDER_VARIANCE(1),
            PERFECT_COVARIANCE(1, -1) - MEHLER_FIRST(1) * MEHLER_FIRST(-1),
        ),
    ),
    CLOSURE_VARIANCE,
)

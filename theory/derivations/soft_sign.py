"""The soft sign as a sign under a dither of random size: its moments and its series."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where, total
from theory.derivations.mehler import coefficient
from theory.moments import SIGN_MEAN
from theory.soft_sign import SOFT_SIGN_MEAN_DENSITY, SOFT_SIGN_SQUARE_DENSITY
from theory.symbols import B, eps_A, h, k, mu, n, rho, sigma, t, w, x, z

NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
LINE = (z, -sp.oo, sp.oo)
MIXED = sp.exp(-w) * sp.erf(x * sp.sqrt(w) / eps_A)
DITHER = sp.sqrt(sigma**2 + t**2)
# One batch gradient with s = 1 where the scale does not matter
DECAY = sp.exp(-w * mu**2 / (eps_A**2 + 2 * w * sigma**2 / B))
ROOT = sp.sqrt(1 + 2 * w * sigma**2 / (B * eps_A**2))
WEAK = (sp.Abs(rho) < sp.Rational(1, 12), sp.Abs(h) < 1, sp.Abs(k) < 1)
SHRUNK = rho / sp.sqrt((1 + x**2) * (1 + t**2))


def _shrunk(mean: sp.Expr, dither: sp.Expr) -> sp.Expr:
    """(1 + τ²)^{−n/2} a_n(h/√(1 + τ²))."""
    root = sp.sqrt(1 + dither**2)
    return coefficient(n, z).subs(z, mean / root) / root**n


DERIVATION = Derivation(
    "soft_sign",
    "The soft sign is a dithered sign",
    SOFT_SIGN_MEAN_DENSITY.source,
    "For V = ĝ/√(ĝ² + ε²) and ĝ ~ N(μ, s²), s² = σ²/B: E[V] = ∫ e^{−w} erf(μ/√(2(s² + τ²))) dw "
    "with τ² = ε²/(2w), and E[V²] = ∫ e^{−w}[1 − exp(−wμ²/(ε² + 2ws²))/√(1 + 2ws²/ε²)] dw.",
    SOFT_SIGN_SQUARE_DENSITY.holds,
    (
        Step(
            sp.Integral(MIXED, (w, 0, sp.oo)),
            x / sp.sqrt(x**2 + eps_A**2),
            "A mixture of error functions is the soft sign.",
            DIGITS,
        ),
        Step(
            sp.Integral(sp.erf((x + t * z) / (t * eps_A)) * NORMAL, LINE),
            sp.erf(x / sp.sqrt((t * eps_A) ** 2 + 2 * t**2)),
            "A Gaussian in the argument of erf adds twice its variance to the square of the scale: "
            "so erf(x√w/ε) is the mean sign of x + τz, and of ĝ + τz it is that of a variance "
            "s² + τ².",
            DIGITS,
        ),
        Step(
            sp.exp(-w) * SIGN_MEAN(mu, sp.sqrt(sigma**2 + B * eps_A**2 / (2 * w)), B),
            SOFT_SIGN_MEAN_DENSITY.expr,
            "E[V] is the mean over w of the mean sign with σ² → σ² + Bτ², τ² = ε²/(2w).",
            laws=(SOFT_SIGN_MEAN_DENSITY,),
        ),
        Step(
            sp.Limit(SOFT_SIGN_MEAN_DENSITY.expr, eps_A, 0),
            sp.exp(-w) * SIGN_MEAN.expr,
            "ε → 0: the sign, for ∫ e^{−w} dw = 1.",
        ),
        Step(
            sp.Integral(sp.Limit(eps_A * SOFT_SIGN_MEAN_DENSITY.expr, eps_A, sp.oo), (w, 0, sp.oo)),
            mu,
            "ε → ∞: εV is the gradient, SGD.",
        ),
        Step(
            sp.Integral(sp.exp(-w * (1 + x**2 / eps_A**2)), (w, 0, sp.oo)),
            1 - x**2 / (x**2 + eps_A**2),
            "V² = 1 − ε²/(ĝ² + ε²), and that ratio is a mixture of Gaussians in ĝ.",
            DIGITS,
        ),
        Step(
            sp.Integral(sp.exp(-t * (x + z) ** 2) * NORMAL, LINE),
            sp.exp(-t * x**2 / (1 + 2 * t)) / sp.sqrt(1 + 2 * t),
            "The mean of one of them, for s = 1; here t = ws²/ε² and x = μ/s.",
            DIGITS,
        ),
        Step(
            total(SHRUNK**n * coefficient(n, h) * coefficient(n, k), (n, 1, 6)),
            total(
                rho**n
                * (coefficient(n, h) / sp.sqrt(1 + x**2) ** n)
                * (coefficient(n, k) / sp.sqrt(1 + t**2) ** n),
                (n, 1, 6),
            ),
            "Two dithered signs (s = 1) have the correlation ρ/√(1+τ²)√(1+τ'²), which splits into "
            "a factor for each: averaged over both dithers each term of Mehler's series is still a "
            "product.",
            digits_where(*WEAK),
        ),
        Step(
            sp.exp(-w) * (1 - DECAY / ROOT),
            SOFT_SIGN_SQUARE_DENSITY.expr,
            "E[V²] as a mean over w, written with tanh so that no digits are lost.",
            DIGITS,
            (SOFT_SIGN_SQUARE_DENSITY,),
        ),
    ),
    (
        Counterexample(
            holds.GAUSSIAN,
            "g = −1 or 9 with odds 4 : 1 (μ = 1, σ = 4) and ε = 1/10⁶: E[V] is −3/5, not that of a "
            "Gaussian.",
            SIGN_MEAN(1, 4, 1),
            sp.Rational(-3, 5),
        ),
    ),
    SOFT_SIGN_SQUARE_DENSITY,
)

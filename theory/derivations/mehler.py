"""The covariance of two signs as a series in ρ, and its first term under a Hessian (d = 3)."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where, total
from theory.derivations.sign_covariance import COVARIANCE, WEAK
from theory.mehler import FIRST_ORDER_CURVATURE, MEHLER_FIRST, MEHLER_NEXT
from theory.moments import ARCSINE, SIGN_VARIANCE
from theory.symbols import (
    E_,
    H_,
    Q_E,
    T_E,
    K_w,
    T,
    T_w,
    h,
    i,
    j,
    k,
    mu_,
    n,
    rho,
    rho_,
    x,
    z,
)

NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
HIGHEST = 6
ALL, DIAGONAL = ((j, 0, 2), (i, 0, 2)), (i, 0, 2)


def coefficient(order: sp.Expr | int, mean: sp.Expr) -> sp.Expr:
    """a_n(h) = 2(−1)ⁿ⁻¹ He_{n−1}(h) φ(h)/√n!."""
    hermite = sp.hermite_prob(order - 1, mean)
    return 2 * (-1) ** (order - 1) * hermite * NORMAL.subs(z, mean) / sp.sqrt(sp.factorial(order))


def _each(term: sp.Expr, lowest: int = 1) -> sp.Expr:
    """Σ xⁿ term(n): an identity in x is one for every n."""
    return total(x**n * term, (n, lowest, HIGHEST))


def _sign_mean(term: sp.Expr) -> sp.Expr:
    """∫ sign(h + z) term dz."""
    return sp.Integral(term, (z, -h, sp.oo)) - sp.Integral(term, (z, -sp.oo, -h))


_hermite = sp.Add(*(x**m * sp.hermite_prob(m, z) for m in range(1, HIGHEST + 1)))
_lower = sp.Add(*(x**m * sp.hermite_prob(m - 1, z) for m in range(1, HIGHEST + 1)))
_scaled = sp.Add(
    *(x**m * sp.hermite_prob(m, z) / sp.sqrt(sp.factorial(m)) for m in range(1, HIGHEST + 1))
)


def _weight(index: sp.Symbol) -> sp.Expr:
    """w_i = exp(−h_i²/2), with h_i in place of μ_i."""
    return sp.exp(-(mu_[index] ** 2) / 2)


_unequal = 1 - sp.KroneckerDelta(i, j)
_products = total(E_[i] * E_[j] * H_[i, j], *ALL)
_first = total(2 / sp.pi * rho_[i, j] * H_[i, j] * _weight(i) * _weight(j) * _unequal, *ALL)
_noise = total((1 - E_[i] ** 2) * H_[i, i], DIAGONAL)
_squares = total(_weight(i) ** 2 * H_[i, i], DIAGONAL)
_every = total((rho_[i, j] * _unequal + sp.KroneckerDelta(i, j))
               * H_[i, j] * _weight(i) * _weight(j), *ALL)  # fmt: skip

DERIVATION = Derivation(
    "mehler",
    "Mehler's series of the covariance of two signs",
    MEHLER_NEXT.source,
    "Cov(sign X, sign Y) = Σ ρⁿ a_n(h) a_n(k) with a_n(h) = 2(−1)ⁿ⁻¹He_{n−1}(h)φ(h)/√n!, and to "
    "first order D = ℰᵀHℰ + Σ H_ii(1 − ℰ_i² − (2/π)w_i²) + (2/π)E[(w∘u)ᵀH(w∘u)].",
    FIRST_ORDER_CURVATURE.holds,
    (
        Step(
            sp.Derivative(_lower * NORMAL, z),
            -_hermite * NORMAL,
            "He_nφ is the slope of −He_{n−1}φ (n = 1 … 6, told apart by powers of x).",
        ),
        Step(
            _sign_mean(_scaled * NORMAL),
            _each(coefficient(n, h)),
            "So the coefficient of sign(h + z) in He_n(z)/√n!, an integral of slopes on both sides "
            "of −h, is a_n(h).",
            DIGITS,
        ),
        Step(
            COVARIANCE,
            total(rho**n * coefficient(n, h) * coefficient(n, k), (n, 1, 32)),
            "Mehler: E[He_m(z)He_n(z')] = n! ρⁿ for m = n, else 0. Here to 32 terms at weak "
            "correlation, against the integral of Price's theorem.",
            digits_where(*WEAK),
        ),
        Step(
            ARCSINE.expr,
            sp.Subs(total(rho**n * coefficient(n, h) ** 2, (n, 1, 32)), h, 0),
            "With zero means, the series of the arcsine.",
            digits_where(WEAK[0]),
        ),
        Step(
            coefficient(sp.Integer(1), h),
            MEHLER_FIRST.expr,
            "The first coefficient.",
            laws=(MEHLER_FIRST,),
        ),
        Step(
            _each(coefficient(n + 1, h), 2),
            _each(MEHLER_NEXT(n, h, coefficient(n, h), coefficient(n - 1, h)), 2),
            "From He_n = h He_{n−1} − (n − 1) He_{n−2} the next from the two before.",
            DIGITS,
            (MEHLER_NEXT,),
        ),
        Step(
            MEHLER_NEXT.at(1, h, MEHLER_FIRST.expr, 0),
            coefficient(sp.Integer(2), h),
            "The second needs the first alone.",
            DIGITS,
        ),
        Step(
            SIGN_VARIANCE.at(h, 1, 1) - MEHLER_FIRST.expr**2,
            1 - sp.erf(h / sp.sqrt(2)) ** 2 - 2 / sp.pi * sp.exp(-(h**2)),
            "What the first term leaves out of a variance: 1 − ℰ² − (2/π)w², w = exp(−h²/2).",
        ),
        Step(
            _products + _noise + _first,
            FIRST_ORDER_CURVATURE(
                _products,
                total(H_[i, i], DIAGONAL),
                total(E_[i] ** 2 * H_[i, i], DIAGONAL),
                _squares,
                _every,
            ),
            "D to first order: the pairs i ≠ j completed to all i, j are (2/π)E[(w∘u)ᵀH(w∘u)], for "
            "E[u_iu_j] = ρ_ij; the diagonal so added is taken off.",
        ),
        Step(
            Q_E + (T - T_E) + 2 / sp.pi * (K_w - T_w),
            FIRST_ORDER_CURVATURE.expr,
            "The same with a symbol for each sum.",
            laws=(FIRST_ORDER_CURVATURE,),
        ),
    ),
    (
        Counterexample(
            holds.FIRST_ORDER,
            "Two coordinates of zero mean, H_ij = 1, ρ = 9/10: D = 2 + (4/π) arcsin ρ = 3.426, not "
            "2 + (4/π)ρ = 3.146.",
            FIRST_ORDER_CURVATURE(0, 2, 0, 2, 2 + 2 * sp.Rational(9, 10)),
            2 + 2 * ARCSINE(sp.Rational(9, 10)),
        ),
    ),
    FIRST_ORDER_CURVATURE,
)

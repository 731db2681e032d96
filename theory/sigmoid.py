"""The sigmoid x/√(x² + π/4) that the paper puts in place of erf, and how far it is off.

erf x − sigmoid x is stationary where −x² + (3/2) ln(1 + 4x²/π) = 0, which Lambert's W solves;
the relative error is largest where both have one logarithmic slope, a transcendental equation.
The numbers are derived in `theory.derivations.sigmoid`, not quoted.
"""

from typing import Any, NamedTuple

import mpmath
import sympy as sp

DIGITS = 50


def sigmoid(x: sp.Expr) -> sp.Expr:
    """x/√(x² + π/4) as an expression. Source: Li et al. 2024 (2405.14578), eq. (10)."""
    return x / sp.sqrt(x**2 + sp.pi / 4)


def _relative_at() -> sp.Float:
    with mpmath.workdps(DIGITS):

        def slopes(x: Any) -> Any:
            of_sigmoid = mpmath.pi / 4 / (x * (x**2 + mpmath.pi / 4))
            return of_sigmoid - 2 * mpmath.exp(-(x**2)) / (mpmath.sqrt(mpmath.pi) * mpmath.erf(x))

        return sp.Float(mpmath.findroot(slopes, 1.2), DIGITS)


ABSOLUTE_AT = sp.sqrt(
    -sp.pi / 4 - sp.Rational(3, 2) * sp.LambertW(-sp.pi / 6 * sp.exp(-sp.pi / 6), -1)
)
RELATIVE_AT = _relative_at()
LARGEST_ABSOLUTE = sp.erf(ABSOLUTE_AT) - sigmoid(ABSOLUTE_AT)
LARGEST_RELATIVE = 1 - sigmoid(RELATIVE_AT) / sp.erf(RELATIVE_AT)


class SigmoidErrors(NamedTuple):
    """Largest errors of the sigmoid against erf on x > 0, and the x where they occur."""

    absolute: float
    absolute_at: float
    relative: float
    relative_at: float


def sigmoid_errors() -> SigmoidErrors:
    """The largest absolute error (0.1078 at 1.330) and relative error (11.63 % at 1.198)."""
    exact = (LARGEST_ABSOLUTE, ABSOLUTE_AT, LARGEST_RELATIVE, RELATIVE_AT)
    return SigmoidErrors(*(float(sp.re(sp.N(number))) for number in exact))

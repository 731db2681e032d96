"""Theorem 2 at given numbers, exactly: what the counterexamples are measured against."""

from typing import NamedTuple

import sympy as sp

from theory.descent import BEST_DECREASE, BEST_LR
from theory.moments import SIGN_MEAN

Number = sp.Expr | int


class Case(NamedTuple):
    """Means, deviations and the Hessian's rows."""

    mu: tuple[Number, ...]
    sigma: tuple[Number, ...]
    hessian: tuple[tuple[Number, ...], ...]


def numerator_at(case: Case, batch: Number) -> sp.Expr:
    """GᵀE[V] of sign descent."""
    return sp.Add(*(m * SIGN_MEAN(m, s, batch) for m, s in zip(case.mu, case.sigma, strict=True)))


def denominator_at(case: Case, batch: Number) -> sp.Expr:
    """E[VᵀHV] of sign descent with independent coordinates, by the pairs E[V_i V_j]."""
    signs = [SIGN_MEAN(m, s, batch) for m, s in zip(case.mu, case.sigma, strict=True)]
    return sp.Add(
        *(
            entry * (1 if row == column else signs[row] * signs[column])
            for row, entries in enumerate(case.hessian)
            for column, entry in enumerate(entries)
        )
    )


def lr_at(case: Case, batch: Number) -> sp.Expr:
    """ε* of Theorem 2."""
    return BEST_LR(numerator_at(case, batch), denominator_at(case, batch))


def decrease_at(case: Case, batch: Number) -> sp.Expr:
    """ΔL* of Theorem 2."""
    return BEST_DECREASE(numerator_at(case, batch), denominator_at(case, batch))


_CLOSE = sp.Rational(19, 20)
_TENTH, _FIFTIETH = sp.Rational(1, 10), sp.Rational(1, 50)

# Two unequal ratios: ΔL* of Theorem 2 falls by 45 % from its largest value to B = ∞
TWO_RATIOS = Case(
    (1, sp.Rational(37, 2500)),
    (sp.Rational(57, 100), sp.Rational(66, 125)),
    ((1, _CLOSE), (_CLOSE, 1)),
)
# A pair of high ratio pulling apart and one of low ratio pulling together: S < 0, yet a surge
OPPOSED = Case(
    (1, 1, _FIFTIETH, _FIFTIETH),
    (1, 1, 1, 1),
    ((1, -_TENTH, 0, 0), (-_TENTH, 1, 0, 0), (0, 0, 1, 1), (0, 0, 1, 1)),
)

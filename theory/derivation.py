"""What a machine-checked derivation consists of.

A derivation is a chain of equations (and some inequalities) with a reason for each, from the
definitions to the expression of a law. Counterexamples show what goes wrong without a
hypothesis. Nothing is computed here; `theory.verify` does the checking.
"""

from typing import Any, NamedTuple

import sympy as sp

from theory.law import Hypothesis, Law


class Check(NamedTuple):
    """How a step is checked.

    `exact`: SymPy reduces the difference to zero. Otherwise both sides are evaluated at random
    rationals for which `where` holds, and must agree to `digits` digits (or satisfy `relation`).
    """

    exact: bool = True
    relation: str = "="
    digits: int = 30
    points: int = 3
    where: tuple[sp.Basic, ...] = ()


EXACT = Check()
DIGITS = Check(exact=False)


def below(*where: sp.Basic) -> Check:
    """The left side is smaller, at twenty random points with the given conditions."""
    return Check(exact=False, relation="<", points=20, where=where)


def digits_where(*where: sp.Basic) -> Check:
    """Both sides agree to 30 digits at random points with the given conditions."""
    return Check(exact=False, where=where)


def total(term: sp.Expr, *limits: tuple) -> Any:
    """Σ term, innermost index first, unevaluated (SymPy types it as a possible relation)."""
    return sp.Sum(term, *limits)


class Step(NamedTuple):
    """lhs = rhs (or as `check.relation` says), for `reason`; `laws` are those it establishes."""

    lhs: sp.Expr
    rhs: sp.Expr
    reason: str
    check: Check = EXACT
    laws: tuple[Law, ...] = ()


class Counterexample(NamedTuple):
    """Without `hypothesis` the statement would give `claimed`, but the truth is `actual`."""

    hypothesis: Hypothesis
    text: str
    claimed: sp.Expr
    actual: sp.Expr


class Derivation(NamedTuple):
    """A theorem: its last step ends in the expression of `law`."""

    name: str
    title: str
    source: str
    statement: str
    hypotheses: tuple[Hypothesis, ...]
    steps: tuple[Step, ...]
    counterexamples: tuple[Counterexample, ...]
    law: Law

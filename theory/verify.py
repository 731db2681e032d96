"""The checking of derivations: every step exactly, or to thirty digits at random rationals.

The points are rationals from a generator seeded with the step's place, so that every run checks
the same ones. Importing this module verifies nothing.
"""

import random
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import mpmath
import sympy as sp

from theory.derivation import Check, Counterexample, Derivation, Step
from theory.derivations import derivations

WORKING_DIGITS = 36
FEWER_DIGITS = 20  # for an inequality
DENOMINATOR = 97
TELLING = sp.Rational(1, 100)  # a counterexample must miss by more than this, relatively


class Verdict(NamedTuple):
    """One step's outcome; `how` says which check was made, `seconds` what it took."""

    derivation: str
    step: str
    ok: bool
    how: str
    seconds: float


def verify(names: Iterable[str] | None = None) -> list[Verdict]:
    """Check all derivations, or those named: every step, ending and counterexample.

    Errors: ValueError for an unknown name.
    """
    known = {derivation.name: derivation for derivation in derivations()}
    chosen = list(known) if names is None else list(names)
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise ValueError(f"unknown derivation {', '.join(unknown)}; known: {', '.join(known)}")
    return [verdict for name in chosen for verdict in _verdicts(known[name])]


def _verdicts(derivation: Derivation) -> Iterable[Verdict]:
    for number, step in enumerate(derivation.steps, 1):
        yield _timed(derivation.name, str(number), described(step.check), _holds, derivation, step)
    end = derivation.steps[-1]
    yield _timed(derivation.name, "end", "is the law", _ends_in_law, derivation, end)
    for example in derivation.counterexamples:
        name = f"without {example.hypothesis.name}"
        yield _timed(derivation.name, name, "differs", _differs, derivation, example)


def _timed(name: str, step: str, how: str, check: Any, *args: Any) -> Verdict:
    start = time.perf_counter()
    ok = check(*args)
    return Verdict(name, step, ok, how, time.perf_counter() - start)


def described(check: Check) -> str:
    """How a step is checked, as in "checked …"."""
    if check.exact:
        return "exactly"
    points = "one random point" if check.points == 1 else f"{check.points} random points"
    return f"to {check.digits} digits at {points}" if check.relation == "=" else f"at {points}"


def _ends_in_law(derivation: Derivation, end: Step) -> bool:
    return end.rhs == derivation.law.expr and derivation.law in end.laws


def _holds(derivation: Derivation, step: Step) -> bool:
    if step.check.exact:
        return is_zero(step.lhs - step.rhs)
    # seeded by content, not by number: inserting a step leaves the others' points alone
    chance = random.Random(f"{derivation.name}: {step.reason}")
    symbols = sorted(_unknowns(step.lhs) | _unknowns(step.rhs), key=str)
    return all(
        _compare(step, _point(symbols, step.check, chance)) for _ in range(step.check.points)
    )


def is_zero(expr: sp.Expr) -> bool:
    """Whether SymPy reduces the expression, with integrals, sums and limits done, to zero."""
    done = sp.expand(expr.doit().rewrite(sp.erf))
    return done == 0 or sp.simplify(done) == 0


def _unknowns(expr: sp.Expr) -> set[Any]:
    elements: set[Any] = expr.atoms(sp.Indexed)
    bases = {element.base for element in elements}
    return (expr.free_symbols | elements) - bases - {base.label for base in bases}


def _point(symbols: list[Any], check: Check, chance: random.Random) -> dict[Any, Any]:
    for _ in range(10_000):
        point = {symbol: _rational(symbol, chance) for symbol in symbols}
        if all(condition.subs(point) == sp.true for condition in check.where):
            return point
    raise RuntimeError(f"no random point satisfies {check.where}")


def _rational(symbol: Any, chance: random.Random) -> Any:
    value = sp.Rational(chance.randint(1, 2 * DENOMINATOR), DENOMINATOR)
    return value if symbol.is_positive or chance.random() < 0.5 else -value


def _compare(step: Step, point: dict[Any, Any]) -> bool:
    if step.check.relation == "<":
        return bool(value(step.lhs, point, FEWER_DIGITS) < value(step.rhs, point, FEWER_DIGITS))
    lhs, rhs = value(step.lhs, point), value(step.rhs, point)
    return bool(abs(lhs - rhs) <= mpmath.mpf(10) ** -step.check.digits * max(1, abs(lhs)))


def value(expr: sp.Expr, point: dict[Any, Any], digits: int = WORKING_DIGITS) -> Any:
    """A number: the expression at a point, its integrals by quadrature.

    The symbols stay symbols until the call, for SymPy would evaluate a numeric integral many
    times over while it prints one.
    """
    explicit = sp.sympify(expr).replace(
        lambda part: isinstance(part, sp.Sum | sp.Derivative | sp.Subs), lambda part: part.doit()
    )
    function = sp.lambdify(tuple(point), explicit, "mpmath")
    with mpmath.workdps(digits):
        return mpmath.re(function(*(mpmath.mpf(v.p) / v.q for v in point.values())))


def numbers(example: Counterexample) -> tuple[float, float]:
    """What a counterexample's statement would give, and the truth."""
    return float(value(example.claimed, {})), float(value(example.actual, {}))


def _differs(_: Derivation, example: Counterexample) -> bool:
    claimed, actual = numbers(example)
    return bool(abs(claimed - actual) > TELLING * max(abs(claimed), abs(actual)))

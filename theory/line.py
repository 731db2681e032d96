"""Formulas on one line, as the prose writes them: √(2·B/π)·r_i."""

from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.str import StrPrinter

from theory.markup import INDEX_AT, NAMES, RELATIONS, parts, spell

LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def line(expr: Any) -> str:
    """The formula on one line."""
    return _Line().doprint(expr)


def name(text: str) -> str:
    """A symbol's name in Unicode: `mu` is μ, `G_1` is G₁, `B_noise` stays as it is."""
    base, above, below = parts(text)
    index = "".join(map(spell, below))
    low = index.translate(LOWERED) if index.isdecimal() else f"_{index}" if index else ""
    return spell(base) + low + "".join(f"^{word}" for word in above)


class _Line(StrPrinter):
    printmethod = "_theory_line"  # else an Indexed would print itself

    def doprint(self, expr: Any) -> str:
        return self._print(sp.sympify(expr))

    def _print_Symbol(self, expr: Any) -> str:
        return name(expr.name)

    _print_Dummy = _print_Symbol

    def _print_Float(self, expr: Any) -> str:
        return f"{float(expr):.6g}"

    def _print_ImaginaryUnit(self, expr: Any) -> str:
        del expr
        return "i"

    def _print_Pi(self, expr: Any) -> str:
        del expr
        return "π"

    def _print_Infinity(self, expr: Any) -> str:
        del expr
        return "∞"

    def _print_NegativeInfinity(self, expr: Any) -> str:
        del expr
        return "-∞"

    def _print_Exp1(self, expr: Any) -> str:
        del expr
        return "e"

    def _print_Indexed(self, expr: Any) -> str:
        return indexed(expr)

    def _print_KroneckerDelta(self, expr: Any) -> str:
        return f"δ_{''.join(map(self._print, expr.args))}"

    def _print_Mul(self, expr: Any) -> str:
        return str(super()._print_Mul(expr)).replace("*", "·")

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        if expr.exp == sp.Rational(1, 2) and expr.base.is_Atom:
            return f"√{self._print(expr.base)}"
        text = str(super()._print_Pow(expr, rational=rational))
        return text.replace("**", "^").replace("sqrt(", "√(")

    def _print_Function(self, expr: Any) -> str:
        called, args = head(expr)
        return f"{called}({', '.join(map(self._print, args))})"

    _print_MinMaxBase = _print_Function

    def _print_hyper(self, expr: Any) -> str:
        above, below, point = expr.args
        sizes = (str(len(group)).translate(LOWERED) for group in (above, below))
        groups = (", ".join(map(self._print, group)) for group in (above, below, (point,)))
        return f"{'F'.join(sizes)}({'; '.join(groups)})"

    def _print_factorial(self, expr: Any) -> str:
        inner = self._print(expr.args[0])
        return f"{inner}!" if expr.args[0].is_Atom else f"({inner})!"

    def _print_Abs(self, expr: Any) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_Piecewise(self, expr: Any) -> str:
        cases = (
            f"{self._print(value)} {'else' if given == sp.true else f'if {self._print(given)}'}"
            for value, given in expr.args
        )
        return f"{{{', '.join(cases)}}}"

    def _print_Relational(self, expr: Any) -> str:
        sign = RELATIONS[expr.rel_op]
        return f"{self._print(expr.lhs)} {sign} {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " and ".join(map(self._print, expr.args))

    def _print_Or(self, expr: Any) -> str:
        return " or ".join(map(self._print, expr.args))

    def _body(self, expr: Any) -> str:
        text = self._print(expr)
        return f"({text})" if precedence(expr) < PRECEDENCE["Mul"] else text

    def _over(self, sign: str, limits: Any) -> str:
        shown = []
        for variable, *bounds in reversed(limits):  # SymPy puts the innermost first
            low, high = (*map(self._print, bounds), "", "")[:2]
            variable = f"{self._print(variable)}=" if sign == "Σ" else ""
            shown.append(f"{sign}[{variable}{low}…{high}]" if bounds else sign)
        return " ".join(shown)

    def _print_Sum(self, expr: Any) -> str:
        return f"{self._over('Σ', expr.limits)} {self._body(expr.function)}"

    def _print_Integral(self, expr: Any) -> str:
        measure = " ".join(f"d{self._print(limit[0])}" for limit in expr.limits)
        return f"{self._over('∫', expr.limits)} {self._body(expr.function)} {measure}"

    def _print_Derivative(self, expr: Any) -> str:
        below = "".join(
            f"d{self._print(one)}{f'^{count}' if count != 1 else ''}"
            for one, count in expr.variable_count
        )
        order = sum(count for _, count in expr.variable_count)
        return f"d{f'^{order}' if order != 1 else ''}/{below} ({self._print(expr.expr)})"

    def _print_Limit(self, expr: Any) -> str:
        body, variable, point, _ = expr.args
        return f"lim[{self._print(variable)}→{self._print(point)}] {self._body(body)}"

    def _print_Subs(self, expr: Any) -> str:
        body, old, new = expr.args
        pairs = zip(old, new, strict=True)
        shown = ", ".join(f"{self._print(one)} = {self._print(other)}" for one, other in pairs)
        return f"[{self._print(body)}]({shown})"


def indexed(expr: Any) -> str:
    """`H_ij`, or `H_i+1,j` where an index is an expression."""
    plain = all(index.is_Atom for index in expr.indices)
    index = ("" if plain else ",").join(map(line, expr.indices))
    low = index.translate(LOWERED) if index.isdecimal() else f"_{index}"
    return name(str(expr.base.label)) + low


def head(expr: Any) -> tuple[str, list[Any]]:
    """A function's name, with an argument that is an index, and its other arguments."""
    called, args = type(expr).__name__, list(expr.args)
    shown = "erf⁻¹" if called == "erfinv" else NAMES.get(called, called)
    if called in INDEX_AT and len(args) == 2:
        index = args.pop(INDEX_AT[called])
        shown += f"_{line(index)}" if index.is_Atom else f"_{{{line(index)}}}"
    return shown, args

"""Sums, integrals, derivatives, limits and substitutions as presentation MathML."""

from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.printer import Printer

from theory.markup import fenced, op, row, tag


class Operators(Printer):
    """The part of the printer in which a sign stands before an expression, with its limits."""

    printmethod = "_mathml"

    def _bracket(self, expr: Any, level: str) -> str:
        loose = precedence(expr) < PRECEDENCE[level]
        wide = level != "Add" and isinstance(expr, sp.Sum | sp.Integral | sp.Derivative | sp.Limit)
        return fenced(self._print(expr)) if loose or wide else self._print(expr)

    def _over_limits(self, sign: str, limits: Any, node: str) -> str:
        nodes = []
        for variable, *bounds in reversed(limits):  # SymPy puts the innermost first
            if not bounds:
                nodes.append(tag("munder", op(sign), self._print(variable)))
                continue
            low, high = map(self._print, bounds)
            low = low if sign == "∫" else row(self._print(variable), op("="), low)
            nodes.append(tag(node, op(sign), low, high))
        return "".join(nodes)

    def _print_Sum(self, expr: Any) -> str:
        body = self._bracket(expr.function, "Mul")
        return row(self._over_limits("∑", expr.limits, "munderover"), body)

    def _print_Integral(self, expr: Any) -> str:
        measure = "".join(row(op("d"), self._print(limit[0])) for limit in expr.limits)
        body = self._bracket(expr.function, "Mul")
        return row(self._over_limits("∫", expr.limits, "msubsup"), body, measure)

    def _print_Derivative(self, expr: Any) -> str:
        order = sp.Integer(sum(count for _, count in expr.variable_count))
        top = op("∂") if order == 1 else tag("msup", op("∂"), self._print(order))
        below = ""
        for variable, count in expr.variable_count:
            node = self._print(variable)
            below += op("∂") + (node if count == 1 else tag("msup", node, self._print(count)))
        return row(tag("mfrac", top, tag("mrow", below)), self._bracket(expr.expr, "Mul"))

    def _print_Limit(self, expr: Any) -> str:
        body, variable, point, _ = expr.args
        target = row(self._print(variable), op("→"), self._print(point))
        return row(tag("munder", tag("mi", "lim"), target), self._bracket(body, "Mul"))

    def _print_Subs(self, expr: Any) -> str:
        body, variables, point = expr.args
        pairs = zip(variables, point, strict=True)
        shown = (row(self._print(old), op("="), self._print(new)) for old, new in pairs)
        bar = '<mo stretchy="true">|</mo>'
        return row(self._print(body), tag("msub", bar, row(op(",").join(shown))))

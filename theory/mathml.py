"""Formulas as presentation MathML, which browsers draw without a script.

SymPy's own printer drops all limits of a nested sum but the first and prints a `Piecewise` as a
call. This one covers what the theory uses; whatever else comes is printed as escaped text.
"""

from html import escape
from typing import Any

import sympy as sp
from sympy.printing.conventions import split_super_sub
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.pretty.pretty_symbology import greek_unicode
from sympy.printing.printer import Printer

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
APPLY = "<mo>&#x2061;</mo>"  # invisible: the function before applies to what follows
NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atanh": "artanh", "log": "ln",
    "LambertW": "W", "hermite_prob": "He",
}  # fmt: skip
RELATIONS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def mathml(expr: Any, *, display: bool = False) -> str:
    """A `<math>` element of one SymPy expression, in line or as a display."""
    style = ' display="block"' if display else ""
    return f'<math xmlns="{NAMESPACE}"{style}>{presentation(expr)}</math>'


def presentation(expr: Any) -> str:
    """The inside of a `<math>` element: one well-formed node."""
    return _MathML().doprint(expr)


def _tag(name: str, *children: str) -> str:
    return f"<{name}>{''.join(children)}</{name}>"


def _row(*children: str) -> str:
    return children[0] if len(children) == 1 else _tag("mrow", *children)


def _op(text: str) -> str:
    return _tag("mo", escape(text))


def _fenced(inner: str, left: str = "(", right: str = ")") -> str:
    return _row(_op(left), inner, _op(right))


def _name(text: str) -> str:
    head = "Delta" if text.startswith("Delta") and text != "Delta" else ""
    rest = text.removeprefix(head)
    return escape(("Δ" if head else "") + (greek_unicode.get(rest) or rest))


def _parts(name: str) -> tuple[str, list[str], list[str]]:
    base, above, below = split_super_sub(name)
    return str(base), [str(word) for word in above], [str(word) for word in below]


class _MathML(Printer):
    printmethod = "_mathml"

    def emptyPrinter(self, expr: Any) -> str:
        return _tag("mtext", escape(str(expr)))

    def _bracket(self, expr: Any, level: str) -> str:
        loose = precedence(expr) < PRECEDENCE[level]
        wide = level != "Add" and isinstance(expr, sp.Sum | sp.Integral | sp.Derivative | sp.Limit)
        return _fenced(self._print(expr)) if loose or wide else self._print(expr)

    # Atoms

    def _print_Symbol(self, expr: Any) -> str:
        base, above, below = _parts(expr.name)
        node = _tag("mi", _name(base))
        if below:
            words = (_tag("mi", _name(word)) for word in below)
            node = _tag("msub", node, _row(*words))
        if above:
            node = _tag("msup", node, _row(*(_tag("mi", _name(word)) for word in above)))
        return node

    _print_Dummy = _print_Symbol

    def _print_Integer(self, expr: Any) -> str:
        digits = _tag("mn", str(abs(int(expr))))
        return _row(_op("−"), digits) if expr < 0 else digits

    def _print_int(self, expr: int) -> str:
        return self._print_Integer(expr)

    def _print_Rational(self, expr: Any) -> str:
        body = _tag("mfrac", _tag("mn", str(abs(expr.p))), _tag("mn", str(expr.q)))
        return _row(_op("−"), body) if expr < 0 else body

    def _print_Float(self, expr: Any) -> str:
        digits = _tag("mn", f"{abs(float(expr)):.6g}")
        return _row(_op("−"), digits) if expr < 0 else digits

    def _print_Pi(self, _: Any) -> str:
        return _tag("mi", "π")

    def _print_Exp1(self, _: Any) -> str:
        return _tag("mi", "e")

    def _print_Infinity(self, _: Any) -> str:
        return _tag("mi", "∞")

    def _print_NegativeInfinity(self, _: Any) -> str:
        return _row(_op("−"), _tag("mi", "∞"))

    def _print_Indexed(self, expr: Any) -> str:
        comma = "" if all(index.is_Atom for index in expr.indices) else _op(",")
        indices = comma.join(self._print(index) for index in expr.indices)
        return _tag("msub", self._print(expr.base.label), _tag("mrow", indices))

    def _print_KroneckerDelta(self, expr: Any) -> str:
        return _tag("msub", _tag("mi", "δ"), _tag("mrow", *map(self._print, expr.args)))

    # Arithmetic

    def _print_Add(self, expr: Any) -> str:
        nodes: list[str] = []
        for term in expr.as_ordered_terms():
            negative = term.could_extract_minus_sign()
            if negative or nodes:
                nodes.append(_op("−" if negative else "+"))
            nodes.append(self._bracket(-term if negative else term, "Mul"))
        return _row(*nodes)

    def _print_Mul(self, expr: Any) -> str:
        if expr.could_extract_minus_sign():
            return _row(_op("−"), self._bracket(-expr, "Mul"))
        top, bottom = sp.fraction(expr, exact=True)
        if bottom != 1:
            return _tag("mfrac", self._print(top), self._print(bottom))
        return _row(*(self._factor(factor) for factor in expr.as_ordered_factors()))

    def _factor(self, expr: Any) -> str:
        return self._bracket(expr, "Mul")

    def _print_Pow(self, expr: Any) -> str:
        base, power = expr.args
        if power.is_Rational and power.is_negative:
            return _tag("mfrac", _tag("mn", "1"), self._print(base**-power))
        if power == sp.Rational(1, 2):
            return _tag("msqrt", self._print(base))
        if power.is_Rational and power.p == 1:
            return _tag("mroot", self._print(base), self._print(sp.Integer(power.q)))
        if isinstance(base, sp.Function) and base.func not in (sp.Abs, sp.exp, sp.factorial):
            return self._call(base, self._print(power))
        inner = self._print(base) if base.is_Symbol or base == sp.E else self._bracket(base, "Atom")
        return _tag("msup", inner, self._print(power))

    def _print_exp(self, expr: Any) -> str:
        return _tag("msup", _tag("mi", "e"), self._print(expr.args[0]))

    # Functions

    def _call(self, expr: Any, power: str = "") -> str:
        called = str(expr.func.__name__)
        name, args = NAMES.get(called, called), expr.args
        node = _tag("mi", "erf" if name == "erfinv" else _name(name))
        if name == "erfinv":
            node = _tag("msup", node, _row(_op("−"), _tag("mn", "1")))
            node = _tag("msup", _fenced(node), power) if power else node
        elif name in ("W", "He") and len(args) == 2:
            index, args = (args[1], args[:1]) if name == "W" else (args[0], args[1:])
            node = _tag("msub", node, self._print(index))
        if power and name != "erfinv":
            node = _tag("msup", node, power)
        return _row(node, APPLY, _fenced(_op(",").join(map(self._print, args))))

    _print_Function = _call

    def _print_Abs(self, expr: Any) -> str:
        return _fenced(self._print(expr.args[0]), "|", "|")

    def _print_factorial(self, expr: Any) -> str:
        return _row(self._bracket(expr.args[0], "Func"), _op("!"))

    def _print_Piecewise(self, expr: Any) -> str:
        rows = []
        for value, condition in expr.args:
            word = "otherwise" if condition == sp.true else "if "
            shown = "" if condition == sp.true else self._print(condition)
            cells = (self._print(value), _row(_tag("mtext", word), shown))
            rows.append(_tag("mtr", *(_tag("mtd", cell) for cell in cells)))
        return _row(_op("{"), _tag("mtable", *rows))

    # Operators with limits

    def _over_limits(self, sign: str, limits: Any, tag: str) -> str:
        nodes = []
        for variable, *bounds in reversed(limits):  # SymPy puts the innermost first
            if not bounds:
                nodes.append(_tag("munder", _op(sign), self._print(variable)))
                continue
            low, high = map(self._print, bounds)
            low = low if sign == "∫" else _row(self._print(variable), _op("="), low)
            nodes.append(_tag(tag, _op(sign), low, high))
        return "".join(nodes)

    def _print_Sum(self, expr: Any) -> str:
        body = self._bracket(expr.function, "Mul")
        return _row(self._over_limits("∑", expr.limits, "munderover"), body)

    def _print_Integral(self, expr: Any) -> str:
        measure = "".join(_row(_op("d"), self._print(limit[0])) for limit in expr.limits)
        body = self._bracket(expr.function, "Mul")
        return _row(self._over_limits("∫", expr.limits, "msubsup"), body, measure)

    def _print_Derivative(self, expr: Any) -> str:
        order = sum(count for _, count in expr.variable_count)
        top = _op("∂") if order == 1 else _tag("msup", _op("∂"), self._print(order))
        below = ""
        for variable, count in expr.variable_count:
            node = self._print(variable)
            below += _op("∂") + (node if count == 1 else _tag("msup", node, self._print(count)))
        return _row(_tag("mfrac", top, _tag("mrow", below)), self._bracket(expr.expr, "Mul"))

    def _print_Limit(self, expr: Any) -> str:
        body, variable, point, _ = expr.args
        target = _row(self._print(variable), _op("→"), self._print(point))
        return _row(_tag("munder", _tag("mi", "lim"), target), self._bracket(body, "Mul"))

    # Relations, matrices

    def _print_Relational(self, expr: Any) -> str:
        return _row(self._print(expr.lhs), _op(RELATIONS[expr.rel_op]), self._print(expr.rhs))

    def _print_And(self, expr: Any) -> str:
        return _tag("mtext", " and ").join(self._print(part) for part in expr.args)

    def _print_MatrixBase(self, expr: Any) -> str:
        rows = (
            _tag("mtr", *(_tag("mtd", self._print(entry)) for entry in expr.row(index)))
            for index in range(expr.rows)
        )
        return _fenced(_tag("mtable", *rows))

"""Formulas as presentation MathML, which browsers draw without a script.

SymPy's own printer drops all limits of a nested sum but the first and prints a `Piecewise` as a
call. This one covers what the theory uses; whatever else comes is printed as escaped text.
"""

from html import escape
from typing import Any

import sympy as sp

from theory.markup import APPLY, INDEX_AT, NAMES, RELATIONS, fenced, op, parts, row, spell, tag
from theory.mathml_operators import Operators

NAMESPACE = "http://www.w3.org/1998/Math/MathML"


def mathml(expr: Any, *, display: bool = False) -> str:
    """A `<math>` element of one SymPy expression, in line or as a display."""
    style = ' display="block"' if display else ""
    return f'<math xmlns="{NAMESPACE}"{style}>{presentation(expr)}</math>'


def presentation(expr: Any) -> str:
    """The inside of a `<math>` element: one well-formed node."""
    return _MathML().doprint(expr)


class _MathML(Operators):
    def emptyPrinter(self, expr: Any) -> str:
        return tag("mtext", escape(str(expr)))

    def _print_Symbol(self, expr: Any) -> str:
        base, above, below = parts(expr.name)
        node = tag("mi", spell(base))
        if below:
            words = (tag("mi", spell(word)) for word in below)
            node = tag("msub", node, row(*words))
        if above:
            node = tag("msup", node, row(*(tag("mi", spell(word)) for word in above)))
        return node

    _print_Dummy = _print_Symbol

    def _print_Integer(self, expr: Any) -> str:
        digits = tag("mn", str(abs(int(expr))))
        return row(op("−"), digits) if expr < 0 else digits

    def _print_Rational(self, expr: Any) -> str:
        body = tag("mfrac", tag("mn", str(abs(expr.p))), tag("mn", str(expr.q)))
        return row(op("−"), body) if expr < 0 else body

    def _print_Float(self, expr: Any) -> str:
        digits = tag("mn", f"{abs(float(expr)):.6g}")
        return row(op("−"), digits) if expr < 0 else digits

    def _print_Pi(self, _: Any) -> str:
        return tag("mi", "π")

    def _print_Exp1(self, _: Any) -> str:
        return tag("mi", "e")

    def _print_ImaginaryUnit(self, _: Any) -> str:
        return tag("mi", "i")

    def _print_Infinity(self, _: Any) -> str:
        return tag("mi", "∞")

    def _print_NegativeInfinity(self, _: Any) -> str:
        return row(op("−"), tag("mi", "∞"))

    def _print_Indexed(self, expr: Any) -> str:
        comma = "" if all(index.is_Atom for index in expr.indices) else op(",")
        indices = comma.join(self._print(index) for index in expr.indices)
        return tag("msub", self._print(expr.base.label), tag("mrow", indices))

    def _print_KroneckerDelta(self, expr: Any) -> str:
        return tag("msub", tag("mi", "δ"), tag("mrow", *map(self._print, expr.args)))

    def _print_Add(self, expr: Any) -> str:
        nodes: list[str] = []
        for term in expr.as_ordered_terms():
            negative = term.could_extract_minus_sign()
            if negative or nodes:
                nodes.append(op("−" if negative else "+"))
            nodes.append(self._bracket(-term if negative else term, "Mul"))
        return row(*nodes)

    def _print_Mul(self, expr: Any) -> str:
        if expr.could_extract_minus_sign():
            return row(op("−"), self._bracket(-expr, "Mul"))
        top, bottom = sp.fraction(expr, exact=True)
        if bottom != 1:
            return tag("mfrac", self._print(top), self._print(bottom))
        return row(*(self._bracket(factor, "Mul") for factor in expr.as_ordered_factors()))

    def _print_Pow(self, expr: Any) -> str:
        base, power = expr.args
        if power.is_Rational and power.is_negative:
            return tag("mfrac", tag("mn", "1"), self._print(base**-power))
        if power == sp.Rational(1, 2):
            return tag("msqrt", self._print(base))
        if power.is_Rational and power.p == 1:
            return tag("mroot", self._print(base), self._print(sp.Integer(power.q)))
        if isinstance(base, sp.Function) and base.func not in (sp.Abs, sp.exp, sp.factorial):
            return self._call(base, self._print(power))
        inner = self._print(base) if base.is_Symbol or base == sp.E else self._bracket(base, "Atom")
        return tag("msup", inner, self._print(power))

    def _print_exp(self, expr: Any) -> str:
        return tag("msup", tag("mi", "e"), self._print(expr.args[0]))

    def _call(self, expr: Any, power: str = "") -> str:
        called, args = str(expr.func.__name__), list(expr.args)
        head = tag("mi", spell(NAMES.get(called, called)))
        if called == "erfinv":
            inverse = tag("msup", head, row(op("−"), tag("mn", "1")))
            head = fenced(inverse) if power else inverse
        if called in INDEX_AT and len(args) == 2:
            head = tag("msub", head, self._print(args.pop(INDEX_AT[called])))
        head = tag("msup", head, power) if power else head
        return row(head, APPLY, fenced(op(",").join(map(self._print, args))))

    _print_Function = _call
    _print_MinMaxBase = _call

    def _print_hyper(self, expr: Any) -> str:
        above, below, point = expr.args
        counts = (tag("mn", str(len(group))) for group in (below, above))
        low, before = counts
        head = tag("mmultiscripts", tag("mi", "F"), low, "<none/><mprescripts/>", before, "<none/>")
        groups = (op(",").join(map(self._print, group)) for group in (above, below, (point,)))
        return row(head, APPLY, fenced(op(";").join(groups)))

    def _print_Abs(self, expr: Any) -> str:
        return fenced(self._print(expr.args[0]), "|", "|")

    def _print_factorial(self, expr: Any) -> str:
        return row(self._bracket(expr.args[0], "Func"), op("!"))

    def _print_Piecewise(self, expr: Any) -> str:
        rows = []
        for value, condition in expr.args:
            word = "otherwise" if condition == sp.true else "if "
            shown = "" if condition == sp.true else self._print(condition)
            cells = (self._print(value), row(tag("mtext", word), shown))
            rows.append(tag("mtr", *(tag("mtd", cell) for cell in cells)))
        return row(op("{"), tag("mtable", *rows))

    def _print_Relational(self, expr: Any) -> str:
        return row(self._print(expr.lhs), op(RELATIONS[expr.rel_op]), self._print(expr.rhs))

    def _print_Or(self, expr: Any) -> str:
        return tag("mtext", " or ").join(self._print(part) for part in expr.args)

    def _print_And(self, expr: Any) -> str:
        return tag("mtext", " and ").join(self._print(part) for part in expr.args)

    def _print_MatrixBase(self, expr: Any) -> str:
        rows = (
            tag("mtr", *(tag("mtd", self._print(entry)) for entry in expr.row(index)))
            for index in range(expr.rows)
        )
        return fenced(tag("mtable", *rows))

"""Formulas drawn in two dimensions for a terminal, where they fit.

SymPy's printer, with the names and the indices of the theory.
"""

from textwrap import wrap
from typing import Any

import sympy as sp
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.stringpict import prettyForm

from theory.line import head, indexed, line, name
from theory.markup import RELATIONS


def width(expr: Any) -> int:
    """How many columns the drawn formula takes."""
    return _form(expr).width()


def pretty(expr: Any) -> str:
    """The formula drawn in two dimensions, of whatever width."""
    return _form(expr).render(wrap_line=False)


def statement(lhs: Any, relation: str, rhs: Any, columns: int) -> list[str]:
    """`lhs relation rhs` in lines of at most `columns` characters.

    Drawn side by side if there is room, else one side below the other, where a side that is
    still too wide is written on one line, broken at spaces.
    """
    sign = RELATIONS.get(relation, relation)
    left, right = _form(lhs), _form(rhs)
    if left.width() + right.width() + 3 <= columns:
        whole = prettyForm(*left.right(f" {sign} "))
        return _rendered(prettyForm(*whole.right(right)))
    right = prettyForm(*right.left(f"{sign} "))
    shown = []
    for form, text in ((left, line(lhs)), (right, f"{sign} {line(rhs)}")):
        fits = form.width() <= columns
        shown += _rendered(form) if fits else wrap(text, columns, subsequent_indent="    ")
    return shown


def _form(expr: Any) -> prettyForm:
    form: Any = _Drawn()._print(sp.sympify(expr))  # typed as text by SymPy
    return form


def _rendered(form: prettyForm) -> list[str]:
    return [row.rstrip() for row in form.render(wrap_line=False).splitlines()]


class _Drawn(PrettyPrinter):
    def __init__(self) -> None:
        super().__init__({"use_unicode": True, "wrap_line": False})

    def _print_Symbol(self, e: Any, bold_name: bool = False) -> prettyForm:
        del bold_name
        return prettyForm(name(e.name))

    _print_Dummy = _print_Symbol

    def _print_Float(self, e: Any) -> prettyForm:
        return prettyForm(f"{float(e):.6g}")

    def _print_Indexed(self, expr: Any) -> prettyForm:
        return prettyForm(indexed(expr))

    def _print_Function(self, e: Any, *args: Any, **settings: Any) -> Any:
        del args, settings
        called, rest = head(e)
        return self._helper_print_function(type(e), rest, func_name=called)

    _print_LambertW = _print_Function
    _print_MinMaxBase = _print_Function

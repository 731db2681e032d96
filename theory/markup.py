"""The spelling of names for every printer, and the nodes of presentation MathML."""

import re
from html import escape

from sympy.printing.conventions import split_super_sub
from sympy.printing.pretty.pretty_symbology import greek_unicode

# Prose writes indices as `μ_i`, `B_noise`, `ε_*` or `Σ_{i≠j}`
SUBSCRIPT = re.compile(r"(?<=\S)_(?:\{([^{}]*)\}|([a-z0-9]+|\*))")
APPLY = "<mo>&#x2061;</mo>"  # invisible: the function before applies to what follows
NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atanh": "artanh", "log": "ln",
    "LambertW": "W", "hermite_prob": "He", "erfinv": "erf",
    "gamma": "Γ", "uppergamma": "Γ", "lowergamma": "γ", "Min": "min", "Max": "max",
}  # fmt: skip
INDEX_AT = {"LambertW": 1, "hermite_prob": 0}  # the argument that is written as an index
RELATIONS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def tag(name: str, *children: str) -> str:
    """One element."""
    return f"<{name}>{''.join(children)}</{name}>"


def row(*children: str) -> str:
    """Several nodes as one."""
    return children[0] if len(children) == 1 else tag("mrow", *children)


def op(text: str) -> str:
    """An operator, escaped."""
    return tag("mo", escape(text))


def fenced(inner: str, left: str = "(", right: str = ")") -> str:
    """A node in brackets."""
    return row(op(left), inner, op(right))


def spell(text: str) -> str:
    """A name with Greek letters as such, escaped."""
    head = "Delta" if text.startswith("Delta") and text != "Delta" else ""
    rest = text.removeprefix(head)
    return escape(("Δ" if head else "") + (greek_unicode.get(rest) or rest))


def parts(name: str) -> tuple[str, list[str], list[str]]:
    """Base, superscripts and subscripts of a symbol's name."""
    base, above, below = split_super_sub(name)
    return str(base), [str(word) for word in above], [str(word) for word in below]

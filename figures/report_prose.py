"""Plain text set for a page: escaped, with subscripts, per cent signs kept at their number.

The theory writes subscripts as `μ_i`, `B_noise`, `ε_*` or `Σ_{i≠j}`: a base, an underscore, then
lower-case letters and digits, a star, or something in braces.
"""

from html import escape

from theory.markup import SUBSCRIPT


def prose(text: str) -> str:
    """HTML of a plain text."""
    lowered = SUBSCRIPT.sub(lambda found: f"<sub>{found[1] or found[2]}</sub>", escape(text))
    return lowered.replace(" %", "\u00a0%")

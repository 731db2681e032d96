"""Formulas and prose as LaTeX of ASCII characters only, as pdflatex wants it.

SymPy's printer, with the names of the theory. Prose keeps its Unicode signs as commands: √ ε² μ_i.
"""

import unicodedata
from typing import Any

from sympy.printing.latex import LatexPrinter
from sympy.printing.pretty.pretty_symbology import greek_unicode

from theory.markup import INDEX_AT, NAMES, SUBSCRIPT, parts

GREEK = {sign: name for name, sign in greek_unicode.items() if name.isalpha()} | {
    "ε": "varepsilon",
    "φ": "varphi",
}
ESCAPED = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{sign: rf"\ensuremath{{{sign}}}" for sign in "<>|"},
}  # fmt: skip
TEXT = {
    "“": "``", "”": "''", "‘": "`", "’": "'", "–": "--", "—": "---", "…": r"\ldots{}",
    "§": r"\S{}", "\u00a0": "~", "\u2009": r"\,", "ł": r"\l{}", "ø": r"\o{}", "ß": r"\ss{}",
}  # fmt: skip
MATHS = {
    "−": "-", "·": r"\cdot", "×": r"\times", "±": r"\pm", "√": r"\surd", "∞": r"\infty",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "≪": r"\ll", "≫": r"\gg",
    "∝": r"\propto", "~": r"\sim", "→": r"\to", "←": r"\leftarrow", "↦": r"\mapsto",
    "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "∈": r"\in", "∂": r"\partial",
    "∇": r"\nabla", "∫": r"\int", "∑": r"\sum", "∏": r"\prod", "∘": r"\circ",
    "⊙": r"\odot", "⊗": r"\otimes", "‖": r"\Vert", "ℰ": r"\mathcal{E}", "ℓ": r"\ell",
    "′": "'", "⟨": r"\langle", "⟩": r"\rangle", "∧": r"\wedge",
    "∨": r"\vee", "°": r"^\circ", "∼": r"\sim", "∀": r"\forall", "∓": r"\mp",
    "≡": r"\equiv", "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil",
    "𝒩": r"\mathcal{N}", "ℝ": r"\mathrm{R}", "⊥": r"\perp", "≲": r"\lesssim", "≳": r"\gtrsim",
    "*": r"{*}", "≃": r"\simeq", "∥": r"\Vert",
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0307": ".",
    "\u0308": '"', "\u030c": "v", "\u0327": "c",
}  # fmt: skip


def latex(expr: Any) -> str:
    """A formula, for use in mathematical mode."""
    return _Latex().doprint(expr)


class _Latex(LatexPrinter):
    def __init__(self) -> None:
        super().__init__({"ln_notation": True, "inv_trig_style": "full"})

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        del style
        return _name(expr.name)

    _print_Dummy = _print_Symbol

    def _print_Indexed(self, expr: Any) -> str:
        comma = "" if all(index.is_Atom for index in expr.indices) else ","
        low = comma.join(map(self._print, expr.indices))
        return f"{_name(str(expr.base.label))}_{{{low}}}"

    def _print_Float(self, expr: Any) -> str:
        digits, _, power = f"{float(expr):.6g}".partition("e")
        return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits

    def _print_Subs(self, expr: Any) -> str:
        body, old, new = expr.args
        pairs = zip(old, new, strict=True)
        low = r", \, ".join(f"{self._print(one)} = {self._print(other)}" for one, other in pairs)
        return rf"\left[{self._print(body)}\right]_{{{low}}}"

    def _print_hermite_prob(self, expr: Any, exp: str | None = None) -> str:
        return self._indexed_call(expr, exp)

    def _print_erfinv(self, expr: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        inside = self._print(expr.args[0])
        return rf"\left(\operatorname{{erf}}^{{-1}}\left({inside}\right)\right){power}"

    def _indexed_call(self, expr: Any, exp: str | None) -> str:
        called, args = type(expr).__name__, list(expr.args)
        low = self._print(args.pop(INDEX_AT[called]))
        power = "" if exp is None else f"^{{{exp}}}"
        inside = ", ".join(map(self._print, args))
        return rf"\mathrm{{{NAMES[called]}}}_{{{low}}}{power}\left({inside}\right)"


def _name(text: str) -> str:
    """A symbol's name: Greek letters as commands, words upright."""
    base, above, below = parts(text)
    shown = _letter(base)
    if below:
        shown += f"_{{{' '.join(map(_letter, below))}}}"
    return shown + "".join(f"^{{{_letter(word)}}}" for word in above)


def _letter(text: str) -> str:
    if text.startswith("Delta") and text != "Delta":
        return rf"\Delta {_letter(text.removeprefix('Delta'))}"
    sign = greek_unicode.get(text, text)
    if sign in GREEK:
        return rf"\{GREEK[sign]}"
    return text if len(text) == 1 or text.isdecimal() else rf"\mathrm{{{text}}}"


def prose(text: str) -> str:
    """Plain text, its special characters, signs and indices as LaTeX commands.

    Errors: ValueError for a character that has no command here.
    """
    shown, end = "", 0
    for found in SUBSCRIPT.finditer(text):
        low = prose(found[1] or found[2])
        shown += rf"{_plain(text[end : found.start()])}\textsubscript{{{low}}}"
        end = found.end()
    return shown + _plain(text[end:])


def code(text: str) -> str:
    """A name of the source, in a typewriter face; it may be broken after an underscore."""
    broken = _plain(text).replace(r"\_", r"\_\allowbreak{}")
    return rf"\texttt{{{broken}}}"


def _plain(text: str) -> str:
    shown: list[str] = []
    for sign in text:
        if sign in ACCENTS and shown:
            shown.append(rf"\{ACCENTS[sign]}{{{shown.pop()}}}")
        else:
            shown.append(_sign(sign))
    return "".join(shown)


def _sign(sign: str) -> str:
    if sign in ESCAPED or sign in TEXT:
        return ESCAPED.get(sign) or TEXT[sign]
    if sign.isascii():
        return sign
    if sign in MATHS or sign in GREEK:
        return rf"\ensuremath{{{MATHS.get(sign) or chr(92) + GREEK[sign]}}}"
    kind, *codes = unicodedata.decomposition(sign).split() or [""]
    inside = "".join(chr(int(code, 16)) for code in codes)
    if kind in ("<super>", "<sub>"):
        return rf"\text{kind[1:-1]}script{{{_plain(inside)}}}"
    if kind == "<fraction>":
        top, bottom = inside.split("\u2044")
        return rf"\ensuremath{{\tfrac{{{top}}}{{{bottom}}}}}"
    if kind and not kind.startswith("<"):  # a letter and its accents in one character
        return _plain(unicodedata.normalize("NFD", sign))
    raise ValueError(f"no LaTeX for {sign!r} ({unicodedata.name(sign, 'unnamed')})")

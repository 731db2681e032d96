"""All derivations as one LaTeX document: statement, conditions, steps with reasons, what fails.

A formula stands on one line where it fits, else its sides and the terms of its sums are broken
over lines; what is still too wide is shrunk to the width of the text.
"""

from collections.abc import Iterable
from typing import Any

import sympy as sp

from theory.card import Card
from theory.derivation import Counterexample, Derivation, Step
from theory.latex import code, latex, prose
from theory.law import Law
from theory.overview import LEGEND, ROWS, entry
from theory.pretty import width
from theory.rules.rule import Rule
from theory.verify import described, numbers

FULL = 80  # columns of a terminal that are about as wide as a line of the document
SIGNS = {"<": "<", "=": "=", ">": ">", "<=": r"\le", ">=": r"\ge"}
PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage{amsmath,amssymb,graphicx}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}\setlength{\parskip}{4pt}\emergencystretch=3em
\newcommand{\fitted}[1]{\sbox0{$\displaystyle #1$}%
  \ifdim\wd0>0.9\linewidth\resizebox{0.9\linewidth}{!}{\usebox0}\else\usebox0\fi}
\title{The best learning rate of one step against the batch size: derivations}
\author{}\date{}
\begin{document}
\maketitle
Every step is an equation or an inequality between expressions of SymPy, from which the formulas
below are printed. \texttt{python -m theory} checks them all, each in the way said beside it.
\tableofcontents
"""


def document(
    derivations: Iterable[Derivation], rules: Iterable[Rule] = (), laws: Iterable[Law] = ()
) -> str:
    """The source of the document: a section per derivation, what each rule says, all laws."""
    sections = [*map(_section, derivations), *_cards(rules), *_laws(laws)]
    return "\n".join([PREAMBLE, *sections, r"\end{document}", ""])


def _section(derivation: Derivation) -> str:
    lines = [
        rf"\section{{{prose(derivation.title)}}}",
        rf"{code(derivation.name)}. \emph{{{prose(derivation.statement)}}} "
        rf"Source: {prose(derivation.source)}",
    ]
    if derivation.hypotheses:
        conditions = (rf"\item {prose(one.text)}" for one in derivation.hypotheses)
        lines += ["\nHolds if", *_environment("itemize", conditions)]
    lines += ["\nSteps", *_environment("enumerate", map(_step, derivation.steps))]
    if derivation.counterexamples:
        cases = map(_counterexample, derivation.counterexamples)
        lines += ["\nWhat goes wrong without a condition", *_environment("itemize", cases)]
    return "\n".join(lines)


def _environment(name: str, items: Iterable[str]) -> list[str]:
    return [rf"\begin{{{name}}}", *items, rf"\end{{{name}}}"]


def _step(step: Step) -> str:
    laws = ", ".join(code(law.name) for law in step.laws)
    tail = f" This is law {laws}." if laws else ""
    return (
        rf"\item {prose(step.reason)}{tail} (Checked {prose(described(step.check))}.)"
        f"\n{display(step.lhs, SIGNS[step.check.relation], step.rhs)}"
    )


def display(lhs: Any, sign: str, rhs: Any) -> str:
    """`lhs sign rhs` on as many lines as it needs."""
    if width(lhs) + width(rhs) + 3 <= FULL:
        return rf"\[\fitted{{{latex(lhs)} {sign} {latex(rhs)}}}\]"
    left, right = _lines(lhs), _lines(rhs)
    right[0] = f"{sign} {right[0]}"
    return _below([*left, *right])


def _below(lines: list[str]) -> str:
    """Lines of one display, flush left."""
    rows = "\\\\\n".join(rf"& \fitted{{{line}}}" for line in lines)
    return f"\\[\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\\]"


def _lines(expr: Any) -> list[str]:
    """A side of an equation; a sum that is too wide goes term by term over several lines."""
    if not isinstance(expr, sp.Add) or width(expr) <= FULL:
        return [latex(expr)]
    rows, room = [""], FULL
    for term in expr.as_ordered_terms():
        text = latex(term)
        if width(term) > room and rows[-1]:
            rows.append(r"\quad {}")
            room = FULL
        plus = "" if text.startswith("-") or rows == [""] else "+ "
        rows[-1] += f"{plus}{text} "
        room -= width(term) + 3
    return rows


def _counterexample(case: Counterexample) -> str:
    claimed, actual = numbers(case)
    return (
        rf"\item Without ``{prose(case.hypothesis.text)}'': {prose(case.text)} "
        f"Claimed {claimed:.4g}, true {actual:.4g}."
    )


def _cards(rules: Iterable[Rule]) -> list[str]:
    """A section with what each rule says for one ratio."""
    cards = [_card(rule, rule.card) for rule in rules if rule.card is not None]
    return [r"\section{Rules for one ratio}", prose(LEGEND), *cards] if cards else []


def _card(rule: Rule, card: Card) -> str:
    rows = []
    for row, label in ROWS.items():
        found = entry(card, row)
        text = prose(found) if isinstance(found, str) else rf"\fitted{{{latex(found)}}}"
        math = text if isinstance(found, str) else f"${text}$"
        rows.append(rf"\item[{prose(label)}] {math}")
    title = rf"\subsection*{{{prose(rule.title)} ({code(rule.name)})}}"
    return "\n".join([title, *_environment("description", rows)])


def _laws(laws: Iterable[Law]) -> list[str]:
    """A section with every law: its name, title, formula and source."""
    items = [
        rf"\item[{code(law.name)}] {prose(law.title)}. {prose(law.source)}."
        f"\n{_below(_lines(law.expr))}"
        for law in laws
    ]
    return [r"\section{All laws}", *_environment("description", items)] if items else []

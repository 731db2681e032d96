"""The LaTeX document: ASCII, balanced, whole, and the same in every run."""

import re

import pytest
import sympy as sp

from theory import LAWS, RULES, derivations
from theory.document import FULL, display, document
from theory.latex import code, latex, prose
from theory.symbols import E_, H_, B_noise, dL_max, eps_max, h, i, j, mu, n, sigma, x, y


@pytest.fixture(scope="module")
def text() -> str:
    return document(derivations(), RULES.values(), LAWS.values())


def test_it_is_plain_ascii(text):
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def test_braces_and_environments_are_balanced(text):
    assert balanced(text)
    assert not balanced("}{")
    assert not balanced(r"{\}")
    nested: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if kind == "begin":
            nested.append(name)
        else:
            assert nested.pop() == name
    assert not nested
    assert text.count(r"\[\fitted") + text.count(r"\[\begin{aligned}") == text.count(r"\]")


def test_brackets_that_grow_come_in_pairs_on_every_line(text):
    for row in text.splitlines():
        assert len(re.findall(r"\\left(?![a-z])", row)) == len(re.findall(r"\\right(?![a-z])", row))
        assert row.count(r"\fitted") <= 1


def test_every_derivation_step_law_and_rule_is_there(text):
    found = derivations()
    assert text.count(r"\section{") == len(found) + any(r.card for r in RULES.values()) + 1
    assert text.count("(Checked ") == sum(len(one.steps) for one in found)
    assert text.count("Claimed ") == sum(len(one.counterexamples) for one in found)
    for one in found:
        assert code(one.name) in text
        assert prose(one.statement) in text
    for name in LAWS:
        assert code(name) in text
    for rule in RULES.values():
        assert rule.card is None or code(rule.name) in text


def test_it_is_the_same_in_every_run(text):
    some = derivations()[:2]
    assert document(some) == document(some)
    assert document(some).split(r"\section")[1] == text.split(r"\section")[1]


def test_a_formula_that_does_not_fit_is_broken_at_the_sign_and_between_terms():
    terms = sp.Add(*(sp.sin(k * x) / k for k in range(1, 31)))
    assert len(display(x, "=", y).splitlines()) == 1
    lines = display(terms, "=", y).splitlines()
    assert lines[0] == r"\[\begin{aligned}"
    assert lines[-2:] == [r"& \fitted{= y}", r"\end{aligned}\]"]
    assert len(lines) > 4
    assert sum(row.count(r"\sin") for row in lines) == 30
    assert FULL < 100


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (eps_max, r"\varepsilon_{\mathrm{max}}"),
        (dL_max, r"\Delta L_{\mathrm{max}}"),
        (mu / sigma, r"\frac{\mu}{\sigma}"),
        (B_noise, r"B_{\mathrm{noise}}"),
        (H_[i, j], "H_{ij}"),
        (E_[i + 1], "E_{i + 1}"),
        (sp.hermite_prob(n, h), r"\mathrm{He}_{n}\left(h\right)"),
        (sp.hermite_prob(n, h) ** 2, r"\mathrm{He}_{n}^{2}\left(h\right)"),
        (sp.Float("1.23456789e-7"), r"1.23457 \cdot 10^{-7}"),
        (sp.Subs(x**2, x, y), r"\left[x^{2}\right]_{x = y}"),
    ],
)
def test_a_formula(expr, shown):
    assert latex(expr) == shown


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("a & b 5 % #1 $", r"a \& b 5 \% \#1 \$"),
        ("μ_i", r"\ensuremath{\mu}\textsubscript{i}"),
        ("Σ_{i≠j}", r"\ensuremath{\Sigma}\textsubscript{i\ensuremath{\ne}j}"),
        ("x² ½ G₁", r"x\textsuperscript{2} \ensuremath{\tfrac{1}{2}} G\textsubscript{1}"),
        ("ĝ m̂", r"\^{g} \^{m}"),
        ("“a” – b…", r"``a'' -- b\ldots{}"),
        ("a < b", r"a \ensuremath{<} b"),
        ("{x}", r"\{x\}"),
        ("Schrödinger", r"Schr\"{o}dinger"),
    ],
)
def test_prose(plain, shown):
    assert prose(plain) == shown
    assert balanced(prose(plain))


def test_a_name_keeps_its_underscores():
    assert code("sgd_lr") == r"\texttt{sgd\_\allowbreak{}lr}"


def test_a_sign_without_a_command_is_refused_by_name():
    with pytest.raises(ValueError, match="SNOWMAN"):
        prose("☃")

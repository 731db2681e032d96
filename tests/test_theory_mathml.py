"""Formulas as MathML: well-formed, with every limit, case and index that SymPy's printer loses."""

from xml.etree import ElementTree

import pytest
import sympy as sp

from theory import LAWS, derivations
from theory.mathml import mathml
from theory.symbols import H_, SYMBOLS, B_noise, eps_max, h, i, j, mu, n, rho, sigma, t, x, y

SPACE = "{http://www.w3.org/1998/Math/MathML}"

WORDS = {"if ", "otherwise", " and ", " or "}
UNTRANSLATED = set(sp.functions.__all__) - {  # SymPy's names of functions that are not ours
    *("erf", "erfc", "exp", "ln", "arg", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign"),
}


def tree(expr):
    return ElementTree.fromstring(mathml(expr))


def text(expr):
    return "".join(tree(expr).itertext()).replace("\u2061", "")


def test_every_law_and_every_step_is_well_formed_and_nothing_is_left_untranslated():
    shown = [law.expr for law in LAWS.values()]
    for derivation in derivations():
        shown += [side for step in derivation.steps for side in (step.lhs, step.rhs)]
        shown += [side for e in derivation.counterexamples for side in (e.claimed, e.actual)]
    for expr in shown:
        root = tree(expr)
        assert root.tag == f"{SPACE}math"
        assert len(root) == 1
        assert {node.text for node in root.iter(f"{SPACE}mtext")} <= WORDS
        assert {node.text for node in root.iter(f"{SPACE}mi")}.isdisjoint(UNTRANSLATED)


def test_a_nested_sum_keeps_the_limits_of_every_index_outermost_first():
    root = tree(sp.Sum(H_[i, j], (j, 0, 2), (i, 1, 5)))
    limits = ["".join(node.itertext()) for node in root.iter(f"{SPACE}munderover")]
    assert limits == ["∑i=15", "∑j=02"]


def test_a_nested_integral_keeps_the_limits_and_the_measure_of_every_variable():
    expr = sp.Integral(sp.Function("f")(x, y), (x, 0, 1), (y, 2, sp.oo))
    assert text(expr) == "∫2∞∫01f(x,y)dxdy"


def test_cases_are_a_table_of_values_and_conditions():
    root = tree(sp.Piecewise((x, x > 0), (0, True)))
    rows = ["".join(node.itertext()) for node in root.iter(f"{SPACE}mtr")]
    assert rows == ["xif x>0", "0otherwise"]


def test_comparisons_are_escaped():
    assert "<mo>&lt;</mo>" in mathml(sp.Lt(x, y))
    assert text(sp.Le(x, y)) == "x≤y"


def test_greek_letters_and_indices_are_written_as_such():
    assert text(mu / sigma) == "μσ"
    assert text(eps_max) == "εmax"
    assert text(B_noise) == "Bnoise"
    assert tree(H_[i, j])[0].tag == f"{SPACE}msub"
    assert text(H_[i + 1, j]) == "Hi+1,j"
    assert text(sp.Symbol("DeltaL_max")) == "ΔLmax"


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (sp.erf(x), "erf(x)"),
        (sp.erf(x) ** 2, "erf2(x)"),
        (sp.erfinv(x), "erf−1(x)"),
        (sp.erfinv(x) ** 2, "(erf−1)2(x)"),
        (sp.asin(rho), "arcsin(ρ)"),
        (sp.exp(-(h**2) / 2), "e−h22"),
        (sp.Abs(x), "|x|"),
        (sp.factorial(n), "n!"),
        (sp.LambertW(x, -1), "W−1(x)"),
        (sp.hermite_prob(n, h), "Hen(h)"),
        (x - y, "x−y"),
        (x * (y + 1), "x(y+1)"),
        (-(x + y), "−x−y"),
        (-sp.Rational(2, 3), "−23"),
        ((x + y) ** 2, "(x+y)2"),
        (sp.Limit(sp.erf(x), x, sp.oo), "limx→∞erf(x)"),
        (sp.Derivative(sp.erf(x), (x, 2)), "∂2∂x2erf(x)"),
        (sp.Float("0.25"), "0.25"),
        (sp.Subs(x**2, x, y), "x2|x=y"),
        (sp.gamma(x), "Γ(x)"),
        (sp.uppergamma(t, x), "Γ(t,x)"),
        (sp.hyper([1, x], [2], y), "F12(1,x;2;y)"),
        (sp.Min(1, x), "min(1,x)"),
        (sp.I * x, "ix"),
        (sp.Or(x < 1, y < 2), "x<1 or y<2"),
        (sp.And(x < 1, y < 2), "x<1 and y<2"),
    ],
)
def test_a_formula_reads_as_it_is_written(expr, shown):
    assert text(expr) == shown


@pytest.mark.parametrize(
    ("expr", "tag"),
    [
        (sp.sqrt(t), "msqrt"),
        (sp.cbrt(t), "mroot"),
        (1 / t, "mfrac"),
        (1 / sp.sqrt(t), "mfrac"),
        (x / y, "mfrac"),
        (t**2, "msup"),
    ],
)
def test_fractions_roots_and_powers_are_drawn_not_spelled(expr, tag):
    assert tree(expr)[0].tag == f"{SPACE}{tag}"


def test_the_numerator_stands_above_the_denominator():
    top, bottom = tree(x / y)[0]
    assert (top.text, bottom.text) == ("x", "y")


def test_an_unknown_object_is_escaped_text():
    assert text(sp.Symbol("a<b&c")) == "a<b&c"
    assert ElementTree.fromstring(mathml(sp.FiniteSet(x, y))) is not None


def test_a_display_is_marked_as_one():
    assert ElementTree.fromstring(mathml(x, display=True)).attrib == {"display": "block"}


def test_every_symbol_can_be_drawn():
    for symbol in SYMBOLS:
        shown = symbol if isinstance(symbol, sp.Symbol) else symbol[i]
        assert text(shown)

"""Derivations and rules in a terminal: whole, within the columns, without control characters."""

import re
import subprocess
import sys

import pytest
import sympy as sp

from theory import RULES, derivations, verify
from theory.__main__ import main
from theory.line import line
from theory.pretty import pretty, statement
from theory.symbols import H_, B_noise, dL_max, eps_max, h, i, j, mu, mu_, n, rho, sigma, t, x, y
from theory.text import derivation_text, listing, rules_text

SHORT = {one.name: one for one in derivations()}["lemma1"]
LONG = {one.name: one for one in derivations()}["small_batch"]


@pytest.fixture(scope="module")
def verdicts():
    return {one.name: verify([one.name]) for one in (SHORT, LONG)}


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("one", [SHORT, LONG], ids=["lemma1", "small_batch"])
def test_no_line_is_longer_than_the_terminal_is_wide(one, columns, verdicts):
    text = derivation_text(one, verdicts[one.name], columns)
    assert max(map(len, text.splitlines())) <= columns
    assert not any(row != row.rstrip() for row in text.splitlines())
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("one", [SHORT, LONG], ids=["lemma1", "small_batch"])
def test_everything_that_the_derivation_says_is_there(one, verdicts):
    text = " ".join(derivation_text(one, verdicts[one.name], 100).split())
    said = [one.title, one.statement, one.source, *(given.text for given in one.hypotheses)]
    said += [step.reason for step in one.steps]
    said += [law.name for step in one.steps for law in step.laws]
    said += [f"“{case.hypothesis.text}”: {case.text}" for case in one.counterexamples]
    for words in said:
        assert " ".join(words.split()) in text
    assert text.count("[holds, ") == len(one.steps) + len(one.counterexamples)
    assert text.count("Claimed ") == text.count(", true ") == len(one.counterexamples)
    assert text.endswith(f"checks hold; the last step is {one.law.name}.")


def test_a_failure_is_said_where_it_occurs_and_at_the_end(verdicts):
    broken = [verdict._replace(ok=False) for verdict in verdicts["lemma1"]]
    text = derivation_text(SHORT, broken, 100)
    marks = " ".join(text.split()).count("[FAILS, ")
    assert marks == len(SHORT.steps) + len(SHORT.counterexamples)
    assert text.endswith(f"0 of {len(broken)} checks hold; it does not end in its law.")


def test_a_formula_is_drawn_where_it_fits_and_written_where_it_does_not():
    lhs, rhs = mu / sigma, sp.Integer(1)
    assert statement(lhs, "<", rhs, 20) == ["μ", "─ < 1", "σ"]
    wide = sum(sp.sin(k * x) for k in range(1, 9))
    below = statement(wide, "=", rhs, 60)
    assert "".join(below[:-1]).replace(" ", "") == line(wide).replace(" ", "")
    assert below[-1] == "= 1"


def test_sides_that_do_not_fit_together_stand_below_each_other():
    assert statement(x + y, "=", y + x, 8) == ["x + y", "= x + y"]


def test_names_are_drawn_as_the_prose_writes_them():
    shown = pretty(sp.Symbol("G_1") + sp.Min(1, B_noise) + mu_[i] + H_[0, 1])
    for word in ("G₁", "min(1, B_noise)", "μ_i", "H₀₁"):
        assert word in shown


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (sp.sqrt(2 * t / sp.pi), "√2·√t/√π"),
        (sp.sqrt(x + 2), "√(x + 2)"),
        (-(x**2) / 3, "-x^2/3"),
        (sp.Rational(1, 2) * x, "x/2"),
        (eps_max / (1 + B_noise), "ε_max/(B_noise + 1)"),
        (dL_max, "ΔL_max"),
        (H_[i, j] * mu_[0], "H_ij·μ₀"),
        (H_[i + 1, j], "H_i + 1,j"),
        (sp.KroneckerDelta(i, j), "δ_ij"),
        (sp.erfinv(x), "erf⁻¹(x)"),
        (sp.asin(rho), "arcsin(ρ)"),
        (sp.hermite_prob(n, h), "He_n(h)"),
        (sp.hermite_prob(n - 1, h), "He_{n - 1}(h)"),
        (sp.hyper([1], [2], x), "₁F₁(1; 2; x)"),
        (sp.gamma(x), "Γ(x)"),
        (sp.Min(1, x), "min(1, x)"),
        (sp.Piecewise((x, x > 0), (0, True)), "{x if x > 0, 0 else}"),
        (sp.factorial(n), "n!"),
        (sp.factorial(n + 1), "(n + 1)!"),
        (sp.Abs(x), "|x|"),
        (sp.Integer(3) * sp.I, "3·i"),
        (sp.Float("0.1234567891"), "0.123457"),
        (sp.Sum(H_[i, j], (j, 0, 2), (i, 1, 5)), "Σ[i=1…5] Σ[j=0…2] H_ij"),
        (sp.Integral(x + 1, (x, 0, sp.oo)), "∫[0…∞] (x + 1) dx"),
        (sp.Integral(x, (x, -sp.oo, 0)), "∫[-∞…0] x dx"),
        (sp.Derivative(sp.erf(x), x), "d/dx (erf(x))"),
        (sp.Derivative(sp.erf(x), (x, 2)), "d^2/dx^2 (erf(x))"),
        (sp.Limit(sp.exp(x), x, 0), "lim[x→0] exp(x)"),
        (sp.Subs(x**2, x, y), "[x^2](x = y)"),
        (sp.Le(x, y), "x ≤ y"),
        (sp.And(x < 1, y < 2), "x < 1 and y < 2"),
        (sp.Or(x < 1, y < 2), "x < 1 or y < 2"),
    ],
)
def test_a_formula_on_one_line(expr, shown):
    assert line(expr) == shown


def test_no_formula_of_the_theory_is_written_as_a_call_of_sympy():
    ours = {"exp", "erf", "erfc", "sin", "cos", "tan", "sinh", "cosh", "tanh", "ln", "min", "max",
            "arcsin", "artanh"}  # fmt: skip
    for one in derivations():
        for step in one.steps:
            for side in (step.lhs, step.rhs):
                called = set(re.findall(r"(?<![\w])[A-Za-z]{2,}(?=\()", line(side)))
                assert called <= ours, one.name


def test_the_listing_has_every_name_once():
    names = [row.split()[0] for row in listing(derivations(), 200).splitlines()]
    assert names == [one.name for one in derivations()]


@pytest.mark.parametrize("columns", [40, 100])
def test_the_rules_are_all_there_with_every_row_of_their_cards(columns):
    text = rules_text(RULES.values(), columns)
    for rule in RULES.values():
        assert f"{rule.name}(" in text or f"{rule.name}:" in text
    cards = sum(rule.card is not None for rule in RULES.values())
    assert text.count("\n  B_crit ") == cards
    assert text.count("\n  law ") == len(RULES) - cards


def test_the_command_lists_and_tells_the_rules(capsys):
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.startswith("lemma1 ")
    assert main(["--rules"]) == 0
    assert "sign" in capsys.readouterr().out


def test_the_command_prints_the_named_ones_once_in_the_order_asked(capsys):
    assert main(["tradeoff", "lemma1", "tradeoff"]) == 0
    shown = capsys.readouterr().out
    assert [row for row in shown.splitlines() if row.startswith("Name: ")] == [
        "Name: tradeoff", "Name: lemma1",
    ]  # fmt: skip
    assert "\x1b" not in shown
    assert shown.endswith("checks hold\n")


def test_the_command_writes_latex(tmp_path, capsys):
    path = tmp_path / "new" / "one.tex"
    assert main(["lemma1", "--tex", str(path)]) == 0
    assert path.read_text().startswith(r"\documentclass")
    assert capsys.readouterr().out == ""
    (tmp_path / "file").write_text("")
    assert main(["lemma1", "--tex", str(tmp_path / "file" / "one.tex")]) == 2
    assert capsys.readouterr().err.startswith("error: cannot write")


def test_a_reader_who_leaves_early_is_no_error():
    command = f"'{sys.executable}' -m theory lemma1; echo status $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Lemma 1")
    assert done.stderr.split() == ["status", "0"]

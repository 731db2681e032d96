"""Laws: one expression, and every printed form of it says the same."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special as special
import sympy as sp

from theory import LAWS
from theory.latex import latex
from theory.law import Law
from theory.symbols import SYMBOLS, B, mu, sigma

ALL = pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
# Points at which every law is defined: Q > 2T, q > 2, |rho| < 1, S_steps > S_min, β < 1
VALUES = {"T": 0.4, "Q": 2.3, "rho": -0.6, "h": 0.3, "k": -0.8, "S_steps": 5.0, "E_samples": 90.0,
          "q": 3.7, "beta_1": 0.6, "beta_2": 0.9, "s_aw": 0.2}  # fmt: skip


def point(law):
    return [VALUES.get(arg.name, 0.7 + 0.1 * place) for place, arg in enumerate(law.args)]


def exact(law):
    numbers = {arg: sp.Float(v, 30) for arg, v in zip(law.args, point(law), strict=True)}
    return float(law.expr.subs(numbers).evalf(25))


@ALL
def test_jax_agrees_with_sympy_in_both_precisions(law):
    args = point(law)
    double = law.jax(*args)
    single = law.jax(*(jnp.float32(arg) for arg in args))
    assert double.dtype == jnp.float64
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(double, exact(law), rtol=1e-13)
    np.testing.assert_allclose(single, exact(law), rtol=2e-5)


@ALL
def test_jax_works_under_jit_vmap_and_grad(law):
    args = point(law)
    stacked = [jnp.stack([jnp.asarray(arg)] * 3) for arg in args]
    np.testing.assert_allclose(jax.jit(law.jax)(*args), exact(law), rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(law.jax)(*stacked), [exact(law)] * 3, rtol=1e-13)
    step = 1e-6
    for place, arg in enumerate(args):
        slope = jax.grad(law.jax, argnums=place)(*args)
        up, down = ([*args[:place], arg + s, *args[place + 1 :]] for s in (step, -step))
        numeric = (law.jax(*up) - law.jax(*down)) / (2 * step)
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-8)


@ALL
def test_javascript_evaluates_to_the_same_number(law):
    # The subset that SymPy writes is also Python, with Math spelled out
    names = {a.name: v for a, v in zip(law.args, point(law), strict=True)}
    script = law.javascript()
    assert "Not supported" not in script
    functions = {name: getattr(special, name) for name in ("erf", "erfc", "erfinv")}
    value = eval(script, {"Math": JavaScriptMath, **functions, **names})
    assert value == pytest.approx(exact(law), rel=1e-13)


class JavaScriptMath:
    """The part of JavaScript's Math that the laws use."""

    PI, SQRT2 = math.pi, math.sqrt(2)
    sqrt, exp, log, pow, abs, sin = math.sqrt, math.exp, math.log, math.pow, abs, math.sin
    asin, sinh, cosh, tanh = math.asin, math.sinh, math.cosh, math.tanh


@ALL
def test_latex_names_every_argument(law):
    assert all(latex(arg) in law.latex() for arg in law.args)


@ALL
def test_a_law_says_where_it_comes_from_and_what_it_needs(law):
    assert law.source
    assert law.title
    assert law.holds
    assert len(set(law.holds)) == len(law.holds)


def test_integers_are_promoted():
    assert LAWS["sgd_variance"].jax(2, 8) == 0.5


def test_a_law_can_be_applied_to_expressions():
    assert LAWS["sgd_variance"](2, 8) == sp.Rational(1, 2)
    assert LAWS["best_lr"](B, sigma) == B / sigma
    unevaluated = LAWS["sgd_variance"].at(2, B)
    assert isinstance(unevaluated, sp.Subs)
    assert unevaluated.doit() == 4 / B


def test_a_law_with_loose_symbols_is_refused():
    with pytest.raises(ValueError, match="differ"):
        Law("loose", (mu,), mu / sigma, "nowhere", (), "Loose")


def test_a_wrong_number_of_arguments_is_refused():
    with pytest.raises(TypeError, match="takes 2 arguments"):
        LAWS["best_lr"].jax(1.0)


def test_one_name_has_one_set_of_assumptions():
    scalars = [symbol for symbol in SYMBOLS if isinstance(symbol, sp.Symbol)]
    assert len({symbol.name for symbol in scalars}) == len(scalars)


def test_every_argument_of_a_law_has_a_meaning_and_a_unit():
    for law in LAWS.values():
        for arg in law.args:
            assert SYMBOLS[arg].meaning
            assert SYMBOLS[arg].unit

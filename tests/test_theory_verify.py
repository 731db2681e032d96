"""The verifier itself: false derivations, made on purpose, do not pass."""

import sys

import pytest
import sympy as sp

from theory import derivations, verify
from theory.derivation import Counterexample, Step, below
from theory.hypotheses import GAUSSIAN

module = sys.modules[verify.__module__]
LEMMA = derivations()[0]
END = LEMMA.steps[-1]


def test_an_ending_that_is_not_the_law_is_refused():
    assert module._ends_in_law(LEMMA, END)
    assert not module._ends_in_law(LEMMA, END._replace(rhs=END.rhs + 1))
    assert not module._ends_in_law(LEMMA, END._replace(rhs=-END.rhs))
    assert not module._ends_in_law(LEMMA, END._replace(laws=()))


@pytest.mark.parametrize(("actual", "telling"), [(1, False), (1.005, False), (1.02, True)])
def test_a_counterexample_must_really_differ(actual, telling):
    example = Counterexample(GAUSSIAN, "made up", sp.Integer(1), sp.Float(actual))
    assert module._differs(LEMMA, example) is telling


def test_an_inequality_between_equals_fails():
    x = sp.Symbol("x", positive=True)
    assert module._holds(LEMMA, Step(x, x + 1, "true", below()))
    assert not module._holds(LEMMA, Step(x, x, "an equality is no inequality", below()))
    assert not module._holds(LEMMA, Step(x + 1, x, "false", below()))

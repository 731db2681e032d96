"""The table of update rules."""

import jax.numpy as jnp
import numpy as np
import pytest

from sim.rules import RULES, SATURATING, make_rule

GRADIENT = jnp.asarray([2.0, -3.0, 0.0, 1e-30], jnp.float32)


def update(name):
    transform = make_rule(name)
    return np.asarray(transform.update(GRADIENT, transform.init(GRADIENT))[0])


def test_sgd_moves_along_the_gradient_itself():
    np.testing.assert_array_equal(update("sgd"), GRADIENT)


def test_sign_descent_sees_only_the_sign_and_rests_at_zero():
    np.testing.assert_array_equal(update("sign"), [1, -1, 0, 1])


@pytest.mark.parametrize("name", RULES)
def test_every_rule_points_against_descent_once_the_step_subtracts_it(name):
    assert update(name) @ np.asarray(GRADIENT) > 0


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_the_gradients_dtype(name):
    assert update(name).dtype == np.float32


@pytest.mark.parametrize("name", RULES)
def test_a_rule_saturates_exactly_if_the_scale_of_the_gradient_does_not_move_it(name):
    transform = make_rule(name)
    large = np.asarray(transform.update(1e3 * GRADIENT, transform.init(GRADIENT))[0])
    assert np.array_equal(large, update(name)) == (name in SATURATING)


def test_an_unknown_rule_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown rule 'adamant'; known: sgd, sign"):
        make_rule("adamant")


@pytest.mark.parametrize("name", RULES)
def test_an_unknown_parameter_is_named(name):
    with pytest.raises(ValueError, match=f"rule '{name}'.*momentum"):
        make_rule(name, momentum=0.9)

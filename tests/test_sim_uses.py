"""How a program is read: what counts as a use, and the δ at each."""

import jax
import jax.numpy as jnp
import numpy as np

from sim.moment_sums import components
from sim.uses import backward, settle, trace
from tests.sample_models import CASES


def names(function, params, sample) -> list[str]:
    return [use.step.equation.primitive.name for use in trace(function, params, sample).uses]


def test_a_use_takes_parameters_and_data_and_calls_are_opened():
    def function(w, x):
        return jnp.tanh(jax.jit(jnp.dot)(x, jnp.exp(w))).sum() + (w * jnp.ones(3)).sum() * x[0]

    assert names(function, jnp.ones(3), jnp.ones(3)) == ["dot_general", "mul"]


def test_what_does_not_reach_the_output_is_no_use():
    def function(w, x):
        _ = x * w
        return (x + w).sum()

    assert names(function, jnp.ones(3), jnp.ones(3)) == ["add"]


def test_a_derivative_of_the_models_own_is_kept():
    """A rounded product whose derivative is declared to be that of the product itself."""

    @jax.custom_vjp
    def rounded(w, x):
        return jnp.round(w * x)

    rounded.defvjp(lambda w, x: (rounded(w, x), (w, x)), lambda kept, d: (d * kept[1], d * kept[0]))

    def function(w, x):
        return (rounded(w, x) ** 2).sum()

    w, x = jnp.array([1.2, 2.3]), jnp.array([0.9, 1.7])
    program = trace(function, w, x)
    settled = settle(program, [w])
    _, _, ((delta,),) = backward(program, settled, [x], lambda _: [jnp.ones(1)])
    np.testing.assert_allclose(delta[0], 2 * jnp.round(w * x))
    assert len(program.uses) == 1


def test_leaves_that_share_a_use_or_a_use_that_shares_leaves_hang_together():
    case = CASES["embedding, tied"]()
    found = components(trace(case.outputs, case.params, case.samples[0]))
    assert sorted(len(one.uses) for one in found) == [1, 1, 1, 2]  # places, bias, kernel, table
    case = CASES["weight norm"]()
    found = components(trace(case.outputs, case.params, case.samples[0]))
    assert sorted(len(one.leaves) for one in found) == [1, 1, 1, 2]  # kernel and its scale

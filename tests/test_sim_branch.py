"""Runs that branch off where others reached a loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim import Quadratic
from sim import quadratic as q
from sim.branch import at_target
from sim.trajectory import run_grid

KEY = jax.random.key(5)
PROBLEM = Quadratic(
    jnp.linspace(0.2, 1.0, 5), jnp.linspace(-1.0, 2.0, 5), jnp.full(5, 0.5, jnp.float32)
)
CELL = {"seeds": 6, "key": KEY}


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_the_runs_are_those_of_the_grid_at_the_first_step_below_the_target(rule):
    start = 0.5 * float(q.quadratic_form(PROBLEM.hessian, PROBLEM.theta))
    branch = at_target(rule, PROBLEM, batch=4, lr=0.05, target=start / 2, steps=100, **CELL)
    steps = [branch.step - 1, branch.step]
    grid = run_grid(rule, PROBLEM, batches=[4], lrs=[0.05], steps=steps, groups=2, **CELL)
    before, here = grid.loss_berk[0, 0, 0]
    assert here <= start / 2 < before
    assert branch.loss == pytest.approx(here, rel=1e-5)
    losses = 0.5 * np.asarray(q.quadratic_form(PROBLEM.hessian, jnp.asarray(branch.theta_sd)))
    assert losses.mean() == pytest.approx(here, rel=1e-5)


def test_a_loss_that_is_not_reached_is_said_in_one_line():
    with pytest.raises(ValueError, match="does not reach a loss of 1e-06 in 20 steps"):
        at_target("sgd", PROBLEM, batch=4, lr=0.05, target=1e-6, steps=20, **CELL)

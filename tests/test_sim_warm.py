"""Runs from a stationary state: against a plain loop, and one step against the one-step law."""

import jax
import numpy as np
import pytest

from sim import quadratic as q
from sim.rules import make_rule
from sim.warm import run_warm
from tests.run_problem import dense_problem

KEY = jax.random.key(3)
D = 5
PROBLEM = dense_problem(D)
GIVEN = {"steps": [1, 4], "seeds": 4, "groups": 2, "key": KEY}


def plain(batch, lr, beta):
    """Losses (seeds,) after 1 and after 4 steps of momentum, in float64, seed by seed."""
    hessian, theta = np.asarray(PROBLEM.hessian, float), np.asarray(PROBLEM.theta, float)
    rest = make_rule("momentum", beta1=beta).burn_in
    assert rest is not None
    before, after = jax.random.split(KEY)

    def noise(key, t):
        drawn = q.draw_noise(q.validated(PROBLEM), jax.random.fold_in(key, t), 4)
        return np.asarray(drawn, float) / np.sqrt(batch)

    mean, losses = np.zeros((4, D)), []
    for t in range(rest):
        mean = beta * mean + (1 - beta) * (theta @ hessian + noise(before, t))
    here = np.tile(theta, (4, 1))
    for t in range(4):
        mean = beta * mean + (1 - beta) * (here @ hessian + noise(after, t))
        here = here - lr * mean
        losses.append(0.5 * np.einsum("si,ij,sj->s", here, hessian, here))
    return np.array(losses)[[0, 3]]


def test_every_cell_is_the_plain_loop():
    loss = run_warm("momentum", PROBLEM, batches=[1, 16], lrs=[0.05, 0.2], beta1=0.6, **GIVEN)
    for b, batch in enumerate((1, 16)):
        for e, lr in enumerate((0.05, 0.2)):
            whole = plain(batch, lr, 0.6)
            np.testing.assert_allclose(loss[b, e, 0], whole.mean(1), rtol=1e-5)
            np.testing.assert_allclose(loss[b, e, 1], whole[:, 2:].mean(1), rtol=1e-5)


def test_a_counter_in_the_state_is_no_array_of_runs():
    loss = run_warm("adam", PROBLEM, batches=[4], lrs=[0.01, 0.1], beta2=0.9, **GIVEN)
    assert loss.shape == (1, 2, 3, 2)
    assert np.isfinite(loss).all()


def test_without_memory_it_is_the_rule_itself():
    momentum, sgd = (
        run_warm(rule, PROBLEM, batches=[4], lrs=[0.1], **given, **GIVEN)
        for rule, given in (("momentum", {"beta1": 0.0}), ("sgd", {}))
    )
    np.testing.assert_allclose(momentum, sgd, rtol=1e-6)


def test_a_rule_that_never_settles_is_refused():
    with pytest.raises(ValueError, match="no stationary state"):
        run_warm("adagrad", PROBLEM, batches=[4], lrs=[0.1], **GIVEN)

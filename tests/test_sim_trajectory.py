"""Whole runs: against a plain loop over steps, and by what must hold of any run."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim import quadratic as q
from sim import trajectory
from sim.trajectory import run_grid
from tests.run_problem import dense_problem

KEY = jax.random.key(3)
D = 6
PROBLEM = dense_problem(D)
GRID: dict[str, Any] = {
    "batches": [1, 4],
    "lrs": [0.01, 0.03, 0.1],
    "steps": [3, 8],
    "seeds": 4,
    "groups": 2,
}


def plain(rule, batch, lr, steps, seeds):
    """Losses (steps + 1, seeds) of one cell: each seed and step in turn, in float64."""
    theta = np.tile(np.asarray(PROBLEM.theta, float), (seeds, 1))
    hessian, losses = np.asarray(PROBLEM.hessian, float), []
    for t in range(steps + 1):
        losses.append(0.5 * np.einsum("si,ij,sj->s", theta, hessian, theta))
        noise = q.draw_noise(q.validated(PROBLEM), jax.random.fold_in(KEY, t), seeds)
        gradient = theta @ hessian + np.asarray(noise, float) / np.sqrt(batch)
        theta = theta - lr * (np.sign(gradient) if rule == "sign" else gradient)
    return np.array(losses)


@pytest.mark.parametrize("rule", ["sgd", "sign"])
def test_every_cell_is_the_plain_loop(rule):
    grid = run_grid(rule, PROBLEM, **GRID, targets=[1.0], key=KEY)
    for b, batch in enumerate(GRID["batches"]):
        for e, lr in enumerate(GRID["lrs"]):
            losses = plain(rule, batch, lr, 8, 4)
            whole = losses.mean(1)
            np.testing.assert_allclose(grid.loss_berk[b, e, 0], whole[[3, 8]], rtol=1e-5)
            np.testing.assert_allclose(
                grid.loss_berk[b, e, 1], losses[[3, 8], 2:].mean(1), rtol=1e-5
            )
            below = np.flatnonzero(whole <= 1.0)
            if not below.size:
                assert np.isinf(grid.passage_berm[b, e, 0, 0])
                continue
            t = below[0]
            share = np.log(whole[t - 1]) / np.log(whole[t - 1] / whole[t])
            assert grid.passage_berm[b, e, 0, 0] == pytest.approx(t - 1 + share, rel=1e-4)


def test_chunks_do_not_matter(monkeypatch):
    whole = run_grid("adam", PROBLEM, **GRID, targets=[1.0], key=KEY)
    monkeypatch.setattr(trajectory, "CHUNK_FLOATS", 4 * D * 4)
    parts = run_grid("adam", PROBLEM, **GRID, targets=[1.0], key=KEY)
    np.testing.assert_allclose(parts.loss_berk, whole.loss_berk, rtol=1e-5)


def test_a_target_above_the_start_is_reached_at_once_and_one_too_low_never():
    grid = run_grid("sgd", PROBLEM, **GRID, targets=[1e3, 1e-9], key=KEY)
    assert (grid.passage_berm[..., 0] == 0).all()
    assert np.isinf(grid.passage_berm[..., 1]).all()


def test_a_rate_that_is_too_large_is_marked_and_harms_no_other_cell():
    alone = run_grid("sgd", PROBLEM, **GRID, key=KEY)
    beside = run_grid("sgd", PROBLEM, **{**GRID, "lrs": [*GRID["lrs"], 1e5]}, key=KEY)
    assert beside.diverged_be[:, -1].all()
    assert not beside.diverged_be[:, :-1].any()
    np.testing.assert_allclose(beside.loss_berk[:, :-1], alone.loss_berk, rtol=1e-5)


def test_without_noise_weight_decay_shrinks_what_the_gradient_leaves():
    still = PROBLEM._replace(noise=jnp.zeros(D))
    lr, decay = 0.03, 0.7
    grid = run_grid(
        "sgd", still, batches=[1], lrs=[lr], steps=[5], seeds=2, groups=2, key=KEY,
        weight_decay=decay,
    )  # fmt: skip
    step = np.eye(D) * (1 - lr * decay) - lr * np.asarray(PROBLEM.hessian, float)
    end = np.linalg.matrix_power(step, 5) @ np.asarray(PROBLEM.theta, float)
    law = 0.5 * end @ np.asarray(PROBLEM.hessian, float) @ end
    assert grid.loss_berk[0, 0, 0, 0] == pytest.approx(law, rel=1e-5)


def test_runs_go_on_from_where_others_stood():
    begin = np.asarray(np.random.default_rng(2).normal(size=(4, D)), np.float32)
    grid = run_grid("sgd", PROBLEM, **{**GRID, "steps": [1], "lrs": [1e-9]}, start=begin, key=KEY)
    hessian = np.asarray(PROBLEM.hessian, float)
    losses = 0.5 * np.einsum("si,ij,sj->s", begin, hessian, begin)
    np.testing.assert_allclose(grid.loss_berk[0, 0, 0, 0], losses.mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batches": [0]}, "batches must be"),
        ({"lrs": [np.nan]}, "lrs must be"),
        ({"lrs": []}, "lrs must be"),
        ({"steps": [5, 3]}, "whole numbers that increase"),
        ({"steps": [1.5]}, "whole numbers that increase"),
        ({"targets": [-1.0]}, "targets must be"),
        ({"seeds": 5}, "multiple of groups"),
        ({"weight_decay": -1.0}, "weight_decay must be"),
        ({"start": np.zeros((3, D))}, "start must be"),
    ],
)
def test_what_is_malformed_is_one_clear_line(wrong, words):
    with pytest.raises(ValueError, match=words):
        run_grid("sgd", PROBLEM, **{**GRID, **wrong}, key=KEY)

"""The closure of whole runs: exact where it must be, and by what must hold of any covariance."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from theory import closure, closure_sign
from theory.closure import predict_runs
from theory.closure_rules import closed
from theory.closure_sign import CLOSURE_VARIANCE
from theory.closure_step import DENSE, DIAGONAL, State, advance
from theory.mehler import sign_coefficients
from theory.run_sgd import SGD_RUN_LOSS

RNG = np.random.default_rng(2)
D = 5
ROOT, SPREAD = RNG.normal(size=(D, D)), RNG.normal(size=(D, D))
H = ROOT @ ROOT.T / D + 0.1 * np.eye(D)
SIGMA = SPREAD @ SPREAD.T / D + 0.05 * np.eye(D)
THETA = RNG.normal(size=D)
GRID: dict[str, Any] = {"batches": [1.0, 8.0], "lrs": [0.02, 0.1], "steps": [1, 4, 9]}
PROBLEM: dict[str, Any] = {"hessian": H, "theta0": THETA, "noise": SIGMA}
RULES = ("sgd", "momentum", "sign", "signum", "lion", "rmsprop", "adam")


def moments(rule, batch, lr, steps):
    """θ's mean and covariance of a linear rule, by its own recursion on (θ, m) stacked."""
    beta = 0.9 if rule == "momentum" else 0.0
    eye = np.eye(D)
    keep = np.block([[eye - lr * (1 - beta) * H, -lr * beta * eye], [(1 - beta) * H, beta * eye]])
    kick = np.vstack([-lr * (1 - beta) * eye, (1 - beta) * eye])
    mean, spread = np.concatenate([THETA, np.zeros(D)]), np.zeros((2 * D, 2 * D))
    for _ in range(steps):
        mean, spread = keep @ mean, keep @ spread @ keep.T + kick @ SIGMA @ kick.T / batch
    return mean[:D], spread[:D, :D]


@pytest.mark.parametrize("rule", ["sgd", "momentum"])
def test_linear_rules_are_their_exact_recursion_for_any_noise(rule):
    found = predict_runs(rule, **PROBLEM, **GRID).loss_bek
    for b, batch in enumerate(GRID["batches"]):
        for e, lr in enumerate(GRID["lrs"]):
            for k, steps in enumerate(GRID["steps"]):
                mean, spread = moments(rule, batch, lr, steps)
                law = 0.5 * (mean @ H @ mean + np.trace(H @ spread))
                assert found[b, e, k] == pytest.approx(law, rel=1e-10)


def test_sgd_is_its_closed_form_summed_over_eigenvectors():
    values, vectors = np.linalg.eigh(H)
    own = np.sqrt(np.einsum("ik,ij,jk->k", vectors, SIGMA, vectors))
    law = float(SGD_RUN_LOSS.jax(values, vectors.T @ THETA, own, 8.0, 0.1, 9.0).sum())
    assert predict_runs("sgd", **PROBLEM, **GRID).loss_bek[1, 1, 2] == pytest.approx(law, rel=1e-10)


@pytest.mark.parametrize("rule", RULES)
def test_a_diagonal_problem_is_the_same_kept_dense_or_as_scalars(rule):
    values, sd = np.linspace(0.2, 1.5, D), np.linspace(0.3, 1.0, D)
    scalars = predict_runs(rule, hessian=values, theta0=THETA, noise=sd, **GRID, targets=[0.5])
    dense = predict_runs(
        rule, hessian=np.diag(values), theta0=THETA, noise=np.diag(sd**2), **GRID, targets=[0.5]
    )
    np.testing.assert_allclose(scalars.loss_bek, dense.loss_bek, rtol=1e-9)
    np.testing.assert_allclose(scalars.passage_bem, dense.passage_bem, rtol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_without_noise_a_run_is_the_rule_itself(rule):
    """V from the exact gradient, step by step; a ratio's mean square is then no approximation."""
    mean = square = np.zeros(D)
    theta, losses = THETA.copy(), []
    for t in range(1, 7):
        g = H @ theta
        short, long = {"lion": (0.9, 0.99)}.get(rule, (0.9, 0.9))
        u = short * mean + (1 - short) * g
        mean = long * mean + (1 - long) * g
        square = 0.999 * square + 0.001 * g**2
        root = np.sqrt(square / (1 - 0.999**t))
        step = {
            "sgd": g, "momentum": u, "sign": np.sign(g), "signum": np.sign(u), "lion": np.sign(u),
            "rmsprop": g / root, "adam": u / (1 - 0.9**t) / root,
        }[rule]  # fmt: skip
        theta = theta - 0.05 * step
        losses.append(0.5 * theta @ H @ theta)
    found = predict_runs(
        rule, hessian=H, theta0=THETA, noise=np.zeros(D), batches=[1], lrs=[0.05],
        steps=[1, 2, 3, 4, 5, 6],
    ).loss_bek[0, 0]  # fmt: skip
    np.testing.assert_allclose(found, losses, rtol=1e-9)


def state_after(rule, steps, lr=0.3, batch=8.0, remainder="arcsine"):
    """The state of one dense cell, step by step."""
    chosen = closed(rule, remainder, ())
    zero, nought = jnp.zeros((1, D, D)), jnp.zeros((1, D))
    state = State(jnp.asarray(THETA)[None], nought, zero, zero, zero, nought)
    for t in range(steps):
        state = advance(
            state, jnp.full((1, 1, 1), batch), jnp.full((1, 1, 1), lr), jnp.asarray(H),
            jnp.asarray(SIGMA), average=chosen.average, respond=chosen.respond,
            scale=lambda square, t=t: chosen.scale(jnp.asarray(t + 1), square),
            forget=chosen.forget, shape=DENSE,
        )  # fmt: skip
    return state


@pytest.mark.parametrize("rule", RULES)
def test_covariances_stay_symmetric_and_positive(rule):
    state = state_after(rule, 60)
    joint = np.block(
        [
            [state.spread[0], state.cross[0]],
            [np.asarray(state.cross[0]).T, state.memory_spread[0]],
        ]
    )
    np.testing.assert_array_equal(state.spread[0], state.spread[0].T)
    scale = np.abs(joint).max()
    assert np.linalg.eigvalsh((joint + joint.T) / 2)[0] > -1e-12 * scale


def test_one_step_of_signs_is_the_law_in_one_coordinate():
    m, p, lam, sd, batch, lr = 0.4, 0.7, 1.3, 0.8, 3.0, 0.2
    zero = jnp.zeros(())
    state = State(jnp.full((1, 1), m), zero, jnp.full((1, 1), p), zero, zero, jnp.zeros((1, 1)))
    chosen = closed("sign", "arcsine", ())
    after = advance(
        state, jnp.full((1, 1), batch), jnp.full((1, 1), lr), jnp.full(1, lam), jnp.full(1, sd**2),
        average=chosen.average, respond=chosen.respond, scale=lambda s: s, forget=0.0,
        shape=DIAGONAL,
    )  # fmt: skip
    deviation = jnp.sqrt(lam**2 * p + sd**2 / batch)
    h = lam * m / deviation
    slope, left = closure_sign.slope(h, deviation), closure_sign.remainder_variance(h)
    assert after.theta[0, 0] == pytest.approx(float(m - lr * erf(h / 2**0.5)), rel=1e-12)
    assert after.spread[0, 0] == pytest.approx(
        float(CLOSURE_VARIANCE.jax(p, lam, sd, batch, lr, slope, left)), rel=1e-12
    )


def test_one_step_agrees_with_drawn_runs_whatever_the_rule_starts_from():
    """Two steps: the second sees a Gaussian θ only nearly, so that 3 % are allowed."""
    draws = 200_000
    keys = jax.random.split(jax.random.key(0), 3)
    factor = jnp.linalg.cholesky(jnp.asarray(SIGMA))
    for rule in ("sign", "signum"):
        theta = jnp.tile(jnp.asarray(THETA), (draws, 1))
        memory = jnp.zeros_like(theta)
        for t in range(3):
            noise = jax.random.normal(keys[t], theta.shape) @ factor.T / 8**0.5
            g = theta @ jnp.asarray(H) + noise
            memory = 0.9 * memory + 0.1 * g if rule == "signum" else g
            theta = theta - 0.1 * jnp.sign(memory)
        loss = 0.5 * ((theta @ jnp.asarray(H)) * theta).sum(1).mean()
        state = state_after(rule, 3, lr=0.1, remainder="exact")
        np.testing.assert_allclose(state.theta[0], theta.mean(0), atol=0.01)
        law = 0.5 * (state.theta[0] @ H @ state.theta[0] + jnp.sum(state.spread[0] * H))
        assert float(law) == pytest.approx(float(loss), rel=0.03)


@pytest.mark.parametrize("rule", RULES)
def test_a_run_from_a_start_times_eta_is_eta_times_one_at_eta_squared_b(rule):
    """B_peak ∝ 1/L_0 for whole runs to a fraction of the start."""
    eta, k = 0.5, 1 if rule in ("sgd", "momentum") else 0
    steps, targets = [2, 30], [0.6]
    far = predict_runs(
        rule, **PROBLEM, batches=[2.0, 16.0], lrs=[0.05, 0.1], steps=steps, targets=targets
    )
    near = predict_runs(
        rule, **{**PROBLEM, "theta0": eta * THETA}, batches=[2.0 / eta**2, 16.0 / eta**2],
        lrs=[0.05 * eta ** (1 - k), 0.1 * eta ** (1 - k)], steps=steps,
        targets=[0.6 * eta**2],
    )  # fmt: skip
    np.testing.assert_allclose(near.loss_bek, eta**2 * far.loss_bek, rtol=1e-9)
    np.testing.assert_allclose(near.passage_bem, far.passage_bem, rtol=1e-7)


class TestRemainder:
    H = jnp.asarray(RNG.normal(size=(3, D)))
    RHO = jnp.asarray(SIGMA / np.sqrt(np.outer(np.diag(SIGMA), np.diag(SIGMA))))

    def test_the_cheap_one_has_the_exact_diagonal_and_is_positive(self):
        cheap = closure_sign.arcsine_remainder(self.H, self.RHO)
        own = jnp.diagonal(cheap, axis1=1, axis2=2)
        np.testing.assert_allclose(own, closure_sign.remainder_variance(self.H), rtol=1e-9)
        assert float(jnp.linalg.eigvalsh(cheap).min()) > -1e-12

    def test_the_exact_one_is_mehler_s_series_without_its_first_term(self):
        rho = 0.5 * (self.RHO + jnp.eye(D))
        a = sign_coefficients(self.H, 60)[1:]
        powers = rho ** jnp.arange(2, 61)[:, None, None]
        series = jnp.einsum("nhi,nhj,nij->hij", a, a, powers)
        exact = closure_sign.exact_remainder(self.H, rho)
        off = ~np.eye(D, dtype=bool)
        np.testing.assert_allclose(exact[:, off], series[:, off], atol=1e-4)

    def test_both_agree_at_zero_means_and_to_second_order_in_weak_correlations(self):
        zero = jnp.zeros(D)
        np.testing.assert_allclose(
            closure_sign.arcsine_remainder(zero, self.RHO),
            closure_sign.exact_remainder(zero, self.RHO), atol=1e-7,
        )  # fmt: skip
        gaps = []
        for strength in (0.1, 0.05):
            rho = strength * self.RHO + (1 - strength) * jnp.eye(D)
            pair = [f(self.H, rho) for f in (closure_sign.arcsine_remainder,
                                             closure_sign.exact_remainder)]  # fmt: skip
            gaps.append(float(jnp.abs(pair[0] - pair[1]).max()))
        assert gaps[0] / gaps[1] == pytest.approx(8, rel=0.2)

    def test_independent_remainders_are_the_diagonal(self):
        cheap = closure_sign.independent_remainder(self.H, self.RHO)
        np.testing.assert_allclose(
            cheap, closure_sign.arcsine_remainder(self.H, self.RHO) * jnp.eye(D), rtol=1e-9
        )


def test_passages_are_where_the_logarithm_of_the_loss_crosses():
    found = predict_runs("sign", **PROBLEM, **{**GRID, "steps": range(1, 30)}, targets=[0.6, 1e9])
    start = 0.5 * THETA @ H @ THETA
    for cell in np.ndindex(2, 2):
        losses = np.log(np.concatenate([[start], found.loss_bek[cell]]))
        assert found.passage_bem[cell][1] == 0
        below = np.flatnonzero(losses <= np.log(0.6))
        if not below.size:
            assert np.isinf(found.passage_bem[cell][0])
            continue
        t = below[0]
        share = (losses[t - 1] - np.log(0.6)) / (losses[t - 1] - losses[t])
        assert found.passage_bem[cell][0] == pytest.approx(t - 1 + share, rel=1e-9)


def test_a_noise_factor_is_its_covariance_and_chunks_do_not_matter(monkeypatch):
    factor = SPREAD[:, :3]
    whole = predict_runs("adam", **(PROBLEM | {"noise": factor}), **GRID).loss_bek
    monkeypatch.setattr(closure, "CHUNK_FLOATS", 3 * D * D)
    parts = predict_runs("adam", **(PROBLEM | {"noise": factor @ factor.T}), **GRID).loss_bek
    np.testing.assert_allclose(whole, parts, rtol=1e-9)


def test_a_rate_that_is_too_large_has_an_infinite_loss_and_reaches_nothing():
    found = predict_runs("sgd", **PROBLEM, batches=[1], lrs=[0.1, 1e6], steps=[200], targets=[1e-3])
    assert np.isinf(found.loss_bek[0, 1])
    assert np.isinf(found.passage_bem[0, 1])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rule": "adagrad"}, "no closure for the rule 'adagrad'"),
        ({"beta1": 0.9}, "sign has no parameter 'beta1'"),
        ({"rule": "adam", "beta1": 1.0}, r"beta1 must be a number in \[0, 1\)"),
        ({"remainder": "none"}, "remainder must be one of"),
        ({"noise": -SIGMA}, "positive semi-definite"),
        ({"noise": np.ones(D + 1)}, "noise has shape"),
        ({"hessian": ROOT}, "hessian must be symmetric"),
        ({"hessian": np.ones(3)}, "hessian has shape"),
        ({"theta0": [[1.0]]}, "theta0 must be"),
        ({"theta0": THETA * np.nan}, "theta0 must be finite"),
        ({"batches": []}, "batches must be one or more"),
        ({"lrs": [0.0]}, "lrs must be"),
        ({"steps": [3, 2]}, "steps must be whole numbers that increase"),
        ({"targets": [-1.0]}, "targets must be finite"),
    ],
)
def test_what_it_does_not_know_is_refused_in_one_line(wrong, words):
    with pytest.raises(ValueError, match=words):
        predict_runs(**({"rule": "sign"} | PROBLEM | GRID | wrong))

"""Monte Carlo of one step, against closed forms typed anew here from the bivariate normal."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from onestep_closed_form import (
    BATCHES,
    FALSE_ALARM,
    GENERATOR,
    HESSIANS,
    KEY,
    MU,
    SIGMA,
    D,
    at_gradient,
    closed_form,
    means,
    measured,
    sems,
    worst,
)
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from sim import Quadratic, measure_one_step, onestep, rules
from sim.draws import draw_products
from sim.estimate import Z95
from sim.quadratic import gradient, validated, with_noise_factor
from sim.rules import make_rule

CHUNK: Any = onestep._chunk  # the compiled part
CORRELATED = np.outer(SIGMA, SIGMA) * (0.4 * np.eye(D) + 0.6)


# Against the closed form


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", HESSIANS)
@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_one_step_agrees_with_the_closed_form(rule, kind, batch):
    """Resolution: every standard error is below 0.4 % of its law."""
    problem = at_gradient(HESSIANS[kind], SIGMA)
    step, law = measured(rule, problem, batch), closed_form(rule, problem, batch)
    assert worst(step, law) < 1
    assert (sems(step) < 4e-3 * np.abs(law)).all()
    assert not any(part.heavy for part in step.estimates)


WRONG = {
    "half the noise": ("dense", 4, {"noise": 0.5}),
    "one more sample in the batch": ("dense", 1, {}),
    "no off-diagonal terms": ("dense", 4, {"off_diagonal": 0.0}),
    "off-diagonal terms of the other sign": ("dense", 4, {"off_diagonal": -1.0}),
    "twice the off-diagonal terms": ("rotated", 4, {"off_diagonal": 2.0}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_law_is_rejected(wrong):
    kind, batch, change = WRONG[wrong]
    problem = at_gradient(HESSIANS[kind], SIGMA)
    step = measured("sign", problem, batch)
    assert worst(step, closed_form("sign", problem, batch)) < 1
    assert worst(step, closed_form("sign", problem, batch + (not change), **change)) > 1


@pytest.mark.parametrize("rule", ["sign", "sgd"])
@pytest.mark.parametrize("batch", BATCHES)
def test_correlated_noise_agrees_with_the_orthant_and_not_with_independence(rule, batch):
    problem = at_gradient(HESSIANS["dense"], CORRELATED)
    step = measured(rule, problem, batch)
    assert worst(step, closed_form(rule, problem, batch)) < 1
    if batch < 64:
        assert worst(step, closed_form(rule, problem, batch, correlation=0.0)) > 1


@pytest.mark.parametrize("rho", [-0.8, 0.5, 0.95])
def test_two_correlated_coordinates_agree_with_the_bivariate_normal(rho):
    covariance = np.array([[1.0, 2.0 * rho], [2.0 * rho, 4.0]])
    problem = at_gradient([[1.0, 0.5], [0.5, 2.0]], covariance, mu=np.array([0.4, 0.6]))
    step = measured("sign", problem, 3)
    assert worst(step, closed_form("sign", problem, 3)) < 1
    assert worst(step, closed_form("sign", problem, 3, correlation=0.0)) > 1
    assert worst(step, closed_form("sign", problem, 3, correlation=-1.0)) > 1


def test_a_covariance_and_its_factor_describe_one_problem():
    tall = GENERATOR.normal(size=(D, 2))
    by_factor = at_gradient(HESSIANS["dense"], tall)
    by_covariance = at_gradient(HESSIANS["dense"], tall @ tall.T)
    for problem in (by_factor, by_covariance):
        assert worst(measured("sgd", problem, 2), closed_form("sgd", by_factor, 2)) < 1


@pytest.mark.parametrize("noise", [SIGMA, CORRELATED])
@pytest.mark.parametrize("batch", [1, 5])
def test_averaging_samples_agrees_with_drawing_their_mean(batch, noise):
    """Against the law as well, and against the law of one sample more."""
    problem = at_gradient(HESSIANS["dense"], noise)
    averaged = measured("sign", problem, batch, seed=2, average=True)
    direct = measured("sign", problem, batch, seed=3)
    z = (means(averaged) - means(direct)) / np.hypot(sems(averaged), sems(direct))
    assert np.abs(z).max() < norm.isf(FALSE_ALARM / 2 / 4)
    assert worst(averaged, closed_form("sign", problem, batch)) < 1
    assert worst(averaged, closed_form("sign", problem, batch + 1)) > 1


def test_the_intervals_cover_the_law():
    """Resolution: 400 runs see a coverage off by 4 percentage points."""
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    law, runs = closed_form("sign", problem, 4), 400
    steps = [measured("sign", problem, 4, samples=2, seed=100 + run) for run in range(runs)]
    distance = np.array([np.abs(means(step) - law) / sems(step) for step in steps])
    nominal = float(1 - 2 * student.sf(Z95, steps[0].lr_star.n - 1))
    for inside in (distance < Z95).sum(0):
        assert binomtest(int(inside), runs, nominal).pvalue > FALSE_ALARM / 4
    for inside in (distance < Z95 / 1.5).sum(0):
        assert binomtest(int(inside), runs, nominal).pvalue < FALSE_ALARM / 4


def test_the_covariance_is_that_of_the_two_means():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    key = jax.random.key(5)
    ready, rule = validated(problem), make_rule("sign")
    x = np.asarray(draw_products(ready, rule, jax.random.fold_in(key, 0), 4096, 4.0, False))
    step = measure_one_step("sign", problem, batch=4, samples=2, key=key)
    covariance = np.cov(x.T) / 4096
    assert step.covariance == pytest.approx(covariance[0, 1], rel=1e-4)
    assert step.numerator.sem == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-4)
    assert step.denominator.sem == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-4)


def test_draws_are_antithetic():
    """SGD's VᵀG of a pair is |G|² without noise: the odd part cancels."""
    step = measured("sgd", at_gradient(HESSIANS["dense"], SIGMA), 1, samples=2)
    assert step.numerator.mean == pytest.approx(MU @ MU, rel=1e-6)
    assert step.numerator.sem < 1e-6 * step.numerator.mean


# Structure


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("kind", HESSIANS)
def test_the_computation_stays_in_the_problems_dtype(kind, dtype, average):
    problem = jax.tree.map(lambda x: jnp.asarray(x, dtype), at_gradient(HESSIANS[kind], CORRELATED))
    ready, batch = with_noise_factor(problem), jnp.asarray(4, dtype)
    drawn = jax.make_jaxpr(
        lambda p, b: draw_products(p, make_rule("sign"), jax.random.key(0), 8, b, average)
    )(ready, batch)
    other = "f64[" if dtype == jnp.float32 else "f32["
    assert other not in str(drawn)
    assert drawn.out_avals[0].dtype == dtype


def test_the_cost_does_not_grow_with_the_batch():
    """One compiled program, without a loop over samples, serves every batch size."""
    ready = validated(at_gradient(HESSIANS["dense"], SIGMA))

    def program(average):
        return str(
            jax.make_jaxpr(lambda b: draw_products(ready, make_rule("sign"), KEY, 8, b, average))(
                jnp.float32(1)
            )
        )

    assert "while" not in program(False)
    assert "while" in program(True)
    measured("sign", ready, 1, samples=2)
    compiled = CHUNK._cache_size()
    for batch in (2, 1000, 2**20, 1.5):
        measured("sign", ready, batch, samples=2)
    assert CHUNK._cache_size() == compiled


def test_memory_is_bounded_by_chunks_and_samples_round_up_to_them():
    assert (
        measured("sgd", at_gradient(HESSIANS["dense"], SIGMA), 1, samples=4097).numerator.n == 8192
    )
    many = jnp.ones(2**19, jnp.float32)
    wide = Quadratic(many, many, many)
    assert measured("sgd", wide, 1, samples=3).numerator.n == 4


def test_the_same_key_gives_the_same_bytes_and_another_key_others():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    first, again, other = (measured("sign", problem, 4, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.lr_star != other.lr_star


def test_chunks_do_not_repeat_each_other():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    one, two = (measured("sign", problem, 4, samples=s) for s in (4096, 8192))
    assert one.numerator.mean != two.numerator.mean
    assert two.numerator.sem == pytest.approx(one.numerator.sem / np.sqrt(2), rel=0.1)


# What a mistake in the simulation would look like


@pytest.fixture
def fresh_compilation():
    CHUNK.clear_cache()
    yield
    CHUNK.clear_cache()


def climbs():
    return rules.UpdateRule(optax.scale(-1.0))


BROKEN = {
    "a rule that climbs": (rules, "RULES", {**rules.RULES, "sign": climbs}),
    "noise that does not average": (
        onestep.q, "draw_noise_mean", lambda p, k, r, b: onestep.q.draw_noise(p, k, r) / b
    ),
    "curvature of the other sign": (
        onestep.q, "quadratic_form", lambda h, v: (v**2).sum(-1) * 2 - ((v @ h) * v).sum(-1)
    ),
    "half the gradient": (onestep.q, "gradient", lambda p: 0.5 * gradient(p)),
}  # fmt: skip


@pytest.mark.usefixtures("fresh_compilation")
@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_in_the_simulation_is_caught(monkeypatch, mistake):
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    law = closed_form("sign", problem, 4)
    monkeypatch.setattr(*BROKEN[mistake])
    assert worst(measured("sign", problem, 4), law) > 1

"""One step without noise, with much of it, without curvature, and in other units."""

import jax.numpy as jnp
import numpy as np
import pytest
from onestep_closed_form import HESSIANS, KEY, SIGMA, D, at_gradient, means, measured, parts, sems

from sim import Quadratic
from sim.onestep import measure_to

# Limits


@pytest.mark.parametrize("kind", HESSIANS)
def test_without_noise_one_step_is_certain(kind):
    problem = at_gradient(HESSIANS[kind], np.zeros(D))
    mu, h, _ = parts(problem)
    for rule, v in (("sign", np.sign(mu)), ("sgd", mu)):
        step = measured(rule, problem, 1, samples=2)
        assert step.lr_star.mean == pytest.approx(v @ mu / (v @ h @ v), rel=1e-5)
        assert step.decrease.mean == pytest.approx((v @ mu) ** 2 / (v @ h @ v) / 2, rel=1e-5)
        assert not any(part.varied for part in step.estimates)


def test_sgd_without_noise_is_known_exactly():
    assert (sems(measured("sgd", at_gradient(HESSIANS["dense"], np.zeros(D)), 1)) == 0).all()


@pytest.mark.parametrize("kind", HESSIANS)
def test_a_saturated_sign_is_bounded_by_the_rule_of_three(kind):
    problem = at_gradient(HESSIANS[kind], SIGMA)
    mu, h, _ = parts(problem)
    step = measured("sign", problem, 1e8, samples=10_000)
    half = {name: getattr(step, name).interval[1] - getattr(step, name).mean
            for name in ("numerator", "denominator")}  # fmt: skip
    n = step.numerator.n
    assert half["numerator"] == pytest.approx(2 * np.abs(mu).sum() * 3 / n, rel=1e-4)
    assert half["denominator"] == pytest.approx(2 * np.abs(h).sum() * 3 / n, rel=1e-4)
    num, den = step.numerator, step.denominator
    relative = np.hypot(num.sem / num.mean, den.sem / den.mean)
    assert step.lr_star.sem == pytest.approx(relative * step.lr_star.mean, rel=1e-4)
    assert not step.lr_star.varied


def test_large_batches_approach_the_noiseless_step():
    noisy = measured("sign", at_gradient(HESSIANS["dense"], SIGMA), 1e8, samples=2)
    still = measured("sign", at_gradient(HESSIANS["dense"], np.zeros(D)), 1, samples=2)
    np.testing.assert_allclose(means(noisy), means(still), rtol=1e-6)


def test_a_problem_without_curvature_has_no_optimum_and_raises_nothing():
    flat = Quadratic(jnp.zeros(D), jnp.ones(D, jnp.float32), jnp.asarray(SIGMA))
    for rule in ("sign", "sgd"):
        assert not np.isfinite(measured(rule, flat, 1, samples=2).lr_star.mean)
        assert len(measure_to(0.1, rule, flat, batches=(1, 4), limit=10, key=KEY)) == 2


def test_at_the_minimum_there_is_nothing_to_gain():
    rest = Quadratic(jnp.ones(D), jnp.zeros(D, jnp.float32), jnp.asarray(SIGMA))
    for rule in ("sign", "sgd"):
        step = measured(rule, rest, 1, samples=2)
        assert step.lr_star.mean == step.decrease.mean == step.numerator.mean == 0
        assert step.denominator.mean > 0


# Scaling laws that hold draw by draw


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_four_times_the_batch_is_half_the_noise(rule):
    whole = measured(rule, at_gradient(HESSIANS["dense"], SIGMA), 4, samples=2)
    half = measured(rule, at_gradient(HESSIANS["dense"], SIGMA / 2), 1, samples=2)
    np.testing.assert_array_equal(means(whole), means(half))


def test_sign_does_not_see_the_scale_of_the_loss_and_sgd_does():
    """A loss twice as large: ε* of sign descent stays, that of SGD is half."""
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    scaled = problem._replace(hessian=2 * problem.hessian, noise=2 * problem.noise)
    for rule, factor in (("sign", 1.0), ("sgd", 0.5)):
        one, two = (measured(rule, p, 2, samples=2).lr_star.mean for p in (problem, scaled))
        assert two == pytest.approx(factor * one, rel=1e-6)

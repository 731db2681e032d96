"""Adagrad at step t: its closed form, its relatives at one and at many steps, simulation."""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory import LAWS, one_step, optimal_lr
from theory.rules import RULES

SIGNALS = jnp.array([1e-6, 0.2, 1.0, 4.0, 50.0])


def moments(signals, steps):
    return RULES["adagrad"].sums.moments(signals, jnp.ones_like(signals), 1.0, steps=steps)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 1000])
def test_the_mean_is_kummers_function_and_the_mean_square_one_over_t(steps):
    def closed(h):
        factor = mpmath.gammaprod([(steps + 1) / 2], [steps / 2 + 1]) / mpmath.sqrt(2)
        return float(h * factor * mpmath.hyp1f1(0.5, steps / 2 + 1, -steps * h**2 / 2))

    mean, variance = moments(SIGNALS, steps)
    assert_allclose(mean, [closed(float(h)) for h in SIGNALS], rtol=1e-12)
    assert_allclose(variance + mean**2, 1 / steps, rtol=1e-12)
    assert float(LAWS["adagrad_square"].jax(steps)) == pytest.approx(1 / steps)


def test_at_one_step_it_is_sign_descent():
    given = {
        "mu": [0.3, -1.0],
        "sigma": [1.0, 2.0],
        "hessian": [[1, 0.5], [0.5, 2]],
        "batch": [1, 9],
    }
    assert_allclose(optimal_lr("adagrad", **given, steps=1), optimal_lr("sign", **given))


def test_after_many_steps_its_rate_is_the_root_of_t_times_that_of_rmsprop():
    given = {
        "mu": [0.3, -1.0],
        "sigma": [1.0, 2.0],
        "hessian": [[1, 0.5], [0.5, 2]],
        "batch": [1, 9],
    }
    many = optimal_lr("adagrad", **given, steps=10**6)
    assert_allclose(many, 1000 * optimal_lr("rmsprop", **given), rtol=1e-5)


@pytest.mark.parametrize(("steps", "error"), [(5, 4e-3), (10, 1e-3), (100, 2e-5)], ids=str)
def test_the_first_correction_in_one_over_t(steps, error):
    first = LAWS["adagrad_first_mean"].jax(SIGNALS, 1.0, 1.0, steps)
    assert_allclose(first, moments(SIGNALS, steps).mean, rtol=error)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_peak_has_the_height_of_the_law_at_any_number_of_steps(steps):
    """T = 8, Q = 20: the peak is where E² = T/(t(Q − T)) = 2/(3t)."""
    signals = jnp.linspace(0.1, 5, 200)
    at_peak = np.interp(np.sqrt(2 / 3 / steps), moments(signals, steps).mean, signals)
    batch = (20 * at_peak) ** 2 * np.array([0.7, 1, 1.4])
    lr = optimal_lr("adagrad", mu=np.ones(4), sigma=np.full(4, 20.0), batch=batch, steps=steps,
                    hessian=np.ones((4, 4)) + np.eye(4))  # fmt: skip
    assert lr[1] == pytest.approx(float(LAWS["adagrad_peak_lr"].jax(4.0, 8.0, 20.0, steps)))
    assert lr.argmax() == 1


@pytest.mark.parametrize("steps", [5, 20])
def test_simulated_adagrad_under_correlated_noise(steps):
    rng = np.random.default_rng(steps)
    mu, correlation = np.array([0.2, 1.0, -0.5]), 0.3 * np.eye(3) + 0.7
    factor = np.linalg.cholesky(correlation)
    gradients = mu + rng.normal(size=(60_000, steps, 3)) @ factor.T
    updates = gradients[:, -1] / np.sqrt(np.square(gradients).sum(axis=1))
    hessian = np.eye(3) + 1
    curvature = np.einsum("ri,ij,rj->r", updates, hessian, updates)
    law = one_step("adagrad", mu=mu, sigma=np.ones(3), hessian=hessian, batch=1,
                   correlation=correlation, steps=steps)  # fmt: skip
    for found, drawn in ((law.numerator, updates @ mu), (law.denominator, curvature)):
        error = drawn.std() / np.sqrt(len(drawn))
        assert abs(found - drawn.mean()) < 4.5 * error + 3e-3 * drawn.mean()


@pytest.mark.parametrize("steps", [0, 2.5, True, "many"], ids=str)
def test_steps_must_be_a_whole_number(steps):
    with pytest.raises(ValueError, match="steps must be a whole number"):
        optimal_lr("adagrad", mu=[1.0], sigma=[1.0], hessian=[[1.0]], batch=1, steps=steps)


def test_few_steps_under_correlated_noise_are_refused():
    with pytest.raises(ValueError, match="5 steps of adagrad"):
        optimal_lr("adagrad", mu=np.ones(2), sigma=np.ones(2), hessian=np.eye(2), batch=1,
                   correlation=np.eye(2), steps=3)  # fmt: skip

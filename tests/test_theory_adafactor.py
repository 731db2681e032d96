"""Adafactor: linear in ĝ for long memory, and RMSProp exactly where μ² + σ²/B has rank one."""

import numpy as np
import pytest

from theory import LAWS, one_step, optimal_lr

BATCH = np.array([1.0, 20.0, 1e4])
SHAPE = (3, 4)
RATIO = 25.0


def problem(seed, mu, sigma):
    root = np.random.default_rng(seed).normal(size=(mu.size, mu.size))
    return {"mu": mu.ravel(), "sigma": sigma.ravel(), "hessian": root @ root.T}


def random_problem(seed):
    rng = np.random.default_rng(seed)
    return problem(seed, rng.normal(size=SHAPE), rng.uniform(0.5, 3, size=SHAPE))


def test_with_rank_one_moments_it_is_rmsprop():
    rng = np.random.default_rng(0)
    size = np.outer(rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, 4))
    given = problem(1, size * rng.choice([-1, 1], SHAPE), 3 * size)
    ours = one_step("adafactor", shape=SHAPE, batch=BATCH, **given)
    theirs = one_step("rmsprop", batch=BATCH, **given)
    np.testing.assert_allclose(ours.numerator, theirs.numerator, rtol=1e-12)
    np.testing.assert_allclose(ours.denominator, theirs.denominator, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 12), (12, 1)])
def test_a_single_row_or_column_is_always_rmsprop(shape):
    given = random_problem(2)
    ours = optimal_lr("adafactor", shape=shape, batch=BATCH, **given)
    np.testing.assert_allclose(ours, optimal_lr("rmsprop", batch=BATCH, **given), rtol=1e-12)


def test_without_rank_one_it_is_not_rmsprop():
    given = random_problem(3)
    ours = optimal_lr("adafactor", shape=SHAPE, batch=BATCH, **given)
    assert (abs(ours / optimal_lr("rmsprop", batch=BATCH, **given) - 1) > 0.02).any()
    assert not np.allclose(ours, optimal_lr("adafactor", shape=(4, 3), batch=BATCH, **given))


def stationary(given, batch, steps, seed, decay=0.99):
    """V of Adafactor with a frozen mean, one for each step after 5 memories."""
    rng, directions = np.random.default_rng(seed), []
    row, column = np.zeros(SHAPE[0]), np.zeros(SHAPE[1])
    weight = 0.0
    for step in range(steps):
        drawn = given["mu"] + given["sigma"] * rng.normal(size=12) / np.sqrt(batch)
        square = drawn.reshape(SHAPE) ** 2
        row = decay * row + (1 - decay) * square.mean(axis=1)
        column = decay * column + (1 - decay) * square.mean(axis=0)
        weight = decay * weight + 1 - decay
        scale = np.outer(row, column) / row.mean() / weight
        if step > 5 / (1 - decay):
            directions.append(drawn / np.sqrt(scale).ravel())
    return np.array(directions)


def test_the_stationary_rule_simulated():
    given = random_problem(4)
    batch = 5
    drawn = stationary(given, batch, 60_000, 5)
    step = one_step("adafactor", shape=SHAPE, batch=batch, **given)
    curvature = np.einsum("mi,ij,mj->m", drawn, given["hessian"], drawn)
    assert (drawn @ given["mu"]).mean() == pytest.approx(step.numerator, rel=0.01)
    assert curvature.mean() == pytest.approx(step.denominator, rel=0.025)
    rms = one_step("rmsprop", batch=batch, **given)
    assert abs(rms.denominator / step.denominator - 1) > 0.05


def test_one_ratio_has_the_law_of_rmsprop_in_its_own_noiseless_update():
    rng = np.random.default_rng(6)
    mu = rng.normal(size=SHAPE)
    given = problem(7, mu, RATIO * abs(mu))
    hessian = given["hessian"] = np.eye(12) + 4 * np.outer(np.sign(mu), np.sign(mu))
    square = mu**2
    factor = np.outer(square.mean(axis=1), square.mean(axis=0)) / square.mean()
    nu = (mu / np.sqrt(factor)).ravel()
    sums = (nu @ mu.ravel(), nu**2 @ np.diag(hessian), nu @ hessian @ nu)
    law = LAWS["adafactor_lr"].jax(BATCH, *sums, RATIO)
    np.testing.assert_allclose(optimal_lr("adafactor", shape=SHAPE, batch=BATCH, **given), law)
    peak = float(LAWS["adafactor_peak"].jax(*sums[1:], RATIO))
    around = optimal_lr("adafactor", shape=SHAPE, batch=peak * np.array([0.8, 1, 1.25]), **given)
    assert peak > 1
    assert around.argmax() == 1
    half = float(LAWS["adafactor_half"].jax(*sums[1:], RATIO))
    both = one_step("adafactor", shape=SHAPE, batch=np.array([half, 1e12]), **given).decrease
    assert half > 1
    assert both[0] / both[1] == pytest.approx(0.5)


def test_correlated_noise_is_exact_both_ways():
    given = random_problem(8)
    samples = np.random.default_rng(9).normal(size=(7, 12))
    samples -= samples.mean(axis=0)
    covariance = samples.T @ samples / 7
    given["sigma"] = np.sqrt(np.diag(covariance))
    rho = covariance / np.outer(given["sigma"], given["sigma"])
    dense = one_step("adafactor", shape=SHAPE, batch=BATCH, correlation=rho, **given)
    thin = one_step("adafactor", shape=SHAPE, batch=BATCH, noise_samples=samples, **given)
    np.testing.assert_allclose(thin.denominator, dense.denominator, rtol=1e-10)
    independent = one_step("adafactor", shape=SHAPE, batch=BATCH, **given)
    assert abs(independent.denominator[0] / dense.denominator[0] - 1) > 0.005


@pytest.mark.parametrize(
    "shape", [None, 12, (3, 5), (-3, -4), (2.5, 4.8), (2, 2, 3)], ids=lambda shape: str(shape)
)
def test_a_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(ValueError, match="shape must be"):
        optimal_lr("adafactor", shape=shape, batch=1, **random_problem(10))

"""Where the surge is, how high, and when there is none: laws against the search for a peak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import erf

from theory import (
    LAWS,
    common_ratio_half,
    common_ratio_peak,
    large_batch_limit,
    one_step,
    optimal_lr,
    small_batch,
)
from theory.sigmoid import sigmoid_errors

PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)


def coherent(size, coherence, kappa=30.0):
    """H = I + coherence (11ᵀ − I), equal means, one ratio σ/|μ| = κ: T = d, Q = d + c d(d − 1)."""
    hessian = np.eye(size) + coherence * (np.ones((size, size)) - np.eye(size))
    return {"mu": np.full(size, 0.1), "sigma": np.full(size, 0.1 * kappa), "hessian": hessian}


def peak_of(problem):
    """(B, ε*) at the largest ε*, by search over log B from a grid's best point."""
    grid = np.geomspace(1, 1e7, 60)
    best = int(np.argmax(optimal_lr("sign", batch=grid, **problem)))
    around = np.log(grid[max(best - 1, 0)]), np.log(grid[min(best + 1, 59)])
    found = minimize_scalar(
        lambda log_b: -optimal_lr("sign", batch=max(np.exp(log_b), 1.0), **problem),
        bounds=around,
        method="bounded",
        options={"xatol": 1e-6},
    )
    return np.exp(found.x), -found.fun


# One ratio


@pytest.mark.parametrize(("size", "coherence"), [(8, 0.3), (8, 0.9), (3, 0.9), (40, 0.1)])
def test_the_peak_and_its_height_are_where_a_search_finds_them(size, coherence):
    problem = coherent(size, coherence)
    trace, along = size, size + coherence * size * (size - 1)
    assert along > 2 * trace
    place, height = peak_of(problem)
    assert place == pytest.approx(common_ratio_peak(30**2, trace, along), rel=1e-3)
    law = LAWS["common_ratio_peak_lr"].jax(0.1 * size, trace, along)
    assert height == pytest.approx(float(law), rel=1e-8)


@PROPERTY
@given(st.floats(0.01, 0.99), st.sampled_from([2, 3, 8]))
def test_a_surge_exists_exactly_if_q_exceeds_2t(coherence, size):
    problem = coherent(size, coherence)
    lr = optimal_lr("sign", batch=np.geomspace(1, 1e6, 40), **problem)
    # not (Q > 2T) within rounding of the boundary: c (d − 1) = 1
    if abs(coherence * (size - 1) - 1) > 0.05:
        surging = coherence * (size - 1) > 1
        assert bool((np.diff(lr) < -1e-12).any()) == surging
        assert np.isnan(common_ratio_peak(30**2, size, size * (1 + coherence * (size - 1)))) != (
            surging
        )


def test_the_law_of_one_ratio_is_theorem_2():
    problem = coherent(6, 0.4)
    batch = np.geomspace(1, 1e5, 7)
    sums = (0.6, 6.0, 6 + 0.4 * 30, 30.0)
    result = one_step("sign", batch=batch, **problem)
    np.testing.assert_allclose(LAWS["common_ratio_lr"].jax(batch, *sums), result.lr_star, 1e-12)
    np.testing.assert_allclose(
        LAWS["common_ratio_decrease"].jax(batch, *sums), result.decrease, 1e-12
    )


def test_half_of_the_largest_decrease_is_reached_where_the_law_says():
    problem = coherent(6, 0.4)
    half = common_ratio_half(30**2, 6, 6 + 0.4 * 30)
    at_half, at_infinity = one_step("sign", batch=[half, 1e9], **problem).decrease
    assert at_half == pytest.approx(at_infinity / 2, rel=1e-9)


@pytest.mark.parametrize(
    "arguments", [(1.0, 1.0, 2.0), (1.0, 1.0, 1.5), (1.0, -1.0, 3.0), (-1.0, 1.0, 3.0)]
)
def test_there_is_no_peak_without_a_surge(arguments):
    assert np.isnan(common_ratio_peak(*arguments))


@pytest.mark.parametrize("arguments", [(0.0, 1.0, 2.0), (1.0, 0.0, 1.5), (1.0, 1.0, 0.0)])
def test_there_is_no_half_without_curvature_or_noise(arguments):
    assert np.isnan(common_ratio_half(*arguments))


@PROPERTY
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 6]))
def test_with_a_diagonal_hessian_the_rate_rises_to_the_sum_of_means_over_the_trace(seed, size):
    rng = np.random.default_rng(seed)
    mu, sigma = rng.normal(size=size), rng.uniform(1, 9, size)
    curvature = rng.uniform(0.1, 2, size)
    lr = optimal_lr("sign", mu=mu, sigma=sigma, hessian=np.diag(curvature),
                    batch=np.geomspace(1, 1e5, 20))  # fmt: skip
    limit = large_batch_limit(mu, np.diag(curvature))
    assert (np.diff(lr) >= -1e-12).all()
    assert limit == pytest.approx(np.abs(mu).sum() / curvature.sum(), rel=1e-12)
    assert lr[-1] <= limit * (1 + 1e-12)


def test_with_a_diagonal_hessian_one_ratio_and_the_sigmoid_it_is_a_power_law():
    mu, curvature, batch = (
        np.array([1.0, -2.0, 0.5]),
        np.array([1.0, 0.3, 2.0]),
        np.array([1, 50.0]),
    )
    lr = optimal_lr("sign_sigmoid", mu=mu, sigma=7 * np.abs(mu), hessian=np.diag(curvature),
                    batch=batch)  # fmt: skip
    law = LAWS["sigmoid_diagonal_lr"].jax(batch, 3.5, 3.3, 7.0)
    np.testing.assert_allclose(lr, law, rtol=1e-12)
    written_out = 3.5 / 3.3 / np.sqrt(1 + np.pi * 49 / (2 * batch))
    np.testing.assert_allclose(lr, written_out, rtol=1e-12)


# Small batches


def test_theorem_3_is_reached_where_noise_dominates():
    problem = coherent(400, 0.2, kappa=1000.0)
    found = small_batch(**problem)
    assert found.b_noise < 0.02 * found.regime
    batch = found.b_noise * np.array([0.2, 1, 5])
    lr = optimal_lr("sign", batch=batch, **problem)
    law = LAWS["small_batch_lr"].jax(batch, found.eps_max, found.b_noise)
    np.testing.assert_allclose(lr, law, rtol=0.03)
    largest = LAWS["decrease_max"].jax(found.M, found.S)
    decrease = one_step("sign", batch=batch, **problem).decrease
    law = LAWS["small_batch_decrease"].jax(batch, largest, found.b_noise)
    np.testing.assert_allclose(decrease, law, rtol=0.03)
    place, height = peak_of(problem)
    assert place == pytest.approx(found.b_noise, rel=0.03)
    assert height == pytest.approx(found.eps_max, rel=0.01)


def test_theorem_3_is_theorem_2_with_linear_mean_signs():
    rng = np.random.default_rng(0)
    mu, sigma = rng.normal(size=4), rng.uniform(1, 2, size=4)
    root = rng.normal(size=(4, 4)) + 1
    hessian = root @ root.T + np.diag(np.full(4, 2.0))
    mu = np.abs(mu)
    found = small_batch(mu, sigma, hessian)
    batch = 7.0
    signs = np.sqrt(2 * batch / np.pi) * mu / sigma
    pairs = np.where(np.eye(4, dtype=bool), 1.0, np.outer(signs, signs))
    expected = signs @ mu / np.sum(pairs * hessian)
    law = LAWS["small_batch_lr"].jax(batch, found.eps_max, found.b_noise)
    assert found.S > 0
    assert float(law) == pytest.approx(expected, rel=1e-12)


def test_the_ingredients_are_the_sums_written_out():
    rng = np.random.default_rng(1)
    mu, sigma, root = rng.normal(size=3), rng.uniform(1, 2, size=3), rng.normal(size=(3, 3))
    hessian = root @ root.T
    found = small_batch(mu, sigma, hessian)
    r = mu / sigma
    off = sum(r[i] * r[j] * hessian[i, j] for i in range(3) for j in range(3) if i != j)
    assert pytest.approx(off, rel=1e-12) == found.S
    assert pytest.approx(np.trace(hessian), rel=1e-12) == found.T
    assert pytest.approx(np.sum(mu**2 / sigma), rel=1e-12) == found.M
    assert found.regime == pytest.approx(np.min(np.pi * sigma**2 / (2 * mu**2)), rel=1e-12)


def test_without_off_diagonal_curvature_the_peak_is_at_infinity():
    found = small_batch([1.0, 2.0], [3.0, 3.0], np.eye(2))
    assert np.isinf([found.b_noise, found.eps_max]).all()


@pytest.mark.parametrize("hessian", [[[1, -0.5], [-0.5, 1]], [[-1, 2], [2, -1]], [[0, 1], [1, 0]]])
def test_outside_theorem_3_there_is_no_noise_scale(hessian):
    found = small_batch([1.0, 1.0], [3.0, 3.0], np.array(hessian, float))
    assert np.isnan([found.b_noise, found.eps_max]).all()


def test_a_coordinate_of_zero_mean_does_not_bound_the_regime():
    assert small_batch([0.0, 1.0], [1.0, 1.0], np.eye(2)).regime == pytest.approx(np.pi / 2)
    assert np.isinf(small_batch([0.0], [1.0], np.eye(1)).regime)


def test_a_coordinate_without_noise_is_refused():
    with pytest.raises(ValueError, match="sigma > 0"):
        small_batch([1.0, 1.0], [1.0, 0.0], np.eye(2))


# The sigmoid


def test_the_errors_of_the_sigmoid_are_where_a_search_finds_them():
    errors = sigmoid_errors()

    def gap(x):
        return erf(x) - x / np.sqrt(x**2 + np.pi / 4)

    absolute = minimize_scalar(lambda x: -gap(x), bounds=(0.5, 3), method="bounded",
                               options={"xatol": 1e-10})  # fmt: skip
    relative = minimize_scalar(lambda x: -gap(x) / erf(x), bounds=(0.5, 3), method="bounded",
                               options={"xatol": 1e-10})  # fmt: skip
    assert errors.absolute == pytest.approx(-absolute.fun, rel=1e-12)
    assert errors.absolute_at == pytest.approx(absolute.x, rel=1e-6)
    assert errors.relative == pytest.approx(-relative.fun, rel=1e-12)
    assert errors.relative_at == pytest.approx(relative.x, rel=1e-6)
    assert (round(errors.absolute, 4), round(errors.absolute_at, 3)) == (0.1078, 1.330)
    assert (round(errors.relative, 4), round(errors.relative_at, 3)) == (0.1163, 1.198)


# Steps against samples


def test_runs_at_any_batch_lie_on_the_hyperbola_and_on_the_line():
    batch, fewest, scale = np.geomspace(1, 1e5, 9), 40.0, 700.0
    steps = LAWS["run_steps"].jax(batch, fewest, scale)
    samples = LAWS["run_samples"].jax(batch, fewest, scale)
    least = fewest * scale
    np.testing.assert_allclose(samples, batch * steps, rtol=1e-12)
    np.testing.assert_allclose(LAWS["tradeoff"].jax(steps, fewest, samples, least), 1, rtol=1e-9)
    np.testing.assert_allclose(
        LAWS["inverse_steps"].jax(samples, fewest, scale), 1 / steps, rtol=1e-10
    )
    slope, intercept = np.polyfit(1 / samples, 1 / steps, 1)
    assert slope == pytest.approx(-scale, rel=1e-9)
    assert intercept == pytest.approx(1 / fewest, rel=1e-9)
    assert LAWS["critical_batch"].jax(fewest, least) == pytest.approx(scale)


def test_a_run_of_local_steps_takes_the_steps_of_the_law():
    levels = np.linspace(5.0, 1.0, 4001)
    loss = (levels[1:] + levels[:-1]) / 2
    gain_max, noise = 0.01 * loss**2, 300 / loss
    for batch in (3.0, 100.0, 5000.0):
        gain = LAWS["sgd_decrease"].jax(batch, gain_max, noise)
        steps = np.sum(-np.diff(levels) / gain)
        fewest = np.sum(-np.diff(levels) / gain_max)
        mean_noise = np.sum(noise * -np.diff(levels) / gain_max) / fewest
        law = LAWS["run_steps"].jax(batch, fewest, mean_noise)
        assert float(law) == pytest.approx(float(steps), rel=1e-12)


@pytest.mark.parametrize("q", [0.5, 1.5, 2.0])
def test_half_of_the_decrease_is_reached_without_a_surge_too(q):
    half = common_ratio_half(4.0, 1.0, q)
    decrease = LAWS["common_ratio_decrease"].jax
    assert float(decrease(half, 1.0, 1.0, q, 2.0)) == pytest.approx(
        0.5 * float(decrease(1e9, 1.0, 1.0, q, 2.0))
    )


def test_the_assembled_limit_is_the_law_of_the_plateau():
    mu, sigma = np.array([0.3, -0.2, 0.0, 0.0]), np.ones(4)
    rho = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    hessian = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.3
    signs, coins = np.sign(mu), slice(2, 4)
    silent = (hessian[coins, coins] * np.arcsin(rho[coins, coins])).sum()
    law = LAWS["plateau"].jax(np.abs(mu).sum(), signs @ hessian @ signs, silent)
    assert large_batch_limit(mu, hessian, sigma, rho) == pytest.approx(float(law))

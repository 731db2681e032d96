"""Correlated noise in one step: by orthants, by simulation, and from per-sample gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from one_step_problems import BATCH, Operator, random_correlation, random_problem
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from theory import one_step, optimal_lr


class Estimator(Operator):
    """The same with an unbiased but noisy estimate of vᵀHv."""

    def sampled_quadratic(self, vectors, key):
        exact = jnp.einsum("mi,ij,mj->m", vectors, self.matrix, vectors)
        return exact * (1 + 0.1 * jax.random.normal(key, exact.shape, exact.dtype))


# Correlated noise


@pytest.mark.parametrize("rule", ["sgd", "sign"])
def test_uncorrelated_is_independent(rule):
    problem = random_problem(17, 5)
    np.testing.assert_allclose(
        optimal_lr(rule, batch=BATCH, correlation=np.eye(5), **problem),
        optimal_lr(rule, batch=BATCH, **problem),
        rtol=1e-13,
    )


def test_sgd_takes_the_trace_of_the_whole_covariance():
    problem, correlation = random_problem(18, 5), random_correlation(19, 5)
    covariance = correlation * np.outer(problem["sigma"], problem["sigma"])
    expected = problem["mu"] @ problem["hessian"] @ problem["mu"]
    expected = expected + np.trace(problem["hessian"] @ covariance) / BATCH
    result = one_step("sgd", batch=BATCH, correlation=correlation, **problem)
    np.testing.assert_allclose(result.denominator, expected, rtol=1e-12)


def test_sign_descent_by_the_orthants_of_the_multivariate_normal():
    problem, correlation = random_problem(20, 3), random_correlation(21, 3)
    mu, sigma, hessian = problem.values()
    result = one_step("sign", batch=BATCH, correlation=correlation, **problem)
    for batch, denominator in zip(BATCH, result.denominator, strict=True):
        h = np.sqrt(batch) * mu / sigma
        pairs = np.eye(3)
        for a, c in ((0, 1), (0, 2), (1, 2)):
            shape: Any = [[1, correlation[a, c]], [correlation[a, c], 1]]
            both = multivariate_normal.cdf([h[a], h[c]], None, shape)
            pairs[a, c] = pairs[c, a] = 4 * both - 2 * ndtr(h[a]) - 2 * ndtr(h[c]) + 1
        np.testing.assert_allclose(denominator, np.sum(pairs * hessian), rtol=1e-6)


def test_correlated_sign_descent_agrees_with_simulation_which_rejects_independence():
    problem, correlation = random_problem(22, 5), random_correlation(23, 5)
    mu, sigma, hessian = problem.values()
    rng = np.random.default_rng(24)
    draws = rng.multivariate_normal(np.zeros(5), correlation, size=200_000, method="cholesky")
    correlated = one_step("sign", batch=BATCH, correlation=correlation, **problem)
    independent = one_step("sign", batch=BATCH, **problem)
    rejected = []
    for b, batch in enumerate(BATCH):
        update = np.sign(mu + sigma * draws / np.sqrt(batch))
        values = np.einsum("mi,ij,mj->m", update, hessian, update)
        sem = max(values.std() / np.sqrt(len(values)), 1e-9)
        # four tests with a family-wise false alarm below 1e-4
        assert abs(values.mean() - correlated.denominator[b]) < 4.4 * sem
        rejected.append(abs(values.mean() - independent.denominator[b]) > 4.4 * sem)
        assert sem < 0.003 * correlated.denominator[b]
    assert all(rejected[:2])


def test_equal_noise_moves_all_signs_together():
    ones = np.ones((4, 4))
    result = one_step("sign", mu=np.ones(4), sigma=np.ones(4), hessian=ones, batch=1,
                      correlation=ones)  # fmt: skip
    assert result.denominator == pytest.approx(16, rel=1e-12)
    opposed = one_step("sign", mu=[1e-12, 1e-12], sigma=[1, 1], hessian=np.ones((2, 2)), batch=1,
                       correlation=[[1, -1], [-1, 1]])  # fmt: skip
    assert opposed.denominator == pytest.approx(0, abs=1e-10)


def test_a_coordinate_without_noise_covaries_with_none():
    problem, correlation = random_problem(25, 3), random_correlation(26, 3)
    problem["sigma"][1] = 0
    apart = correlation.copy()
    apart[1, [0, 2]] = apart[[0, 2], 1] = 0
    np.testing.assert_allclose(
        optimal_lr("sign", batch=BATCH, correlation=correlation, **problem),
        optimal_lr("sign", batch=BATCH, correlation=apart, **problem),
        rtol=1e-13,
    )


def test_more_rows_than_one_chunk_holds():
    problem, correlation = random_problem(27, 150), random_correlation(28, 150)
    operator = {**problem, "hessian": Operator(problem["hessian"])}
    dense, by_products = (
        optimal_lr("sign", batch=10, correlation=correlation, **p) for p in (problem, operator)
    )
    assert dense == pytest.approx(by_products, rel=1e-12)
    part = slice(0, 150)
    shuffled = np.random.default_rng(29).permutation(150)[part]
    moved = {
        "mu": problem["mu"][shuffled],
        "sigma": problem["sigma"][shuffled],
        "hessian": problem["hessian"][shuffled][:, shuffled],
    }
    again = optimal_lr("sign", batch=10, correlation=correlation[shuffled][:, shuffled], **moved)
    assert again == pytest.approx(dense, rel=1e-9)


# Per-sample gradients


def centred_samples(seed, count, size, dtype: type = float):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(count, size)) @ rng.normal(size=(size, size))
    return (samples - samples.mean(axis=0)).astype(dtype)


def test_per_sample_gradients_agree_with_their_own_correlation():
    problem = random_problem(30, 5)
    samples = centred_samples(31, 40, 5)
    dense = one_step("sign", mu=problem["mu"], sigma=samples.std(axis=0), batch=BATCH,
                     hessian=problem["hessian"], correlation=np.corrcoef(samples.T))  # fmt: skip
    drawn = one_step("sign", mu=problem["mu"], batch=BATCH, hessian=problem["hessian"],
                     noise_samples=samples, draws=20_000, key=jax.random.key(1))  # fmt: skip
    np.testing.assert_allclose(drawn.numerator, dense.numerator, rtol=1e-12)
    z = (drawn.denominator - dense.denominator) / np.maximum(drawn.denominator_sem, 1e-9)
    assert np.abs(z).max() < 4.4
    assert drawn.denominator_sem[0] < 0.02 * drawn.denominator[0]
    independent = one_step("sign", mu=problem["mu"], sigma=samples.std(axis=0), batch=BATCH,
                           hessian=problem["hessian"])  # fmt: skip
    distance = np.abs(drawn.denominator - independent.denominator) / drawn.denominator_sem
    assert distance[:2].min() > 4.4


def test_sgd_needs_no_draws():
    problem, samples = random_problem(32, 4), centred_samples(33, 50, 4)
    given_samples = {**problem, "sigma": samples.std(axis=0)}
    drawn = one_step("sgd", batch=BATCH, noise_samples=samples, **given_samples)
    dense = one_step("sgd", batch=BATCH, correlation=np.corrcoef(samples.T), **given_samples)
    np.testing.assert_allclose(np.array(drawn), np.array(dense), rtol=1e-10)


def test_draws_are_reproducible_and_follow_their_key():
    problem, samples = random_problem(34, 3), centred_samples(35, 30, 3)
    del problem["sigma"]

    def lr(key, draws=100):
        return optimal_lr("sign", batch=2, noise_samples=samples, draws=draws, key=key, **problem)

    assert lr(jax.random.key(1)) == lr(jax.random.key(1))
    assert lr(jax.random.key(1)) != lr(jax.random.key(2))
    assert lr(None) == lr(None)
    sems = [
        one_step("sign", batch=2, noise_samples=samples, draws=n, **problem).denominator_sem
        for n in (200, 20_000)
    ]
    assert sems[0] / sems[1] == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_an_estimated_quadratic_form_is_unbiased_and_counted_in_the_error(rule):
    problem, samples = random_problem(36, 4), centred_samples(37, 2000, 4)
    del problem["sigma"]
    noise = {"noise_samples": samples, "draws": 4000, "key": jax.random.key(5)}
    exact = one_step(rule, batch=3, **{**problem, "hessian": Operator(problem["hessian"])}, **noise)
    noisy = one_step(
        rule, batch=3, **{**problem, "hessian": Estimator(problem["hessian"])}, **noise
    )
    assert noisy.denominator_sem > exact.denominator_sem
    assert 0 < abs(noisy.denominator - exact.denominator) < 4 * noisy.denominator_sem


def test_float32_samples_and_operator_serve_a_network():
    problem = random_problem(38, 6)
    samples = centred_samples(39, 64, 6, np.float32)
    operator = Operator(problem["hessian"], jnp.float32)
    result = one_step("sign", mu=problem["mu"].astype(np.float32), hessian=operator, batch=BATCH,
                      noise_samples=samples, draws=4000)  # fmt: skip
    correlation = np.corrcoef(samples.T.astype(float))
    dense = one_step("sign", mu=problem["mu"], sigma=samples.std(axis=0), batch=BATCH,
                     hessian=problem["hessian"], correlation=correlation)  # fmt: skip
    z = (result.denominator - dense.denominator) / np.maximum(result.denominator_sem, 1e-3)
    assert np.abs(z).max() < 4.4

"""Normalised SGD: the exact sums of ĝ/‖ĝ‖ for Gaussian gradients, and their mean field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln, hyp1f1

from theory import LAWS, one_step, optimal_lr

BATCH = np.array([1.0, 7.0, 300.0, 1e6])


def problem(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    return {
        "mu": rng.normal(size=size),
        "sigma": rng.uniform(0.5, 3, size=size),
        "hessian": root @ root.T / size,
    }


def test_in_one_coordinate_it_is_the_sign():
    one = {"mu": [0.3], "sigma": [2.0], "hessian": [[1.5]], "batch": BATCH}
    ours, sign = one_step("normalised_sgd", **one), one_step("sign", **one)
    np.testing.assert_allclose(ours.numerator, sign.numerator, rtol=1e-8)
    np.testing.assert_allclose(ours.denominator, sign.denominator, rtol=1e-8)


@pytest.mark.parametrize("size", [2, 200])
def test_equal_noise_has_a_closed_form_and_unit_length(size):
    """GᵀE[V] = |G|²√(B/2)/σ · Γ((d+1)/2)/Γ(d/2+1) · ₁F₁(½; d/2+1; −B|G|²/(2σ²)), ‖V‖ = 1."""
    mu = np.random.default_rng(size).normal(size=size)
    step = one_step(
        "normalised_sgd", mu=mu, sigma=np.full(size, 3.0), hessian=np.eye(size), batch=BATCH
    )
    square, scale = mu @ mu, 3 / np.sqrt(BATCH)
    ratio = np.exp(gammaln((size + 1) / 2) - gammaln(size / 2 + 1))
    series = hyp1f1(0.5, size / 2 + 1, -square / 2 / scale**2)
    np.testing.assert_allclose(
        step.numerator, square / scale / np.sqrt(2) * ratio * series, rtol=1e-8
    )
    np.testing.assert_allclose(step.denominator, 1, rtol=1e-8)


def test_two_unequal_noises_share_the_length_as_their_deviations():
    step = one_step(
        "normalised_sgd", mu=[0, 0], sigma=[1.0, 5.0], hessian=np.diag([1.0, 0.0]), batch=1
    )
    assert step.denominator == pytest.approx(1 / 6, rel=1e-8)
    assert np.isnan(step.lr_star)


def test_samples_give_what_their_dense_correlation_gives():
    few, given = 3, problem(1, 6)
    samples = np.random.default_rng(2).normal(size=(few, 6))
    samples -= samples.mean(axis=0)
    covariance = samples.T @ samples / few
    sigma = np.sqrt(np.diag(covariance))
    given.pop("sigma")
    dense = one_step(
        "normalised_sgd",
        sigma=sigma,
        correlation=covariance / np.outer(sigma, sigma),
        batch=BATCH,
        **given,
    )
    thin = one_step("normalised_sgd", noise_samples=samples, batch=BATCH, **given)
    np.testing.assert_allclose(thin.numerator, dense.numerator, rtol=1e-7)
    np.testing.assert_allclose(thin.denominator, dense.denominator, rtol=1e-7)


def test_correlated_gradients_by_simulation():
    given = problem(3, 6)
    rng = np.random.default_rng(4)
    samples = rng.normal(size=(3, 6))
    samples -= samples.mean(axis=0)
    given.pop("sigma")
    given["hessian"] += 5 * samples.T @ samples
    step = one_step("normalised_sgd", noise_samples=samples, batch=2, **given)
    drawn = given["mu"] + rng.normal(size=(200_000, 3)) @ samples / np.sqrt(6)
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    for law, values in (
        (step.numerator, unit @ given["mu"]),
        (step.denominator, np.einsum("mi,ij,mj->m", unit, given["hessian"], unit)),
    ):
        assert abs(values.mean() - law) < 4.5 * values.std() / np.sqrt(values.size)
    independent = optimal_lr(
        "normalised_sgd", sigma=np.sqrt(np.square(samples).mean(0)), batch=2, **given
    )
    assert abs(step.lr_star / independent - 1) > 0.05


def sums(given):
    square = given["mu"] @ given["mu"]
    bent = given["mu"] @ given["hessian"] @ given["mu"]
    noise = np.diag(given["hessian"]) @ given["sigma"] ** 2 / bent
    return square, bent, noise, np.sum(given["sigma"] ** 2) / square


def test_the_mean_field_is_the_limit_of_many_coordinates():
    errors = []
    for size in (10, 200):
        given = problem(5, size)
        given["sigma"], given["hessian"] = np.full(size, 4.0), np.eye(size)
        square, bent, noise, simple = sums(given)
        exact = optimal_lr("normalised_sgd", batch=1, **given)
        field = LAWS["normalised_lr"].jax(1.0, square, bent, noise, simple)
        errors.append(size * (float(field) / exact - 1))
    assert errors == pytest.approx([0.25] * 2, abs=0.1)  # N by 1/(4d)


def test_a_coherent_hessian_makes_it_surge_where_the_mean_field_says():
    size = 200
    given = problem(7, size)
    mu = given["mu"] = np.full(size, 1.0)
    given["sigma"] = np.full(size, 10.0)
    given["hessian"] = np.eye(size) + 10 * np.outer(mu, mu) / size
    square, bent, noise, simple = sums(given)
    place = float(LAWS["normalised_peak"].jax(noise, simple))
    batch = place * np.geomspace(0.2, 5, 81)
    exact = optimal_lr("normalised_sgd", batch=batch, **given)
    assert batch[np.argmax(exact)] == pytest.approx(place, rel=0.05)
    plateau = optimal_lr("normalised_sgd", batch=1e9, **given)
    ratio = float(LAWS["normalised_ratio"].jax(noise, simple))
    assert exact.max() / plateau == pytest.approx(ratio, rel=0.02)
    assert ratio > 1.3
    assert float(LAWS["normalised_large"].jax(square, bent)) == pytest.approx(plateau, rel=1e-6)


def test_half_of_the_largest_decrease_is_at_the_noise_scale_of_sgd():
    given = problem(6, 200)
    _, _, noise, _ = sums(given)
    decrease = one_step("normalised_sgd", batch=np.array([noise, 1e12]), **given).decrease
    assert decrease[0] / decrease[1] == pytest.approx(0.5, rel=0.02)


def test_many_coordinates_need_only_products():
    class Diagonal:
        def __init__(self, values):
            self.values = jnp.asarray(values)

        def diagonal(self):
            return self.values

        def matvec(self, vector):
            return self.values * vector

    size = 20_000
    mu = jax.random.normal(jax.random.key(0), (size,))
    values = 1 / (1 + jnp.arange(size))
    step = one_step(
        "normalised_sgd", mu=mu, sigma=jnp.full(size, 2.0), hessian=Diagonal(values), batch=1
    )
    square = float(mu @ mu)
    field = (float(mu**2 @ values) + 4 * float(values.sum())) / (square + 4 * size)
    assert step.denominator == pytest.approx(field, rel=1e-3)


def test_a_gradient_that_is_zero_everywhere_is_an_error():
    with pytest.raises(ValueError, match="no direction"):
        one_step("normalised_sgd", mu=[0, 0], sigma=[0, 0], hessian=np.eye(2), batch=1)

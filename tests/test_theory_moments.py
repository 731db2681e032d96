"""Moments of one and of two signs, against oracles that share no code with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, ndtr, owens_t
from scipy.stats import norm

from theory.moments import sgd_moments, sigmoid_moments, sign_covariance, sign_moments

PROPERTY = settings(deadline=None, derandomize=True)  # the first example also compiles

MEAN = st.floats(-4, 4)
CORRELATION = st.floats(-0.999, 0.999)


def by_owens_t(h, k, rho):
    """Cov(sign X, sign Y) from the bivariate normal orthant; h, k ≠ 0."""
    root = np.sqrt(1 - rho**2)
    t_h = owens_t(h, (k / h - rho) / root)
    t_k = owens_t(k, (h / k - rho) / root)
    orthant = (ndtr(h) + ndtr(k) - (h * k < 0)) / 2 - t_h - t_k
    mean_product = 4 * orthant - 2 * ndtr(h) - 2 * ndtr(k) + 1
    return mean_product - (2 * ndtr(h) - 1) * (2 * ndtr(k) - 1)


def test_the_mean_sign_is_the_probability_of_plus_less_that_of_minus():
    mu, sigma, batch = jnp.array([1.0, -0.5, 0.0]), jnp.array([2.0, 0.3, 1.0]), 3.0
    mean, variance = sign_moments(mu, sigma, batch)
    positive = norm.sf(0, loc=mu, scale=sigma / np.sqrt(batch))
    np.testing.assert_allclose(mean, 2 * positive - 1, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(variance, 4 * positive * (1 - positive), rtol=1e-13)


def test_a_coordinate_without_noise_has_the_sign_of_its_mean():
    mu, sigma = jnp.array([3.0, -1.0]), jnp.zeros(2)
    for moments in (sign_moments, sigmoid_moments):
        mean, variance = moments(mu, sigma, 4.0)
        np.testing.assert_array_equal(mean, [1, -1])
        np.testing.assert_array_equal(variance, [0, 0])


def test_the_gradient_is_finite_where_a_coordinate_has_no_noise():
    def total(mu):
        return sign_moments(mu, jnp.array([0.0, 1.0]), 4.0).mean.sum()

    assert jnp.isfinite(jax.grad(total)(jnp.array([1.0, 2.0]))).all()


def test_the_variance_keeps_its_digits_where_the_sign_is_nearly_certain():
    variance = sign_moments(jnp.array([8.0]), jnp.array([1.0]), 1.0).variance
    np.testing.assert_allclose(variance, 4 * norm.sf(8) * norm.cdf(8), rtol=1e-10)


def test_the_variance_of_sgd_falls_as_one_over_b():
    mean, variance = sgd_moments(jnp.array([2.0]), jnp.array([3.0]), 4.0)
    assert (mean[0], variance[0]) == (2.0, 9 / 4)


@PROPERTY
@given(st.floats(0.01, 20), st.floats(1, 1e4))
def test_the_sigmoid_is_below_the_mean_sign_and_within_its_errors(ratio, batch):
    mu, sigma = jnp.array([ratio]), jnp.ones(1)
    true, approximate = (m(mu, sigma, batch).mean[0] for m in (sign_moments, sigmoid_moments))
    assert -1e-12 <= true - approximate <= 0.10784
    assert true - approximate <= 0.11634 * true


@PROPERTY
@given(st.floats(0.1, 4), st.floats(0.1, 4), st.booleans(), CORRELATION)
def test_the_covariance_of_two_signs_is_that_of_the_orthant(h, k, flip, rho):
    h = -h if flip else h
    error = 1e-13 if abs(rho) < 0.9 else 1e-8
    assert float(sign_covariance(h, k, rho)) == pytest.approx(by_owens_t(h, k, rho), abs=error)


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("side", [-1, 1])
def test_it_stays_accurate_as_the_correlation_nears_one(gap, side):
    h, k = np.meshgrid(np.linspace(-2.5, 2.4, 15), np.linspace(-2.4, 2.6, 14))
    rho = side * (1 - gap)
    tolerance = {1e-2: 1e-12, 1e-3: 1e-9, 1e-4: 4e-8}.get(gap, 2e-5)
    np.testing.assert_allclose(sign_covariance(h, k, rho), by_owens_t(h, k, rho), atol=tolerance)


@PROPERTY
@given(MEAN, MEAN, st.sampled_from([-1.0, 1.0]))
def test_at_perfect_correlation_the_second_sign_is_a_function_of_the_first(h, k, side):
    z = np.sort(np.array([-np.inf, -h, -side * k, np.inf]))
    middles = np.array([z[1] - 1, (z[1] + z[2]) / 2, z[2] + 1])
    product = np.sign(h + middles) * np.sign(k + side * middles)
    mean = np.sum(product * np.diff(ndtr(z)))
    expected = mean - erf(h / np.sqrt(2)) * erf(k / np.sqrt(2))
    assert float(sign_covariance(h, k, side)) == pytest.approx(expected, abs=1e-14)


@PROPERTY
@given(MEAN, MEAN, CORRELATION)
def test_the_covariance_is_symmetric_and_odd_under_the_flip_of_one_variable(h, k, rho):
    value = float(sign_covariance(h, k, rho))
    # the two coordinates enter the integrand unequally, so this compares two different sums
    assert float(sign_covariance(k, h, rho)) == pytest.approx(value, abs=1e-8)
    assert float(sign_covariance(h, -k, -rho)) == pytest.approx(-value, abs=1e-14)


@PROPERTY
@given(MEAN, MEAN, CORRELATION)
def test_the_covariance_obeys_cauchy_and_schwarz(h, k, rho):
    bound = np.sqrt((1 - erf(h / np.sqrt(2)) ** 2) * (1 - erf(k / np.sqrt(2)) ** 2))
    assert abs(float(sign_covariance(h, k, rho))) <= bound + 1e-8


def test_without_correlation_there_is_no_covariance_and_with_it_the_variance():
    h = jnp.linspace(-3, 3, 7)
    np.testing.assert_array_equal(sign_covariance(h, h[::-1], 0.0), 0)
    np.testing.assert_allclose(sign_covariance(h, h, 1.0), 1 - erf(h / np.sqrt(2)) ** 2, atol=1e-15)


def test_with_zero_means_it_is_the_arcsine():
    rho = np.linspace(-0.95, 0.95, 11)
    np.testing.assert_allclose(
        sign_covariance(0.0, 0.0, rho), 2 / np.pi * np.arcsin(rho), atol=1e-13
    )


def test_to_first_order_it_is_the_product_of_two_densities():
    h, k, rho = 0.7, -0.4, 1e-5
    first = 4 * norm.pdf(h) * norm.pdf(k) * rho
    assert float(sign_covariance(h, k, rho)) == pytest.approx(first, rel=1e-4)


def test_float32_stays_float32_and_finite():
    value = sign_covariance(*(jnp.float32(v) for v in (0.5, 0.2, 1.0)))
    assert value.dtype == jnp.float32
    assert jnp.isfinite(value)

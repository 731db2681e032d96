"""Ratios of averages: moments and covariances against integrals that share no code with them."""

from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import erf
from scipy.stats import norm

from theory import LAWS
from theory import ratio as ratio_module
from theory.ratio import quadrature, ratio_moments
from theory.ratio_history import History, equal, geometric
from theory.ratio_series import ratio_terms

pytestmark = pytest.mark.usefixtures("fully_compiled")

SIGNALS = np.array([1e-9, 1e-3, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e3, 8e3])


def moments_at(history, signals):
    signals = jnp.asarray(signals)
    return ratio_moments(history, signals, jnp.ones_like(signals), 1.0)


def by_angle(history, signal):
    """Mean and mean square of V of two gradients, which depends on their angle alone."""
    angle = 2 * np.pi * np.arange(4000) / 4000
    first, second = np.cos(angle), np.sin(angle)
    along = signal * (first + second)
    radial = 1 + np.sqrt(2 * np.pi) * along * norm.cdf(along) * np.exp(along**2 / 2)
    density = np.exp(-(signal**2)) * radial / 4000
    values = history.a[0] * first + history.a[1] * second
    values = values / np.sqrt(history.w[0] * first**2 + history.w[1] * second**2)
    return density @ values, density @ values**2


@pytest.mark.parametrize("signal", [0.0, 0.4, 2.0, 5.0])
def test_the_moments_of_two_gradients_are_those_over_their_angle(signal):
    history = History(np.array([0.7, 0.3]), np.array([0.4, 0.6]), np.ones(2))
    mean, variance = moments_at(history, [signal])
    expected, square = by_angle(history, signal)
    assert float(mean[0]) == pytest.approx(expected, rel=1e-11, abs=1e-14)
    assert float(variance[0]) == pytest.approx(square - expected**2, rel=1e-9)


def test_of_one_gradient_the_quadrature_gives_the_moments_of_its_sign():
    rule = quadrature(geometric(0.0, 0.0))
    mean, square = ratio_module._integrals(rule, jnp.asarray(SIGNALS))
    assert_allclose(mean, erf(SIGNALS / np.sqrt(2)), rtol=1e-13)
    assert_allclose(square, 1, atol=1e-11)
    of_rule = moments_at(geometric(0.0, 0.0), [6.0])
    assert_allclose(of_rule.variance, 4 * norm.sf(6) * norm.cdf(6), rtol=1e-10)


@pytest.mark.parametrize("signal", [1e-6, 0.7, 200.0])
def test_the_mean_has_ten_digits(signal):
    """β1 = β2 = 1/2, by adaptive quadrature of 60 gradients in 25 digits."""
    with mpmath.workdps(25):
        weights, h = [mpmath.mpf(2) ** -(k + 1) for k in range(60)], mpmath.mpf(signal)

        def density(log_t):
            t = mpmath.exp(log_t)
            damping = [w / (1 + 2 * t * w) for w in weights]
            transform = mpmath.exp(-(h**2) * t * sum(damping))
            for w in weights:
                transform /= mpmath.sqrt(1 + 2 * t * w)
            return mpmath.sqrt(t / mpmath.pi) * h * sum(damping) * transform

        middle = -2 * mpmath.log(1 + h)
        exact: Any = mpmath.quad(density, [middle + x for x in (-60, -20, -8, -2, 2, 8, 40)])
    mean = moments_at(geometric(0.5, 0.5), [signal]).mean[0]
    assert float(mean) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize("betas", [(0.0, 0.6), (0.9, 0.95), (0.9, 0.99)], ids=str)
def test_a_finer_sum_over_every_gradient_changes_nothing(betas):
    """A smaller step, a longer range, no blocks of gradients."""
    beta1, beta2 = betas
    steps = np.arange(int(-40 / np.log(max(betas))))
    a, w = (1 - beta1) * beta1**steps, (1 - beta2) * beta2**steps
    signals, step = SIGNALS[1:-2], 0.2
    mean, square = np.zeros(len(signals)), np.zeros(len(signals))
    for t in np.exp(np.arange(-65, 60 if beta2 < 0.9 else 12, step)):
        damping = 1 / (1 + 2 * t * w)
        transform = np.exp(-np.log1p(2 * t * w).sum() / 2 - signals**2 * t * (w @ damping))
        mean += step * np.sqrt(t / np.pi) * signals * (a @ damping) * transform
        square += step * t * (a**2 @ damping + (signals * (a @ damping)) ** 2) * transform
    found = moments_at(geometric(*betas), signals)
    assert_allclose(found.mean, mean, rtol=1e-11)
    assert_allclose(found.variance + found.mean**2, square, rtol=1e-11)


@pytest.mark.parametrize("betas", [(0.0, 0.95), (0.9, 0.95), (0.9, 0.999)], ids=str)
def test_the_variance_goes_over_into_its_leading_form(betas):
    history = geometric(*betas)
    signals = np.array([30.0, 300.0, 1e3, 8e3, 9e3, 1e7])
    leading = LAWS["ratio_large_variance"].jax(signals, *history.products())
    gap = np.abs(moments_at(history, signals).variance / leading - 1)
    assert (gap < [3e-3, 3e-5, 3e-6, 3e-6, 1e-12, 1e-12]).all()


def test_in_single_precision_mean_and_variance_have_three_digits():
    history = geometric(0.0, 0.95)
    single = moments_at(history, SIGNALS.astype(np.float32))
    double = moments_at(history, SIGNALS)
    assert single.mean.dtype == jnp.float32
    assert_allclose(single.mean, double.mean, rtol=2e-6)
    assert_allclose(single.variance, double.variance, rtol=2e-3)


def test_without_noise_the_update_is_the_sign():
    mean, variance = ratio_moments(geometric(0.9, 0.95), jnp.array([-2.0]), jnp.zeros(1), 4.0)
    assert_allclose(mean, [-1], rtol=1e-9)
    assert_allclose(variance, [0])
    for term in ratio_terms(geometric(0.9, 0.95), jnp.array([-2.0]), jnp.zeros(1), 4.0, None):
        assert_allclose(term.factor, [0])


@pytest.mark.parametrize("betas", [(0.0, 0.9), (0.9, 0.95), (0.5, 0.9999), (0.99, 0.7)], ids=str)
def test_the_weights_of_a_history_sum_as_geometric_series_do(betas):
    beta1, beta2 = betas
    history = geometric(*betas)
    assert_allclose(history.total(history.a), 1, rtol=1e-12)
    assert_allclose(history.total(history.w), 1, rtol=2e-12)
    of_a, mixed, of_w = history.products()
    assert_allclose(of_a, (1 - beta1) / (1 + beta1), rtol=1e-12)
    assert_allclose(mixed, (1 - beta1) * (1 - beta2) / (1 - beta1 * beta2), rtol=1e-12)
    assert_allclose(of_w, (1 - beta2) / (1 + beta2), rtol=2e-12)
    assert len(history.w) < 5000


def covariance(terms, correlation):
    return sum(t.factor[0] * t.factor[1] * correlation**t.power for t in terms)


def test_the_series_ends_in_the_variance_at_perfect_correlation():
    signals = jnp.array([0.0, 0.2, 1.0, 4.0, 100.0])
    history = geometric(0.9, 0.95)
    terms = ratio_terms(history, signals, jnp.ones(5), 1.0, None)
    total = sum(term.factor**2 for term in terms)
    assert_allclose(total, moments_at(history, signals).variance, rtol=1e-7)


def test_to_first_order_in_the_correlation_the_series_is_exact():
    """Five steps of Adagrad: slopes of E[V] in each gradient, by two-point differences."""
    history, shift = equal(5), 1e-4
    rng = np.random.default_rng(0)
    noise = np.concatenate([z := rng.normal(size=(200_000, 5)), -z])

    def slopes(signal):
        def update(moved):
            return moved[:, 0] / np.sqrt(np.square(moved).mean(axis=1))

        one = np.eye(5)
        gradients = signal + noise
        return [
            (update(gradients + shift * e) - update(gradients - shift * e)).mean() / (2 * shift)
            for e in (one[0], one[1])
        ]

    (a, b), (c, d) = slopes(0.5), slopes(1.5)
    terms = ratio_terms(history, jnp.array([0.5, 1.5]), jnp.ones(2), 1.0, 1)
    assert all(term.power == 1 for term in terms)
    assert covariance(terms, 1.0) == pytest.approx(a * c + 4 * b * d, rel=0.01)


@pytest.mark.parametrize("rho", [-0.8, 0.5])
def test_what_is_not_linear_in_the_correlation_goes_as_its_square_and_cube(rho):
    """As the first correction has it, near β2 = 1; the two signs of ρ tell the powers apart."""
    history, h, k = geometric(0.5, 0.998), 0.6, 0.9
    terms = ratio_terms(history, jnp.array([h, k]), jnp.ones(2), 1.0, None)
    found = covariance([term for term in terms if term.power > 1], rho)
    s_aa, s_aw, s_ww = history.products()
    s_aaw = history.total(history.a**2 * history.w)
    law = LAWS["ratio_first_covariance"].jax
    sums = (s_aa, s_aw, s_ww, s_aaw)
    linear = (law(h, k, 1e-6, *sums) - law(h, k, -1e-6, *sums)) / 2e-6
    assert found == pytest.approx(float(law(h, k, rho, *sums) - rho * linear), rel=0.02)


def test_a_short_memory_has_no_series():
    with pytest.raises(ValueError, match="longer memory"):
        ratio_terms(geometric(0.0, 0.5), jnp.ones(2), jnp.ones(2), 1.0, None)


def test_the_first_correction_is_the_expansion_of_the_exact_moments():
    """Its error falls as the square of 1 − β2."""
    signals = np.array([0.1, 0.5, 1.0, 3.0])
    errors = []
    for beta2 in (0.99, 0.999):
        exact = moments_at(geometric(0.9, beta2), signals)
        first = [LAWS[f"adam_first_{which}"].jax(signals, 1.0, 1.0, 0.9, beta2)
                 for which in ("mean", "variance")]  # fmt: skip
        errors.append([np.abs(f / e - 1) for f, e in zip(first, exact, strict=True)])
    assert (np.array(errors[1]) < 0.03 * np.array(errors[0])).all()

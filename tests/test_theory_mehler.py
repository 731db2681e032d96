"""Mehler's series: its coefficients, how fast it converges, and its first term under a Hessian."""

import json
import subprocess
import sys
from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.special import erf, owens_t

from theory import LAWS, one_step
from theory.mehler import ORDER, samples_of_factor, sign_coefficients, sign_series
from theory.moments import sign_covariance

pytestmark = pytest.mark.usefixtures("fully_compiled")

MEANS = np.linspace(-3, 3, 13)
BATCH = [1.0, 64.0]


def by_definition(h, order):
    """a_n(h) = 2(−1)ⁿ⁻¹ He_{n−1}(h) φ(h)/√n! in sixty digits."""
    with mpmath.workdps(60):
        hermite = [mpmath.mpf(1), mpmath.mpf(h)]
        for n in range(1, order):
            hermite.append(h * hermite[n] - n * hermite[n - 1])
        return np.array([
            float(2 * (-1) ** (n - 1) * hermite[n - 1] * mpmath.npdf(h)
                  / mpmath.sqrt(mpmath.factorial(n)))
            for n in range(1, order + 1)
        ])  # fmt: skip


def coherent_problem(size=48, coherence=0.6, seed=0):
    """Noise shaped like the Hessian, unit variances; correlations up to about a half."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, 2 * size)) + coherence * rng.normal(size=2 * size)
    covariance = root @ root.T
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    return 0.1 * rng.normal(size=size), correlation


@pytest.mark.parametrize("h", [0.0, 0.3, -2.0, 7.0, 30.0, 50.0])
def test_two_hundred_coefficients_keep_their_digits(h):
    found = np.asarray(sign_coefficients(jnp.asarray(h), 200))
    np.testing.assert_allclose(found, by_definition(mpmath.mpf(h), 200), rtol=1e-12, atol=1e-300)


def test_their_squares_sum_to_the_variance_of_a_sign():
    h = jnp.asarray([3.0, 5.0])
    squares = jnp.square(sign_coefficients(h, 4000)).sum(axis=0)
    # the tail falls as 1/√n, times the density at h
    np.testing.assert_allclose(squares, LAWS["sign_variance"].jax(h, 1.0, 1.0), atol=1e-4)


@pytest.mark.parametrize(
    ("order", "rho", "error"),
    [(ORDER, 0.9, 0.01), (ORDER, -0.9, 0.01), (ORDER, 0.5, 1e-8), (80, 0.9, 1e-5)],
)
def test_the_series_is_the_covariance(order, rho, error):
    h, k = np.meshgrid(MEANS, MEANS)
    a = np.asarray(sign_coefficients(jnp.asarray(MEANS), order))
    series = np.einsum("n,ni,nj->ji", rho ** np.arange(1, order + 1), a, a)
    exact = np.asarray(sign_covariance(h, k, rho))
    telling = abs(exact) > 0.03
    assert abs(series / exact - 1)[telling].max() < error
    assert abs(series - exact).max() < error
    fewer = np.einsum("n,ni,nj->ji", rho ** np.arange(1, 4), a[:3], a[:3])
    assert abs(fewer / exact - 1)[telling].max() > error  # three terms would not do


@pytest.mark.parametrize(("rho", "error"), [(0.24, 0.01), (0.49, 0.05), (0.9, 0.2)])
def test_the_first_term_misses_the_arcsine_by_as_much_as_stated(rho, error):
    first = float(LAWS["mehler_first"].jax(0.0)) ** 2 * rho
    assert 1 - first / (2 / np.pi * np.arcsin(rho)) == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize("rho", [1 - 1e-4, -(1 - 1e-4), 0.99, -0.6, 0.3])
def test_the_quadrature_is_owens_t_up_to_a_correlation_of_one(rho):
    h, k = np.meshgrid(np.linspace(-3.1, 3, 20), np.linspace(-2.9, 3.2, 20))
    root = np.sqrt(1 - rho**2)
    orthant = (
        (2 + erf(h / np.sqrt(2)) + erf(k / np.sqrt(2))) / 4 - (h * k < 0) / 2
        - owens_t(h, (k / h - rho) / root) - owens_t(k, (h / k - rho) / root)
    )  # fmt: skip
    product = 4 * orthant - 1 - erf(h / np.sqrt(2)) - erf(k / np.sqrt(2))
    covariance = product - erf(h / np.sqrt(2)) * erf(k / np.sqrt(2))
    np.testing.assert_allclose(sign_covariance(h, k, rho), covariance, atol=4e-8)


def test_a_coordinate_without_noise_has_no_covariance():
    terms = sign_series(jnp.ones(2), jnp.array([0.0, 1.0]), jnp.asarray(4.0), 3)
    assert [term.power for term in terms] == [1, 2, 3]
    assert all(term.factor[0] == 0 for term in terms)


def test_samples_of_a_factor_are_centred_and_have_its_covariance():
    factor = np.random.default_rng(0).normal(size=(5, 3))
    samples = samples_of_factor(factor)
    assert samples.shape == (6, 5)
    np.testing.assert_allclose(samples.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(samples.T @ samples / 6, factor @ factor.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factor", [np.ones(3), np.ones((3, 0)), np.ones((3, 2), int)])
def test_what_is_no_factor_is_refused(factor):
    with pytest.raises(ValueError, match="factor must be"):
        samples_of_factor(factor)


def test_the_first_order_needs_its_diagonal():
    """Without the middle term of the first-order form a quarter to a third of D is missing."""
    mu, correlation = coherent_problem(coherence=0.0)
    given: dict[str, Any] = {"mu": mu, "sigma": np.ones(48), "hessian": correlation, "batch": BATCH}
    exact = one_step("sign", **given, correlation=correlation).denominator
    first = one_step("sign", **given, correlation=correlation, order=1).denominator
    np.testing.assert_allclose(first, exact, rtol=0.009)
    weight = np.exp(-np.outer(BATCH, mu**2) / 2)
    mean = erf(np.sqrt(np.outer(BATCH, mu**2) / 2)) * np.sign(mu)
    without = [
        e @ correlation @ e + 2 / np.pi * (correlation**2 * np.outer(w, w)).sum()
        for e, w in zip(mean, weight, strict=True)
    ]
    assert np.all((without / exact - 1 < -0.2) & (without / exact - 1 > -0.36))


def test_the_series_reaches_the_exact_law_and_samples_give_the_same():
    mu, correlation = coherent_problem()
    samples = samples_of_factor(np.linalg.cholesky(correlation))
    given: dict[str, Any] = {"mu": mu, "hessian": correlation, "batch": BATCH}
    dense: dict[str, Any] = {**given, "sigma": np.ones(48), "correlation": correlation}
    exact = one_step("sign", **dense).denominator
    independent = one_step("sign", **given, sigma=np.ones(48)).denominator
    assert np.all(independent < 0.5 * exact)
    first = one_step("sign", **dense, order=1).denominator
    np.testing.assert_allclose(first, exact, rtol=0.03)
    np.testing.assert_allclose(one_step("sign", **dense, order=ORDER).denominator, exact, rtol=1e-6)
    sampled = one_step("sign", **given, noise_samples=samples, order=1)
    np.testing.assert_allclose(sampled.denominator, first, rtol=1e-12)
    np.testing.assert_array_equal(sampled.denominator_sem, 0)
    third = one_step("sign", **given, noise_samples=samples, order=3, draws=1000)
    assert np.all(abs(third.denominator - exact) < 5 * third.denominator_sem + 0.002 * exact)


def test_random_tuples_of_samples_give_the_series_without_its_diagonal():
    """Three coordinates, where tuples tell: what ρ³ claims of the diagonal is taken off."""
    mu, correlation = np.array([0.3, 0.1, -0.2]), 0.5 + 0.5 * np.eye(3)
    given: dict[str, Any] = {"mu": mu, "hessian": correlation, "batch": [1.0, 16.0], "order": 3}
    dense = one_step("sign", **given, sigma=np.ones(3), correlation=correlation).denominator
    samples = samples_of_factor(np.linalg.cholesky(correlation))
    sampled = one_step("sign", **given, noise_samples=samples, draws=200_000)
    assert np.all(sampled.denominator_sem < 0.003 * dense)
    assert np.all(abs(sampled.denominator - dense) < 4.5 * sampled.denominator_sem)


MILLION = """
import json, time
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
from theory import one_step, samples_of_factor

d, rng = 10**6, np.random.default_rng(0)
diagonal, vector = (jnp.asarray(x) for x in (rng.uniform(0.5, 1.5, d), 1e-3 * rng.normal(size=d)))

class RankOne:
    def __init__(self):
        self.diagonal = diagonal + vector**2
    def matvec(self, v):
        return diagonal * v + vector * (vector @ v)

samples = samples_of_factor(rng.normal(size=(d, 4)).astype(np.float32))
given = {"mu": 0.1 * rng.normal(size=d), "hessian": RankOne(), "noise_samples": samples}
start = time.process_time()
first = one_step("sign", **given, batch=16.0, order=1)
drawn = one_step("sign", **given, batch=16.0, draws=8)
seconds = time.process_time() - start
memory = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
sums = (first.denominator, drawn.denominator, drawn.denominator_sem, diagonal.sum())
print(json.dumps([seconds, int(memory) / 1e6, *map(float, sums)]))
"""


def test_a_million_coordinates_with_low_rank_noise_take_seconds_and_no_square_array():
    done = subprocess.run(
        [sys.executable, "-c", MILLION], capture_output=True, text=True, check=True
    )
    seconds, gigabytes, first, drawn, error, trace = json.loads(done.stdout)
    assert seconds < 10  # of processor time for both routes; 5 on an idle machine
    assert gigabytes < 1
    assert abs(drawn - first) < 5 * error
    assert first == pytest.approx(trace, rel=1e-3)  # sign² = 1 on a diagonal as good as all of H

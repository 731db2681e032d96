"""What the laws ask of the noise: its shape and its correlation; see `test_theory_hypotheses`."""

from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from theory import LAWS, correlated_small_batch, one_step, optimal_lr


def test_without_independent_samples():
    """A batch of one sample repeated is a batch of one."""
    rng = np.random.default_rng(0)
    gradients = 0.5 + rng.normal(size=(100_000, 1))
    repeated = np.sign(np.repeat(gradients, 16, axis=1).mean(axis=1)).mean()
    several = np.sign((0.5 + rng.normal(size=(100_000, 16))).mean(axis=1)).mean()
    assert several == pytest.approx(erf(np.sqrt(8) * 0.5), abs=0.01)
    assert repeated == pytest.approx(erf(np.sqrt(0.5) * 0.5), abs=0.01)
    assert abs(repeated - several) > 0.5


def test_without_gaussian():
    """μ = 1, σ = 4 from −1 and 9 with odds 4 : 1: the update points uphill at B = 1."""
    values, odds = np.array([-1.0, 9.0]), np.array([0.8, 0.2])
    assert odds @ values == pytest.approx(1)
    assert odds @ (values - 1) ** 2 == pytest.approx(16)
    assert odds @ np.sign(values) < 0 < LAWS["sign_mean"].jax(1.0, 4.0, 1.0)


def test_without_independent_coordinates():
    """Coherent noise on a coherent Hessian: the independent law is two times too large."""
    size, correlation = 8, np.full((8, 8), 0.9) + 0.1 * np.eye(8)
    problem = {"mu": np.full(size, 0.1), "sigma": np.ones(size), "hessian": correlation}
    rng = np.random.default_rng(1)
    draws = 0.1 + rng.normal(size=(50_000, size)) @ np.linalg.cholesky(correlation).T
    update = np.sign(draws)
    curvature = np.einsum("mi,ij,mj->m", update, correlation, update)
    true = update.mean(axis=0).sum() * 0.1 / curvature.mean()
    assert optimal_lr("sign", batch=1, **problem) > 2 * true
    correlated = optimal_lr("sign", batch=1, correlation=correlation, **problem)
    assert correlated == pytest.approx(true, rel=0.05)


def test_without_jointly_gaussian():
    """Two normal variables without correlation, one the other's mirror image beyond 1.538."""
    x = np.random.default_rng(2).normal(size=400_000)
    y = np.where(np.abs(x) < 1.538, x, -x)
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(0, abs=0.01)
    assert np.mean(np.sign(x) * np.sign(y)) > 0.7
    assert LAWS["arcsine"].jax(0.0) == 0


def test_without_zero_means():
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 200_000))
    y = 0.5 * x + np.sqrt(0.75) * z
    centred, shifted = (np.cov(np.sign(x + m), np.sign(y + m))[0, 1] for m in (0, 2))
    assert centred == pytest.approx(float(LAWS["arcsine"].jax(0.5)), abs=0.01)
    assert shifted < 0.1


def test_without_first_order():
    """Two coins of correlation 0.9: their signs agree more than the first order tells."""
    both = np.ones((2, 2))
    noise: dict[str, Any] = {"correlation": np.array([[1, 0.9], [0.9, 1]])}
    given: dict[str, Any] = {"mu": [1e-9, 1e-9], "sigma": [1.0, 1.0], "hessian": both, "batch": 1}
    exact = one_step("sign", **given, **noise).denominator
    assert exact == pytest.approx(2 + 4 / np.pi * np.arcsin(0.9))
    assert one_step("sign", **given, **noise, order=1).denominator < 0.93 * exact


def correlated(rho, size=32):
    """One ratio 1/20, H equicorrelated at 0.3, noise at ρ."""
    both = [(1 - value) * np.eye(size) + value for value in (0.3, rho)]
    return np.full(size, 0.05), np.ones(size), *both


def peak_of(mu, sigma, hessian, correlation):
    batch = 10.0 ** np.arange(1, 5, 0.05)
    noise: dict[str, Any] = {"sigma": sigma, "correlation": correlation}
    return batch[optimal_lr("sign", mu=mu, hessian=hessian, batch=batch, **noise).argmax()]


def test_without_weakly_correlated():
    strong, weak = (correlated(rho) for rho in (0.9, 0.1))
    assert correlated_small_batch(*weak).b_noise == pytest.approx(peak_of(*weak), rel=0.15)
    assert correlated_small_batch(*strong).b_noise < 0.6 * peak_of(*strong)


def test_without_nearly_perfect():
    strong, weak = (correlated(rho) for rho in (0.9, 0.1))
    sums = (20.0, 32.0, weak[2].sum())
    law = LAWS["equicorrelated_peak"]
    assert float(law.jax(*sums, 0.9)) == pytest.approx(peak_of(*strong), rel=0.1)
    assert float(law.jax(*sums, 0.1)) > 1.5 * peak_of(*weak)


def test_without_equicorrelated():
    """Two groups, perfectly correlated within: Q > 2T, but D does not depend on B."""
    groups = np.kron(np.eye(2), np.ones((3, 3)))
    given: dict[str, Any] = {
        "mu": np.full(6, 0.1),
        "sigma": np.ones(6),
        "hessian": groups,
        "correlation": groups,
    }
    step = one_step("sign", **given, batch=[1, 100, 10_000])
    np.testing.assert_allclose(step.denominator, 18, rtol=1e-6)
    assert np.all(np.diff(step.lr_star) > 0)


def test_without_positive_d0():
    """No curvature on the diagonal: ε* falls from the first, and there is no √B to rise on."""
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.isnan(correlated_small_batch([0.1, 0.1], [1, 1], swap - 0.1, np.eye(2)).b_noise)
    lr = optimal_lr("sign", mu=[0.1, 0.1], sigma=[1, 1], hessian=swap, batch=[1, 4])
    assert lr[1] == pytest.approx(lr[0] / 2, rel=0.02)


def test_without_positive_d1():
    """D1 < 0 names no peak, yet ε* surges: a pair of high ratio hides one of low ratio."""
    hessian = np.array([[1, -0.1, 0, 0], [-0.1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    mu, sigma = [1, 1, 0.02, 0.02], np.ones(4)
    assert np.isnan(correlated_small_batch(mu, sigma, hessian, np.eye(4)).b_noise)
    lr = optimal_lr("sign", mu=mu, sigma=sigma, hessian=hessian, batch=[10, 10**6])
    assert lr[1] < 0.7 * lr[0]


def test_without_smooth_samples():
    """g = μ ± 1, B = 100: the signs cancel in C(100, 50)/2¹⁰⁰ of the batches; then μ decides."""
    ups = np.random.default_rng(1).binomial(100, 0.5, size=400_000)
    measured = np.sign(2 * ups - 100 + 0.1).mean()
    smooth = LAWS["edgeworth_second"].jax(0.01, 100.0, 0.0, -2.0)
    assert measured == pytest.approx(0.0796, abs=0.006)
    assert float(smooth) < 0.01


def test_without_four_moments():
    """Student's t with 3 degrees of freedom and mean 1 is more certain of its sign than that."""
    gradients = 1 + np.random.default_rng(2).standard_t(3, size=200_000)
    gaussian = LAWS["edgeworth_first"].jax(3**-0.5, 1.0, 0.0)
    assert np.sign(gradients).mean() == pytest.approx(0.609, abs=0.01)
    assert float(gaussian) == pytest.approx(0.436, abs=1e-3)


def test_without_gaussian_copula():
    """Two coordinates of one mask: uncorrelated signs, and yet a correlated number of zeros."""
    rng = np.random.default_rng(3)
    signs = np.where(rng.random((200_000, 1)) < 0.5, np.sign(rng.normal(size=(200_000, 2))), 0.0)
    assert np.cov(signs.T)[0, 1] == pytest.approx(0, abs=0.01)
    assert np.cov((signs**2).T)[0, 1] == pytest.approx(0.25, abs=0.01)

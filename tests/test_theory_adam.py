"""Adam and RMSProp as rules: limits, the surge on a diagonal Hessian, simulation, bad input."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory import LAWS, one_step, optimal_lr
from theory.rules.adam import adam_moments

RNG = np.random.default_rng


def simulated(beta1, beta2, mu, factor, *, runs, burn_in, kept, seed=0):
    """V of stationary Adam, (kept, runs, d): gradients μ + z·factorᵀ, state started at its mean."""
    rng = RNG(seed)
    mean = np.tile(mu, (runs, 1))
    square = np.tile(mu**2 + np.square(factor).sum(axis=1), (runs, 1))
    updates = []
    for step in range(burn_in + 4 * kept):
        gradient = mu + rng.normal(size=(runs, factor.shape[1])) @ factor.T
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        if step >= burn_in and step % 4 == 0:
            updates.append(mean / np.sqrt(square))
    return np.array(updates)


def coherent(size, seed=1):
    """A Hessian with a coherent part, means, and the factor of a noise that resembles it."""
    rng = RNG(seed)
    direction = rng.choice([-1.0, 1.0], size)
    hessian = np.diag(rng.uniform(0.5, 1.5, size)) + np.outer(direction, direction)
    scale = rng.uniform(0.5, 2, size)
    correlation = 0.3 * np.eye(size) + 0.7 * np.outer(direction, direction)
    return hessian, rng.normal(size=size), scale, correlation


@pytest.mark.parametrize("betas", [(0.9, 0.95), (0.0, 0.95), (0.9, 0.9)], ids=str)
def test_simulated_adam_under_correlated_noise(betas):
    hessian, mu, sigma, correlation = coherent(6)
    factor = np.linalg.cholesky(correlation) * sigma[:, None]
    updates = simulated(betas[0], betas[1], mu, factor, runs=6000, burn_in=160, kept=60)
    law = one_step("adam", mu=mu, sigma=sigma, hessian=hessian, batch=1, correlation=correlation,
                   beta1=betas[0], beta2=betas[1])  # fmt: skip
    numerator = (updates @ mu).mean(axis=0)
    curvature = np.einsum("kri,ij,krj->kr", updates, hessian, updates).mean(axis=0)
    for found, drawn in ((law.numerator, numerator), (law.denominator, curvature)):
        error = drawn.std() / np.sqrt(len(drawn))
        assert error < 0.004 * drawn.mean()
        assert abs(found - drawn.mean()) < 4.5 * error + 2e-3 * drawn.mean()
    independent = one_step("adam", mu=mu, sigma=sigma, hessian=hessian, batch=1,
                           beta1=betas[0], beta2=betas[1])  # fmt: skip
    assert independent.denominator < 0.9 * law.denominator


def test_moments_of_simulated_adam():
    mu = np.array([0.0, 0.2, 1.0, 3.0])
    updates = simulated(0.9, 0.95, mu, np.eye(4), runs=20_000, burn_in=120, kept=10, seed=2)
    mean, variance = adam_moments(jnp.asarray(mu), jnp.ones(4), 1.0, beta1=0.9, beta2=0.95)
    by_run = updates.mean(axis=0)
    error = by_run.std(axis=0) / np.sqrt(len(by_run))
    assert (np.abs(by_run.mean(axis=0) - mean) < 4.5 * error).all()
    assert_allclose(updates.var(axis=(0, 1)), variance, rtol=0.02)


def test_before_and_after_the_correction_at_the_second_decay_095():
    """ε* of one coordinate: 4.2 % off with β2 → 1, within 0.5 % with the first correction."""
    signals = jnp.geomspace(1e-3, 1e3, 61)
    for beta1, before, after in ((0.9, 0.0425, 0.005), (0.0, 0.025, 0.004)):
        exact, limit = (
            _rate(*adam_moments(signals, jnp.ones(61), 1.0, beta1=beta1, beta2=beta2))
            for beta2 in (0.95, 1.0)
        )
        laws = (LAWS[f"adam_first_{name}"] for name in ("mean", "variance"))
        first = _rate(*(law.jax(signals, 1.0, 1.0, beta1, 0.95) for law in laws))
        assert 0.95 * before < jnp.abs(limit / exact - 1).max() < before
        assert jnp.abs(first / exact - 1).max() < after


def _rate(mean, variance):
    return mean / (variance + mean**2)


def test_a_long_memory_approaches_the_limit():
    mu, sigma = jnp.array([0.0, 0.5, 4.0]), jnp.array([1.0, 2.0, 0.5])
    near, limit = (adam_moments(mu, sigma, 8.0, beta1=0.9, beta2=b) for b in (1 - 1e-7, 1.0))
    assert_allclose(near.mean, limit.mean, rtol=1e-7)
    assert_allclose(near.variance, limit.variance, rtol=1e-5)


def test_rmsprop_is_adam_without_momentum():
    given = {"mu": [0.3, -1.0], "sigma": [1.0, 2.0], "hessian": np.eye(2), "batch": [1, 64]}
    for beta2 in (0.95, 1.0):
        rmsprop = optimal_lr("rmsprop", **given, beta2=beta2)
        assert_allclose(rmsprop, optimal_lr("adam", **given, beta1=0.0, beta2=beta2), rtol=1e-14)


@pytest.mark.parametrize("beta2", [1.0, 0.999])
def test_on_a_diagonal_hessian_adam_surges_if_momentum_is_above_a_third(beta2):
    kappa, given = 30.0, {"mu": np.ones(2), "hessian": np.diag([1.0, 3.0]), "beta2": beta2}
    peak = float(LAWS["adam_common_peak"].jax(4.0, 4.0, kappa, 0.9))
    assert peak == pytest.approx(kappa**2 * 0.1 / 1.7)
    given |= {
        "sigma": np.full(2, kappa),
        "batch": peak * np.array([0.25, 0.8, 1.0, 1.25, 4.0, 1e6]),
    }
    lr = optimal_lr("adam", **given, beta1=0.9)
    assert (np.diff(lr[:3]) > 0).all()
    assert (np.diff(lr[2:]) < 0).all()
    assert lr[2] / lr[-1] == pytest.approx(19 / (2 * np.sqrt(18)), rel=2e-3)
    assert (np.diff(optimal_lr("adam", **given, beta1=0.3)) > 0).all()


def test_the_peak_is_not_the_critical_batch():
    peak, half = (LAWS[f"adam_common_{name}"].jax(2.0, 5.0, 7.0, 0.8) for name in ("peak", "half"))
    assert float(1 / half - 1 / peak) == pytest.approx(2 / 49)


def test_samples_of_the_noise_give_what_their_correlation_gives():
    hessian, mu, sigma, correlation = coherent(6)
    samples = RNG(3).normal(size=(40, 6)) @ np.linalg.cholesky(correlation).T * sigma
    samples -= samples.mean(axis=0)
    given = {"mu": mu, "hessian": hessian, "batch": [1, 16], "beta2": 0.95}
    by_samples = one_step("adam", **given, noise_samples=samples)
    scale = samples.std(axis=0)
    own = samples.T @ samples / len(samples) / np.outer(scale, scale)
    dense = one_step("adam", **given, sigma=scale, correlation=own)
    gap = np.abs(by_samples.denominator - dense.denominator)
    assert (gap <= 5 * by_samples.denominator_sem + 1e-12).all()
    assert (by_samples.denominator_sem < 2e-3 * dense.denominator).all()


@pytest.mark.parametrize(
    ("rule", "parameters", "message"),
    [
        ("adam", {"beta1": 1.0}, "beta1 must be in"),
        ("adam", {"beta2": 1.5}, "beta2 must be in"),
        ("adam", {"beta2": 0.0}, "beta2 = 0 needs beta1 = 0"),
        ("rmsprop", {"beta2": "much"}, "beta2 must be a number"),
        ("rmsprop", {"beta1": 0.9}, "no parameter beta1"),
        ("adam", {"beta2": float("nan")}, "beta2 must be in"),
    ],
    ids=["beta1", "beta2", "no-memory", "text", "unknown", "nan"],
)
def test_bad_parameters_are_refused_by_name(rule, parameters, message):
    with pytest.raises(ValueError, match=message):
        optimal_lr(rule, mu=[1.0], sigma=[1.0], hessian=[[1.0]], batch=1, **parameters)

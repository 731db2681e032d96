"""Families of noise beyond the Gaussian, by their moments and by drawing batches in full."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom, expon, ks_2samp, kstest, laplace, norm, t

from sim import FAMILIES, Quadratic, measure_one_step, sample_gradients
from sim.families import DEGREES, SHARE
from sim.quadratic import draw_noise, draw_noise_mean, validated

FALSE_ALARM = 1e-4
N = 21_000
MU = np.array([0.4, -0.2, 0.3])
SIGMA = np.array([1.0, 0.5, 2.0])
SKEWNESS = {
    "gaussian": 0.0, "exponential": 2.0, "laplace": 0.0, "student": 0.0, "sparse": 0.0,
    "bernoulli": (1 - 2 * SHARE) / np.sqrt(SHARE * (1 - SHARE)),
}  # fmt: skip


def unit(family: str) -> Quadratic:
    """One coordinate of unit noise in float64."""
    one = jnp.ones(1, jnp.float64)
    return validated(Quadratic(one, one, one, family))


def three(family: str, noise=SIGMA) -> Quadratic:
    hessian = np.eye(3) + 0.3
    h, theta, noise = (
        jnp.asarray(x, jnp.float32) for x in (hessian, np.linalg.solve(hessian, MU), noise)
    )
    return Quadratic(h, theta, noise, family)


@cache
def compiled(draw, family: str):
    problem = unit(family)
    return jax.jit(lambda key, *batch: draw(problem, key, N, *batch)[:, 0])


def drawn(draw, family: str, *batch, seed=0):
    return np.asarray(compiled(draw, family)(jax.random.key(seed), *map(jnp.float64, batch)))


def z_of(x, expected) -> float:
    """How many standard errors the mean of x is from what is expected."""
    return abs(x.mean() - expected) / (x.std() / np.sqrt(len(x)))


@pytest.mark.parametrize("family", FAMILIES)
def test_one_draw_has_zero_mean_unit_variance_and_its_skewness(family):
    z, limit = drawn(draw_noise, family), norm.isf(FALSE_ALARM / 2 / 18)
    assert z_of(z, 0.0) < limit
    assert z_of(z**2, 1.0) < limit
    assert z_of(z**3, SKEWNESS[family]) < limit
    if SKEWNESS[family]:
        assert z_of(z**3, 0.0) > limit
        assert z_of(z**3, -SKEWNESS[family]) > limit


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("family", [name for name, f in FAMILIES.items() if f.mean])
def test_the_law_of_a_batch_mean_is_that_of_averaged_samples(family, batch):
    """Kolmogorov–Smirnov, and the moments 0, 1/B, γ/B²; another batch size is told apart."""
    direct = drawn(draw_noise_mean, family, batch, seed=1)
    averaged = drawn(draw_noise, family).reshape(-1, batch).mean(1)
    direct, averaged = direct.round(9), averaged.round(9)  # ties of discrete laws stay ties
    distance: Any = ks_2samp(direct, averaged)
    assert distance.pvalue > FALSE_ALARM
    limit = norm.isf(FALSE_ALARM / 2 / 30)
    assert z_of(direct, 0.0) < limit
    assert z_of(direct**2, 1 / batch) < limit < z_of(direct**2, 1 / (batch + 1))
    assert z_of(direct**3, SKEWNESS[family] / batch**2) < limit


def test_families_are_those_of_their_names():
    scale = np.sqrt(DEGREES / (DEGREES - 2))
    laws = {
        "gaussian": norm.cdf,
        "exponential": lambda x: expon.cdf(x + 1),
        "laplace": lambda x: laplace.cdf(x * np.sqrt(2)),
        "student": lambda x: t.cdf(x * scale, DEGREES),
    }
    for name, law in laws.items():
        z = drawn(draw_noise, name)
        assert kstest(z, law).pvalue > FALSE_ALARM / 4
        assert (kstest(z, norm.cdf).pvalue < FALSE_ALARM) == (name != "gaussian")
    active = np.count_nonzero(drawn(draw_noise, "sparse"))
    assert binom.cdf([active, N - active], N, [SHARE, 1 - SHARE]).min() > FALSE_ALARM
    assert len(np.unique(drawn(draw_noise, "bernoulli"))) == 2


def test_large_batches_are_gaussian():
    for name, family in FAMILIES.items():
        if family.mean:
            x = 1000.0 * drawn(draw_noise_mean, name, 10**6)
            assert kstest(x, norm.cdf).pvalue > FALSE_ALARM / 6


@pytest.mark.parametrize("family", FAMILIES)
def test_sgd_sees_only_mean_and_covariance(family):
    """E[VᵀHV] = GᵀHG + tr(HΣ)/B whatever the family."""
    problem = three(family)
    step = measure_one_step("sgd", problem, batch=2, samples=50_000, key=jax.random.key(1))
    h = np.asarray(problem.hessian, np.float64)
    for part, law in (
        (step.numerator, MU @ MU),
        (step.denominator, MU @ h @ MU + np.diag(h) @ SIGMA**2 / 2),
    ):
        assert abs(part.mean - law) < norm.isf(FALSE_ALARM / 24) * part.sem + 1e-5 * law
    assert step.denominator.sem < 0.02 * step.denominator.mean


@pytest.mark.parametrize("family", FAMILIES)
def test_only_symmetric_noise_is_drawn_in_opposite_pairs(family):
    """SGD's VᵀG has the standard error √(GᵀΣG/(nB)) of single draws, or none."""
    numerator = measure_one_step(
        "sgd", three(family), batch=2, samples=50_000, key=jax.random.key(1)
    ).numerator
    single = np.sqrt(((MU * SIGMA) ** 2).sum() / 2 / numerator.n)
    assert FAMILIES[family].symmetric == (SKEWNESS[family] == 0)
    if FAMILIES[family].symmetric:
        assert numerator.sem == 0
    else:
        assert numerator.sem == pytest.approx(single, rel=0.05)


def test_the_sign_of_skewed_samples_is_not_that_of_gaussian_ones():
    """P(ĝ > 0) = exp(μ/σ − 1) at B = 1 for one exponential coordinate with μ < σ."""
    one = jnp.ones(1, jnp.float32)
    problem = Quadratic(one, 0.3 * one, one, "exponential")
    part = measure_one_step(
        "sign", problem, batch=1, samples=50_000, key=jax.random.key(1)
    ).numerator
    law = 0.3 * (2 * np.exp(0.3 - 1) - 1)
    gauss = 0.3 * (2 * norm.cdf(0.3) - 1)
    assert abs(part.mean - law) < norm.isf(FALSE_ALARM / 2) * part.sem
    assert abs(part.mean - gauss) > norm.isf(FALSE_ALARM / 2) * part.sem


def test_a_rule_with_memory_meets_skewed_samples_in_single_chains():
    c, batch = 1 / 3, 2
    problem = three("exponential")
    step = measure_one_step(
        "momentum", problem, batch=batch, samples=20_000, key=jax.random.key(1), beta1=0.5
    )
    h = np.asarray(problem.hessian, np.float64)
    law = MU @ h @ MU + c * np.diag(h) @ SIGMA**2 / batch
    assert abs(step.denominator.mean - law) < norm.isf(FALSE_ALARM / 2) * step.denominator.sem
    assert step.numerator.sem > 0


# Sample gradients


@pytest.mark.parametrize("family", ["gaussian", "exponential"])
def test_sample_gradients_have_the_problems_mean_and_covariance(family):
    mixing = np.array([[1.0, 0.0], [0.5, 1.0], [-1.0, 0.3]])
    x = np.asarray(sample_gradients(three(family, mixing), jax.random.key(2), N))
    assert x.shape == (N, 3)
    limit = norm.isf(FALSE_ALARM / 2 / 9)
    for i in range(3):
        assert z_of(x[:, i], MU[i]) < limit
        for j in range(i, 3):
            assert z_of((x - MU)[:, i] * (x - MU)[:, j], (mixing @ mixing.T)[i, j]) < limit
    again = np.asarray(sample_gradients(three(family, mixing), jax.random.key(2), N))
    np.testing.assert_array_equal(x, again)


# Structure


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_draws_take_the_dtype_of_theta(family, dtype):
    one = jnp.ones(2, dtype)
    problem = validated(Quadratic(one, one, one, family))
    batch = jnp.asarray(4, dtype)
    for draw in (
        lambda: draw_noise(problem, jax.random.key(0), 3),
        lambda: draw_noise_mean(problem, jax.random.key(0), 3, batch),
    ):
        assert jax.eval_shape(draw).dtype == dtype


def test_a_family_is_no_array_of_the_problem():
    problem = validated(three("laplace"))
    assert len(jax.tree.leaves(problem)) == 3
    assert jax.jit(lambda p: p)(problem).family is FAMILIES["laplace"]


@pytest.mark.parametrize("family", ["cauchy", None, 3])
def test_an_unknown_family_is_named(family):
    one = jnp.ones(2, jnp.float32)
    with pytest.raises(ValueError, match="unknown family"):
        validated(Quadratic(one, one, one, family))


def test_a_fraction_of_a_sample_cannot_be_averaged():
    with pytest.raises(ValueError, match="only a whole number of samples can be averaged"):
        measure_one_step("sgd", three("student"), batch=2.5, samples=2, key=jax.random.key(0))

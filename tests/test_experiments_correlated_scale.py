"""D0/D1 of a network from random rows of its Hessian, against the sums over all pairs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import theory
from experiments.correlated_scale import correlated_scale
from sim import measure, network
from sim.measure import Population

SAMPLES, INPUTS, CLASSES = 40, 3, 3
KEY = jax.random.key(5)


def logits(theta, inputs):
    first = theta[: 4 * INPUTS].reshape(INPUTS, 4)
    second = theta[4 * INPUTS :].reshape(4, CLASSES)
    return jnp.tanh(inputs @ first) @ second


@pytest.fixture(scope="module")
def point() -> network.Point:
    keys = jax.random.split(KEY, 3)
    inputs = 1.5 + jax.random.normal(keys[0], (SAMPLES, INPUTS), jnp.float32)
    labels = jax.random.randint(keys[1], (SAMPLES,), 0, CLASSES)
    theta = jax.random.normal(keys[2], (4 * (INPUTS + CLASSES),), jnp.float32)
    return network.at_point(logits, theta, Population(inputs, labels))


@pytest.fixture(scope="module")
def whole(point):
    """The formula over all pairs, from dense matrices."""
    g = np.asarray(point.gradients, float)
    hessian = jax.vmap(
        lambda v: measure.hessian_product(point.logits, point.theta, point.population, v)
    )(jnp.eye(g.shape[1], dtype=jnp.float32))
    hessian = np.asarray(hessian, float)
    return theory.correlated_small_batch(
        g.mean(0), g.std(0), (hessian + hessian.T) / 2, np.corrcoef(g.T)
    )


def test_of_all_rows_it_is_the_formula(point, whole):
    found = correlated_scale(point, 1000, KEY)
    np.testing.assert_allclose(found.corr_D0, whole.D0, rtol=1e-4)
    np.testing.assert_allclose(found.corr_D1, whole.D1, rtol=1e-4)
    assert float(found.corr_D0_sem) == float(found.corr_D1_sem) == 0
    there = whole.D0 > 0 and whole.D1 > 0
    assert bool(np.isfinite(found.b_noise_correlated)) is there
    if there:
        np.testing.assert_allclose(found.b_noise_correlated, whole.b_noise, rtol=1e-4)


def test_of_some_rows_it_is_unbiased_and_its_error_is_its_spread(point, whole):
    """|z| ≤ 4.5 in two means, and the ratio of a mean variance to within 0.6: one false alarm in
    some 10⁵."""
    rows, runs = 8, 200
    found = [correlated_scale(point, rows, jax.random.fold_in(KEY, k)) for k in range(runs)]
    for name in ("D0", "D1"):
        values, sems = (
            np.array([float(one[f"corr_{name}{end}"]) for one in found]) for end in ("", "_sem")
        )
        assert abs(values.mean() - getattr(whole, name)) < 4.5 * values.std() / np.sqrt(runs)
        assert (sems**2).mean() / values.var() == pytest.approx(1, abs=0.6)


def test_threads_change_nothing(point):
    one, two = (correlated_scale(point, 20, KEY, threads=threads) for threads in (1, 2))
    assert one.equals(two)


def test_pairs_of_one_noise_have_no_slope_and_are_outside(point):
    """Two coordinates with the same gradients: |ρ| = 1."""
    twice = jnp.concatenate([point.theta, point.theta])

    def doubled(theta, inputs):
        half = theta.size // 2
        return logits((theta[:half] + theta[half:]) / 2, inputs)

    found = correlated_scale(network.at_point(doubled, twice, point.population), 1000, KEY)
    assert np.isfinite(found.corr_D1)
    assert float(found.corr_outside) > 0.05


def test_no_scale_without_growth(point):
    """Without a mean gradient nothing grows with B."""
    mean = point.gradients.mean(0)
    still = point._replace(gradients=point.gradients - mean, mean=0 * mean)
    found = correlated_scale(still, 1000, KEY)
    assert abs(float(found.corr_D1)) < 1e-6 * float(found.corr_D0)
    assert np.isnan(found.b_noise_correlated)

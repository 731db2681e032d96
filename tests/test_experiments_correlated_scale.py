"""D0/D1 of a network from random rows of its Hessian, against the sums over all pairs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import theory
from experiments import correlated_scale as module
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
def hessian(point) -> np.ndarray:
    rows = jax.vmap(
        lambda v: measure.hessian_product(point.logits, point.theta, point.population, v)
    )(jnp.eye(point.theta.size, dtype=jnp.float32))
    return np.asarray(rows, float)


@pytest.fixture(scope="module")
def whole(point, hessian):
    """The formula over all pairs, from dense matrices."""
    g = np.asarray(point.gradients, float)
    return theory.correlated_small_batch(
        g.mean(0), g.std(0), (hessian + hessian.T) / 2, np.corrcoef(g.T)
    )


def test_outside_is_the_share_of_pairs_whose_means_are_too_large(point, whole, hessian):
    g = np.asarray(point.gradients, float)
    ratio, rho = g.mean(0) / g.std(0), np.abs(np.corrcoef(g.T))
    pairs = ~np.eye(len(ratio), dtype=bool) & (ratio[:, None] ** 2 + ratio**2 >= 1 - rho)
    share = (np.abs(hessian) * pairs).sum() / np.abs(hessian).sum()
    np.testing.assert_allclose(correlated_scale(point, 1000, KEY).corr_outside, share, rtol=1e-4)
    assert share > 0
    assert whole.D0 > 0


def test_a_parameter_that_nothing_depends_on_changes_nothing(point, whole):
    def longer(theta, inputs):
        return logits(theta[:-1], inputs)

    more = network.at_point(longer, jnp.append(point.theta, 3), point.population)
    found = correlated_scale(more, 1000, KEY)
    np.testing.assert_allclose(found.corr_D0, whole.D0, rtol=1e-4)
    np.testing.assert_allclose(found.corr_D1, whole.D1, rtol=1e-4)


def from_rows(point, monkeypatch, start, slope) -> dict[str, float]:
    """Of rows whose sums are `start` and `slope`; as many as are drawn."""

    def sums(*arguments):
        chosen = arguments[-1]
        each = np.ones(len(chosen))
        return start[np.asarray(chosen)], slope[np.asarray(chosen)], each, 0 * each

    monkeypatch.setattr(module, "_sums", sums)
    found = correlated_scale(point, 12, KEY)
    return {str(name): float(value) for name, value in found.items()}


def test_the_error_of_the_ratio_is_that_of_both_sums(point, monkeypatch):
    """To first order: n √(1 − m/n) sd(start − (D0/D1) slope)/(√m D1), over the m drawn rows."""
    n = point.theta.size
    rng = np.random.default_rng(3)
    start, slope = 2 + 0.3 * rng.standard_normal(n), 1 + 0.2 * rng.standard_normal(n)
    found = from_rows(point, monkeypatch, start, slope)
    m = 12
    chosen = np.asarray(jax.random.choice(KEY, n, (m,), replace=False))
    scale = start[chosen].mean() / slope[chosen].mean()
    spread = (start - scale * slope)[chosen].std(ddof=1)
    error = np.sqrt((1 - m / n) / m) * spread / slope[chosen].mean()
    assert found["b_noise_correlated"] == pytest.approx(scale, rel=1e-6)
    assert found["b_noise_correlated_mc"] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("vague", ["start", "slope"])
def test_no_scale_where_either_sum_is_not_above_zero_by_its_interval(point, monkeypatch, vague):
    rng = np.random.default_rng(3)
    sure = np.ones(point.theta.size)
    noisy = 1 + 5 * rng.standard_normal(point.theta.size)
    sums = {"start": sure, "slope": sure} | {vague: noisy + 0.5 - noisy.mean()}
    found = from_rows(point, monkeypatch, sums["start"], sums["slope"])
    assert found[f"corr_D{int(vague == 'slope')}"] > 0
    assert np.isnan(found["b_noise_correlated"])


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
    assert np.isfinite([found.corr_D0, found.corr_D1]).all()
    assert float(found.corr_outside) > 0.05


def test_no_scale_without_growth(point):
    """Without a mean gradient nothing grows with B."""
    mean = point.gradients.mean(0)
    still = point._replace(gradients=point.gradients - mean, mean=0 * mean)
    found = correlated_scale(still, 1000, KEY)
    assert abs(float(found.corr_D1)) < 1e-6 * float(found.corr_D0)
    assert np.isnan(found.b_noise_correlated)

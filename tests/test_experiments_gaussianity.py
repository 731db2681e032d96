"""The test of Gaussian values: its level, its power, and what the mean over a minibatch does.

A share is compared in units of its binomial standard error, beyond z = 4.4 (two-sided false-alarm
rate 1e-5 each).
"""

import jax
import numpy as np
import pytest

from experiments.gaussianity import LEVEL, TRIALS, gaussianity, power
from sim.measure import minibatch_gradients

ROWS, WIDTH, Z = 512, 1000, 4.4
KEY = jax.random.key(3)
ASYMPTOTIC = 1.5  # K² is χ² only for n → ∞: at n = 512 up to half more samples are rejected


def drawn(draw) -> np.ndarray:
    return draw(np.random.default_rng(7), (ROWS, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def gaussian():
    return gaussianity(drawn(lambda g, s: g.standard_normal(s)), (1, 16), 2 * WIDTH, KEY)


@pytest.fixture(scope="module")
def skewed():
    return gaussianity(drawn(lambda g, s: g.exponential(size=s)), (1, 4, 64, 256), WIDTH, KEY)


def band(share: float, count: int) -> float:
    return Z * np.sqrt(share * (1 - share) / count)


def test_of_gaussian_values_a_share_of_about_the_level_is_rejected(gaussian):
    for share in gaussian.rejected.values:
        assert share <= ASYMPTOTIC * LEVEL + band(ASYMPTOTIC * LEVEL, WIDTH)
        assert share > 0
    assert abs(gaussian.kurtosis[0]) < 0.05
    assert gaussian.skewness[0] < 0.1


def test_other_values_are_beyond_that_band(skewed):
    share = ASYMPTOTIC * LEVEL
    assert (skewed.rejected.values[:3] > share + band(share, WIDTH)).all()


def test_the_mean_over_a_minibatch_is_the_more_gaussian_the_larger_it_is(skewed):
    for name in ("rejected", "skewness", "kurtosis"):
        values = skewed[name].values
        assert (np.diff(values) < 0).all() or (name == "rejected" and values[0] == values[1] == 1)
    # of a sum of B the skewness is that of one, 2, over √B, the excess kurtosis 6/B
    np.testing.assert_allclose(skewed.skewness.values[:3], [2, 1, 0.25], rtol=0.15)
    np.testing.assert_allclose(skewed.kurtosis.values[:2], [6, 1.5], rtol=0.3)


def test_values_are_counted_whole_and_standardised(gaussian, skewed):
    for found in (gaussian, skewed):
        np.testing.assert_allclose(found["values"].sum("bin"), 1.0)
    middle = gaussian["values"].sel(bin=slice(-1, 1)).sum("bin")
    np.testing.assert_allclose(middle, 0.6827, atol=0.01)


def test_coordinates_that_never_vary_are_left_out_and_each_is_taken_once():
    gradients = drawn(lambda g, s: g.standard_normal(s))
    gradients[:, ::2] = 0.25
    found = gaussianity(gradients, (1,), 2 * WIDTH, KEY)
    assert (int(found.varied), int(found.coordinates)) == (WIDTH // 2, WIDTH // 2)
    assert int(found.samples) == ROWS
    few = gaussianity(gradients, (1,), 20, KEY)
    assert (int(few.varied), int(few.coordinates)) == (WIDTH // 2, 20)


def test_where_all_values_are_the_same_they_are_no_gaussian_s():
    """Each coordinate differs in a sample of its own, which no minibatch has for a share
    (1 − 1/n)^(2n) of them: e⁻², each a test without a p-value."""
    gradients = np.eye(ROWS, dtype=np.float32)
    found = gaussianity(gradients, (2,), ROWS, KEY)
    rows = minibatch_gradients(gradients, jax.random.fold_in(KEY, 0), batch=2, rows=ROWS)
    still = (np.ptp(np.asarray(rows), 0) == 0).mean()
    assert abs(still - np.exp(-2)) < band(np.exp(-2), ROWS)
    assert found.rejected.item() == 1
    assert found.skewness.item() > 1, "the median is of those that have a skewness"
    assert found.kurtosis.item() > 1


def test_the_same_key_gives_the_same_result_and_another_key_other_coordinates():
    gradients = drawn(lambda g, s: g.exponential(size=s))[:, :64]
    first, again, other = (
        gaussianity(gradients, (1, 8), 16, key) for key in (KEY, KEY, jax.random.key(4))
    )
    assert first.identical(again)
    assert not first.equals(other)


def test_a_scale_of_gradients_far_below_one_makes_no_difference():
    gradients = drawn(lambda g, s: g.exponential(size=s))[:, :32]
    plain, small = (gaussianity(s * gradients, (1,), 32, KEY) for s in (1.0, np.float32(2**-60)))
    np.testing.assert_allclose(plain.rejected, small.rejected)
    np.testing.assert_allclose(plain.skewness, small.skewness, rtol=1e-5)


def test_the_power_is_that_share_of_each_alternative():
    found = power(ROWS, 0)
    share = dict(zip(found.alternative.values.tolist(), found.power.values, strict=True))
    level = ASYMPTOTIC * LEVEL
    assert share["Gaussian"] <= level + band(level, TRIALS)
    for name in ("Student t, 4 degrees of freedom", "Laplace"):
        assert share[name] > 0.9
    assert share["Gaussian"] < share["gamma of shape 100 (skewness 0.2)"] < share["Laplace"]
    exact = np.sqrt(found.power * (1 - found.power) / TRIALS)
    assert (found.power_sem >= exact).all()
    assert (found.power_sem > 0).all()


def test_more_samples_see_more_and_a_seed_gives_one_result():
    few, many, again = power(32, 1), power(256, 1), power(32, 1)
    assert (few.power < many.power).values[1:].all()
    assert few.identical(again)

"""Estimates: streaming moments, standard errors, and the intervals' coverage."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm
from scipy.stats import t as student

from sim.estimate import (
    HEAVY_SHARE,
    ROUNDING,
    Z95,
    Estimate,
    Moments,
    chunk_moments,
    mean_estimate,
    merge,
    merged,
    paired_difference,
    propagate,
)

PROPERTY = settings(deadline=None, derandomize=True)
FALSE_ALARM = 1e-4

DRAWS = st.lists(
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=40
).map(np.array)


def moments_of(x) -> Moments:
    return Moments(len(x), *map(np.asarray, chunk_moments(np.asarray(x, np.float64))))


def estimate_of(x, span=0.0) -> Estimate:
    return mean_estimate(moments_of(np.asarray(x)[:, None]), 0, span)


def assert_same(a: Moments, b: Moments, scale):
    assert a.n == b.n
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-13 * scale)
    np.testing.assert_allclose(a.m2, b.m2, atol=1e-12 * a.n * scale**2)


# Streaming


@PROPERTY
@given(DRAWS, st.data())
def test_moments_merged_from_two_parts_are_those_of_all_at_once(x, data):
    cut = data.draw(st.integers(1, len(x) - 1))
    together = merge(moments_of(x[:cut]), moments_of(x[cut:]))
    assert_same(together, moments_of(x), max(1.0, np.abs(x).max()))


@PROPERTY
@given(DRAWS, DRAWS, DRAWS)
def test_the_order_of_merging_does_not_matter(x, y, z):
    a, b, c = map(moments_of, (x, y, z))
    scale = max(1.0, *(np.abs(part).max() for part in (x, y, z)))
    assert_same(merge(merge(a, b), c), merge(a, merge(c, b)), scale)
    assert merge(a, b).largest == pytest.approx(merge(b, a).largest)


def test_chunks_of_equal_size_are_merged_with_their_size():
    x = np.random.default_rng(0).normal(size=(12, 3))
    whole = merged(4, [chunk_moments(part) for part in x.reshape(3, 4, 3)])
    assert_same(whole, moments_of(x), 1.0)
    assert whole.m2 / 11 == pytest.approx(np.cov(x.T))


def test_a_chunk_is_reduced_in_its_own_dtype_and_merged_in_float64():
    chunk = chunk_moments(jnp.ones((4, 2), jnp.float32))
    assert {part.dtype for part in chunk} == {jnp.dtype(jnp.float32)}
    assert {part.dtype for part in merged(4, [chunk, chunk])[1:]} == {np.dtype(np.float64)}


def test_a_long_run_of_float32_chunks_loses_nothing():
    chunk = chunk_moments(jnp.asarray([[0.1], [0.3]], jnp.float32))
    whole = merged(2, [chunk] * 30_000)
    assert whole.mean[0] == pytest.approx(float(chunk[0][0]), rel=1e-12)


def test_the_largest_deviation_is_that_of_the_worst_chunk():
    calm, wild = moments_of([[0.0], [1.0]]), moments_of([[0.0], [10.0]])
    assert merge(calm, wild).largest == merge(wild, calm).largest == 25.0


# One mean


def test_the_standard_error_is_that_of_the_textbook():
    x = np.random.default_rng(1).normal(size=50)
    estimate = estimate_of(x)
    assert estimate.mean == pytest.approx(x.mean())
    assert estimate.sem == pytest.approx(x.std(ddof=1) / np.sqrt(50))
    assert (estimate.n, estimate.heavy, estimate.varied) == (50, False, True)


def test_the_interval_is_two_sided_95_percent():
    low, high = Estimate(2.0, 0.5, 10).interval
    assert norm.cdf(high, 2.0, 0.5) - norm.cdf(low, 2.0, 0.5) == pytest.approx(0.95)
    assert (low + high) / 2 == 2.0


@pytest.mark.parametrize("index", [0, 1])
def test_an_estimate_is_that_of_the_statistic_asked_for(index):
    x = np.random.default_rng(2).normal([1.0, 5.0], [1.0, 3.0], size=(40, 2))
    estimate = mean_estimate(moments_of(x), index, 0.0)
    assert estimate.mean == pytest.approx(x[:, index].mean())
    assert estimate.sem == pytest.approx(x[:, index].std(ddof=1) / np.sqrt(40))


@pytest.mark.parametrize("n", [100, 4096])
def test_where_nothing_varied_the_interval_is_the_rule_of_three(n):
    """A value of probability 3/n, as far away as the span, stays unseen in 5 % of the runs."""
    estimate = estimate_of(np.full(n, 7.0), span=2.0)
    unseen = 3 / n
    assert estimate.mean == 7.0
    assert estimate.interval[1] - 7.0 == pytest.approx(2.0 * unseen)
    assert binom.pmf(0, n, unseen) == pytest.approx(0.05, rel=0.1)
    assert not estimate.varied
    assert not estimate.heavy


def test_a_spread_below_rounding_is_none_and_one_above_it_counts():
    signs = np.resize([1.0, -1.0], 100)
    assert not estimate_of(5.0 * (1 + 0.5 * ROUNDING * signs)).varied
    assert estimate_of(5.0 * (1 + 2 * ROUNDING * signs)).varied


def test_a_spread_around_zero_always_counts():
    assert estimate_of(1e-30 * np.resize([1.0, -1.0], 100)).varied


def test_one_draw_that_dominates_is_flagged():
    x = np.zeros(1000)
    x[17] = 1.0
    assert estimate_of(x).heavy
    assert not estimate_of(np.random.default_rng(3).normal(size=1000)).heavy


@pytest.mark.parametrize("index", [0, 1])
def test_the_flag_is_that_of_the_statistic_asked_for(index):
    x = np.random.default_rng(8).normal(size=(1000, 2))
    x[17, 1] = 1000.0
    assert mean_estimate(moments_of(x), index, 0.0).heavy == (index == 1)


def test_the_flag_goes_up_beyond_half_of_the_squared_deviations():
    def share(second):
        x = np.concatenate([[1.0, -second], np.zeros(10_000)])
        moments = moments_of(x[:, None])
        return float(moments.largest[0] / moments.m2[0, 0]), estimate_of(x).heavy

    below, above = share(1.01), share(0.9)
    assert below[0] < 0.55
    assert above[0] > HEAVY_SHARE
    assert above[1]
    assert not share(1.0)[1]


@pytest.mark.parametrize("n", [0, 1])
def test_one_draw_is_no_estimate(n):
    with pytest.raises(ValueError, match="at least two draws"):
        mean_estimate(Moments(n, np.ones(1), np.ones((1, 1)), np.ones(1)), 0, 0.0)


# Functions of means

PARTS = (Estimate(3.0, 0.06, 100), Estimate(2.0, 0.02, 80))


def ratio(parts, covariance=None):
    a, b = (part.mean for part in parts)
    return propagate(lambda m: m[0] / m[1], np.array([1 / b, -a / b**2]), parts, covariance)


def test_the_delta_method_adds_relative_errors_of_a_ratio_in_squares():
    estimate = ratio(PARTS)
    assert estimate.mean == 1.5
    assert estimate.sem / 1.5 == pytest.approx(np.hypot(0.06 / 3, 0.02 / 2))
    assert estimate.n == 80


def test_a_positive_covariance_makes_a_ratio_sharper_and_a_negative_one_blunter():
    covariance = 0.5 * 0.06 * 0.02
    for sign in (1, -1):
        full = np.array([[9.9, sign * covariance], [sign * covariance, 9.9]])
        squared = 0.02**2 + 0.01**2 - 2 * sign * 0.5 * 0.02 * 0.01
        assert ratio(PARTS, full).sem / 1.5 == pytest.approx(np.sqrt(squared))


def test_propagation_leaves_the_covariance_it_was_given_alone():
    covariance = np.zeros((2, 2))
    ratio(PARTS, covariance)
    assert not covariance.any()


def test_perfectly_correlated_parts_of_one_relative_error_have_an_exact_ratio():
    parts = (Estimate(3.0, 0.03, 9), Estimate(2.0, 0.02, 9))
    assert ratio(parts, np.full((2, 2), 0.03 * 0.02)).sem == pytest.approx(0.0, abs=1e-9)


def test_a_heavy_part_makes_a_heavy_result():
    heavy = PARTS[1]._replace(heavy=True)
    assert ratio((PARTS[0], heavy)).heavy
    assert not ratio(PARTS).heavy


def test_the_delta_method_agrees_with_the_spread_of_simulated_ratios():
    """Resolution: the spread of 20,000 ratios is known to 0.5 %, times z."""
    covariance = 0.7 * 0.06 * 0.02
    full = np.array([[0.06**2, covariance], [covariance, 0.02**2]])
    x = np.random.default_rng(4).multivariate_normal([3.0, 2.0], full, size=20_000)
    spread, relative = (x[:, 0] / x[:, 1]).std(), 1 / np.sqrt(2 * 20_000)
    limit = norm.isf(FALSE_ALARM / 2) * relative
    assert abs(ratio(PARTS, full).sem / spread - 1) < limit
    assert abs(ratio(PARTS).sem / spread - 1) > limit  # negative control: no covariance


# Paired draws


def test_a_paired_difference_is_the_estimate_of_the_differences():
    generator = np.random.default_rng(5)
    a, b = generator.normal(1.0, 1.0, 200), generator.normal(0.0, 1.0, 200)
    estimate = paired_difference(a, b)
    assert estimate.mean == pytest.approx((a - b).mean())
    assert estimate.sem == pytest.approx((a - b).std(ddof=1) / np.sqrt(200))


def test_shared_random_numbers_sharpen_a_difference():
    shared = np.random.default_rng(6).normal(size=200)
    pair = paired_difference(1.1 * shared + 1, shared)
    assert pair.sem < 0.1 * np.hypot(estimate_of(1.1 * shared).sem, estimate_of(shared).sem)


def test_a_difference_that_never_varies_is_bounded_and_not_certain():
    estimate = paired_difference(np.full(50, 3.0), np.full(50, 1.0))
    assert (estimate.mean, estimate.varied) == (2.0, False)
    assert estimate.sem > 0


# Coverage

RUNS, DRAWS_PER_RUN = 4000, 64


def coverage(factor, draw):
    """How many of the intervals hold the true mean 0, with standard errors scaled by `factor`."""
    x = draw(np.random.default_rng(7), (RUNS, DRAWS_PER_RUN))
    inside = 0
    for row in x:
        mean, sem, *_ = estimate_of(row)
        inside += abs(mean) <= Z95 * factor * sem
    return binomtest(int(inside), RUNS, float(1 - 2 * student.sf(Z95, DRAWS_PER_RUN - 1))).pvalue


def test_intervals_cover_as_often_as_students_t_says():
    """Resolution: 4000 runs see a coverage off by z √(.05·.95/4000) = 1.3 percentage points."""
    assert coverage(1.0, np.random.Generator.standard_normal) > FALSE_ALARM


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_intervals_a_tenth_off_are_found_out(factor):
    assert coverage(factor, np.random.Generator.standard_normal) < FALSE_ALARM

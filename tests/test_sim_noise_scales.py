"""Noise scales from groups of samples: bias, bounds and intervals against distributions that are
known, many small samples of them."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from sim.group_curvature import distinct_mean, triple, whole
from sim.noise_forms import NoiseForms, unbiased_trace
from sim.noise_scales import (
    Groups,
    b_simple,
    euclidean,
    gradient_squared,
    histogram,
    jackknife,
    l1_scale,
    noise_trace,
    norm_scale,
)
from sim.parameter_blocks import all_matrices, matrices, matrix_direction

FALSE_ALARM = 1e-4
MU, SIGMA = np.array([0.3, 0.0, -0.2, 0.05]), np.array([1.0, 0.5, 0.8, 2.0])


def grouped(gradients, k=8) -> Groups:
    """Groups of samples in a row."""
    parts = np.array_split(gradients, k)
    return Groups(
        np.array([len(p) for p in parts]),
        np.stack([p.mean(0) for p in parts]),
        np.stack([(p**2).mean(0) for p in parts]),
        np.array([(p**2).sum() for p in parts]),
    )


def draws(generator, n=40):
    """Per-sample gradients (n, 4) of mean MU and deviation SIGMA."""
    return MU + SIGMA * generator.normal(size=(n, 4))


@pytest.fixture(scope="module")
def runs():
    generator = np.random.default_rng(3)
    return [grouped(draws(generator)) for _ in range(2000)]


def z_of(values, value):
    return (np.mean(values) - value) / (np.std(values) / np.sqrt(len(values)))


LIMIT = norm.isf(FALSE_ALARM / 2 / 2)


def test_the_unbiased_square_is_the_mean_product_of_two_different_samples():
    g = draws(np.random.default_rng(0), 13)
    pairs = g @ g.T
    expected = pairs[~np.eye(13, dtype=bool)].mean()
    groups = grouped(g, 5)
    assert gradient_squared(groups, groups.everything) == pytest.approx(expected, rel=1e-12)


def test_squares_and_traces_have_no_bias_and_the_plain_square_has(runs):
    kept = runs[0].everything
    squares = [float((one.mean(kept) ** 2).sum()) for one in runs]
    traces = [one.norms2.sum() / 40 - s for one, s in zip(runs, squares, strict=True)]
    for unbiased, plain, value in (
        (gradient_squared, squares, MU @ MU),
        (noise_trace, traces, SIGMA @ SIGMA),
    ):
        assert abs(z_of([unbiased(one, kept) for one in runs], value)) < LIMIT
        assert abs(z_of(plain, value)) > LIMIT  # the negative control


def test_the_populations_b_simple_is_exact():
    g = draws(np.random.default_rng(1))
    mean, n = g.mean(0), len(g)
    found = euclidean(grouped(g))["b_simple"].population
    assert found.mean == pytest.approx(((g - mean) ** 2).sum() / n / (mean @ mean), rel=1e-12)
    assert found.sem == 0


def test_intervals_cover_95_percent_and_half_the_noise_does_not(runs):
    """Of 400 samples of 40, in 8 groups: false alarm 1e-4 where the coverage is 93 % or more."""
    runs = runs[:400]
    least = binom.ppf(FALSE_ALARM, len(runs), 0.93) / len(runs)
    for what, value in {"gradient_squared": MU @ MU, "noise_trace": SIGMA @ SIGMA}.items():
        parts = [euclidean(one)[what].distribution for one in runs]
        gap = np.array([abs(p.mean - value) for p in parts])
        sem = np.array([p.sem for p in parts])
        assert np.mean(gap < 1.96 * sem) > least, what
        assert np.mean(gap < 0.98 * sem) < least, what


def test_b_simple_is_infinite_where_the_noise_is_all_there_is_to_see():
    g = np.array([[1.0], [-1.0]] * 8)
    groups = grouped(g, 4)
    assert b_simple(groups, groups.everything) == np.inf
    assert euclidean(groups)["b_simple"].population.mean == np.inf
    assert np.isnan(euclidean(groups)["b_simple"].distribution.sem)


def test_the_l1_scale_of_a_distribution_lies_between_its_bounds():
    """‖Ĝ‖₁ is too large in the mean and sign(Ĝ′)·Ĝ too small: for a coordinate of zero mean the
    first alone would never find it out."""
    truth = (SIGMA.sum() / np.abs(MU).sum()) ** 2
    generator = np.random.default_rng(6)
    found = [l1_scale(grouped(draws(generator, 1000))) for _ in range(200)]
    norms = np.sqrt([SIGMA.sum() ** 2 / one.low.mean for one in found])
    assert z_of(norms, np.abs(MU).sum()) > LIMIT
    crossed = np.sqrt([SIGMA.sum() ** 2 / one.high.mean for one in found])
    assert z_of(crossed, np.abs(MU).sum()) < LIMIT
    inside = [
        one.low.mean - 1.96 * one.low.sem < truth < one.high.mean + 1.96 * one.high.sem
        for one in found
    ]
    assert np.mean(inside) > binom.ppf(FALSE_ALARM, 200, 0.93) / 200
    alone = [abs(one.low.mean - truth) < 1.96 * one.low.sem for one in found]
    assert np.mean(alone) < np.mean(inside)


def test_the_bounds_close_as_samples_grow():
    g = draws(np.random.default_rng(2), 400_000)
    found = l1_scale(grouped(g))
    truth = (SIGMA.sum() / np.abs(MU).sum()) ** 2
    for value in (found.population, found.low.mean, found.high.mean):
        assert value == pytest.approx(truth, rel=0.05)


def test_a_direction_of_unit_dual_norm_gives_the_norm():
    params = {"a": np.zeros((2, 3)), "b": np.zeros(4), "c": np.zeros((2, 2, 3))}
    assert matrices(params) == [(slice(0, 6), (2, 3)), (slice(10, 22), (4, 3))]
    assert all_matrices(params)[1] == (slice(6, 10), (1, 4))
    vector = np.random.default_rng(4).normal(size=22)
    v = matrix_direction(vector, matrices(params))
    norms = [np.linalg.norm(vector[w].reshape(s), "nuc") for w, s in matrices(params)]
    assert v @ vector == pytest.approx(sum(norms), rel=1e-12)
    assert not v[6:10].any()


def test_the_euclidean_norm_is_bounded_in_the_same_way(runs):
    """Where the truth is known without bias, it lies between the bounds in the mean."""

    def unit(vector):
        return vector / np.linalg.norm(vector)

    found = [norm_scale(one, unit, lambda _: 1.0) for one in runs[:200]]
    upper = np.array([one.population**-0.5 for one in found])
    lower = np.array([one.high.mean**-0.5 for one in found])
    assert lower.mean() < np.linalg.norm(MU) < upper.mean()


# Products of noisy means with noisy Hessians


def tensors(generator, k=5, m=4):
    """F[A, B, C] = G_Aᵀ H_C G_B of groups of m samples whose gradients and curvatures go together,
    and the noise's own forms."""
    x = generator.exponential(size=(k, m, 4)) - 1
    g, h = MU + SIGMA * x, 1 + x  # H_k diagonal, of mean 1
    means, curved = g.mean(1), h.mean(1)
    tensor = np.einsum("ai,ci,bi->abc", means, curved, means)
    noise = g - g.mean((0, 1))
    forms = np.einsum("aki,ci,aki->akc", noise, curved, noise)
    a, _, c = np.indices(forms.shape)
    counts = np.full(k, m)
    groups = Groups(counts, means, (g**2).mean(1), (g**2).sum((1, 2)))
    return tensor, NoiseForms(a.ravel(), c.ravel(), forms.ravel(), [], True), groups


def test_distinct_groups_free_a_form_of_its_bias():
    """The negative control is the samples' own form, whose gradients and Hessian share samples."""
    generator = np.random.default_rng(7)
    runs = [tensors(generator) for _ in range(3000)]
    counts = runs[0][2].counts
    free = [distinct_mean(t, np.arange(5)) for t, _, _ in runs]
    assert abs(z_of(free, MU @ MU)) < LIMIT
    assert z_of([whole(t, counts) for t, _, _ in runs], MU @ MU) > LIMIT
    traces = [unbiased_trace(forms, g, t)(np.arange(5)) for t, forms, g in runs]
    assert abs(z_of(traces, SIGMA @ SIGMA)) < LIMIT
    same = [f.values[f.a == f.c].mean() for _, f, _ in runs]
    assert abs(z_of(same, SIGMA @ SIGMA)) > LIMIT


def test_the_whole_of_a_tensor_is_the_form_of_the_pooled_means():
    tensor, _, groups = tensors(np.random.default_rng(8))
    found = triple(tensor, groups.counts)
    assert found.population.sem == 0
    assert found.population.mean == pytest.approx(tensor.mean(), rel=1e-12)
    few = np.array([0, 2, 3])
    picked = [tensor[a, b, c] for a in few for b in few for c in few if len({a, b, c}) == 3]
    assert distinct_mean(tensor, few) == pytest.approx(np.mean(picked), rel=1e-12)


def test_the_jackknife_of_a_mean_is_its_standard_error_widened_for_few_groups():
    x = np.random.default_rng(9).normal(size=6)
    found = jackknife(lambda kept: float(x[kept].mean()), 6)
    assert found.mean == pytest.approx(x.mean())
    plain = x.std(ddof=1) / np.sqrt(6)
    assert found.sem == pytest.approx(plain * 2.5706 / 1.95996, rel=1e-4)


# The histogram


def test_the_histogram_has_coordinates_without_a_mean_or_a_noise_apart():
    found = histogram(np.array([1.0, 0.0, 2.0, 0.0]), np.array([1.0, 3.0, 0.0, 0.0]))
    assert found.counts.sum() == 1
    assert (found.no_mean, found.no_noise, found.still) == (1, 1, 1)
    where = int(np.flatnonzero(found.counts)[0])
    assert found.edges[where] <= np.pi / 2 < found.edges[where + 1]


def test_the_histogram_of_nothing_that_moves_is_empty():
    found = histogram(np.zeros(3), np.zeros(3))
    assert found.counts.sum() == 0
    assert found.still == 3


def test_a_deviation_within_rounding_of_zero_is_zero():
    g = np.full((8, 2), 0.1, np.float32)
    assert not grouped(g, 4).deviation(np.arange(4)).any()

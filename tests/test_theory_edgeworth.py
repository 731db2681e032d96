"""Edgeworth's mean sign against sums that are known exactly, and where it stops to help."""

import math

import numpy as np
import pytest
from scipy import stats

from theory import LAWS, one_step, optimal_lr

H = np.linspace(-2.0, 2.0, 9)
GAUSSIAN = LAWS["sign_mean"].jax
FIRST, SECOND = LAWS["edgeworth_first"].jax, LAWS["edgeworth_second"].jax
PROBLEM = {"mu": [0.3, -0.2], "sigma": [1.0, 1.5], "hessian": [[2.0, 0.5], [0.5, 1.0]]}


def exponential(h, batch):
    """Samples x − 1 + h/√B, x exponential."""
    return 2 * stats.gamma.sf(batch - math.sqrt(batch) * np.asarray(h), batch) - 1


def laplace(h, batch):
    """Samples of unit variance: the sum is a difference of two gamma variables."""
    grid = np.linspace(1e-6, 1 - 1e-6, 20001)
    first = stats.gamma.ppf(grid, batch)
    shift = math.sqrt(2 * batch) * np.asarray(h)
    return np.array([2 * stats.gamma.cdf(first + s, batch).mean() - 1 for s in shift])


def error(law, exact, batch):
    return np.abs(np.asarray(law) - exact(H, batch)).max()


@pytest.mark.parametrize(
    ("order", "least"), [("gaussian", 0.5), ("first", 1.0), ("second", 1.5)], ids=lambda x: str(x)
)
def test_the_error_for_exponential_samples_falls_by_the_order(order, least):
    def at(batch):
        laws = {
            "gaussian": GAUSSIAN(H, 1, 1),
            "first": FIRST(H, batch, 2),
            "second": SECOND(H, batch, 2, 6),
        }
        return error(laws[order], exponential, batch)

    power = math.log(at(16) / at(256)) / math.log(16)
    assert least - 0.15 < power < least + 0.35


@pytest.mark.parametrize("batch", [2, 8, 32])
def test_kurtosis_helps_laplace_samples_and_its_sign_matters(batch):
    gaussian = error(GAUSSIAN(H, 1, 1), laplace, batch)
    assert error(SECOND(H, batch, 0, 3), laplace, batch) < gaussian / 3
    assert error(SECOND(H, batch, 0, -3), laplace, batch) > 1.5 * gaussian


@pytest.mark.parametrize("batch", [16, 64, 256])
def test_on_a_lattice_it_stays_off_at_the_order_of_one_over_root_b(batch):
    share = 0.1
    sd = math.sqrt(share * (1 - share))
    skewness, kurtosis = (1 - 2 * share) / sd, (1 - 6 * sd**2) / sd**2
    count = np.arange(batch + 1)
    edges = (count - batch * share) / (sd * math.sqrt(batch))
    h = -edges[np.abs(edges) < 1][:, None] + [-1e-9, 1e-9]
    exact = 2 * stats.binom.sf(batch * share - sd * math.sqrt(batch) * h, batch, share) - 1
    worst = np.abs(np.asarray(SECOND(h, batch, skewness, kurtosis)) - exact).max()
    assert worst > 0.25 / math.sqrt(batch * sd**2)


def test_mirrored_samples_have_the_mirrored_mean():
    assert np.allclose(SECOND(-H, 4, -1.3, 2), -SECOND(H, 4, 1.3, 2), atol=1e-15)


def test_without_cumulants_the_rule_is_theorem_2():
    batch = [1, 16]
    given = optimal_lr("sign_edgeworth", **PROBLEM, batch=batch, skewness=0, kurtosis=[0, 0])
    assert np.allclose(given, optimal_lr("sign", **PROBLEM, batch=batch), rtol=1e-14)


def test_cumulants_of_samples_are_their_own():
    samples = np.random.default_rng(0).exponential(size=(500, 2)) - 1
    samples -= samples.mean(0)
    skewness, kurtosis = stats.skew(samples), stats.kurtosis(samples)
    mu, hessian = np.array([0.1, -0.1]), np.eye(2)
    drawn = one_step(
        "sign_edgeworth", mu=mu, hessian=hessian, batch=[8, 32], noise_samples=samples, draws=64
    )
    given = one_step(
        "sign_edgeworth", mu=mu, sigma=samples.std(0), hessian=hessian, batch=[8, 32],
        skewness=skewness, kurtosis=kurtosis,
    )  # fmt: skip
    assert np.allclose(drawn.numerator, given.numerator, rtol=1e-12)
    assert np.allclose(given.denominator, 2.0)


def test_far_outside_its_range_a_mean_stays_a_mean_of_signs():
    step = one_step("sign_edgeworth", **PROBLEM, batch=1, skewness=20, kurtosis=400)
    assert abs(step.numerator) <= np.abs(PROBLEM["mu"]).sum()
    assert step.denominator >= 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"terms": 3}, "terms must be 1"),
        ({"skewness": [1.0, 2.0, 3.0]}, "skewness must be finite, a scalar or of shape"),
        ({"kurtosis": np.nan}, "kurtosis must be finite"),
        ({"kurtosis": "much"}, "kurtosis must consist of real numbers"),
        ({"correlation": np.eye(2)}, "no law for correlated noise"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        one_step("sign_edgeworth", **PROBLEM, batch=4, **change)

"""Momentum over many steps: against sums written out, and against runs."""

import numpy as np
import pytest

from theory import LAWS
from theory.long_run import arcsine_sum

DECAYS = pytest.mark.parametrize("beta", [0.3, 0.9])


def law(name, *args):
    return float(LAWS[name].jax(*args))


def summed(covariance, steps):
    """Var of a sum of as many stationary terms, over their number."""
    lags = np.arange(steps)
    return covariance(np.abs(lags[:, None] - lags)).sum() / steps


@DECAYS
@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_the_factors_are_the_sums_of_all_covariances(beta, steps):
    own = law("ema_factor", beta)
    linear = summed(lambda lag: own * beta**lag, steps)
    assert law("run_factor", beta, steps) == pytest.approx(linear, rel=1e-12)
    signs = summed(lambda lag: 2 / np.pi * np.arcsin(beta**lag), steps)
    assert law("signum_run_factor", arcsine_sum(beta, steps)) == pytest.approx(signs, rel=1e-12)


@DECAYS
def test_one_step_is_the_one_step_law_and_averaging_gains_less_with_every_step(beta):
    assert law("run_factor", beta, 1) == pytest.approx(law("ema_factor", beta))
    assert arcsine_sum(beta, 1) == 0
    assert law("signum_multiplier", beta, 0.0) == pytest.approx(1 / law("ema_factor", beta))
    gains = [law("signum_multiplier", beta, arcsine_sum(beta, k)) for k in (1, 2, 5, 20, 400)]
    losses = [law("run_factor", beta, k) for k in (1, 2, 5, 20, 400)]
    assert np.all(np.diff(gains) < 0)
    assert np.all(np.diff(losses) > 0)
    assert losses[-1] == pytest.approx(1, abs=0.03)


def test_the_long_run_gain_of_signum_is_never_above_one_over_ln_2():
    gains = [law("signum_multiplier", b, arcsine_sum(b)) for b in (0.0, 0.5, 0.9, 0.99, 0.9999)]
    assert gains[0] == 1
    assert np.all(np.diff(gains) > 0)
    assert gains[-1] < 1 / np.log(2)
    assert gains[-1] == pytest.approx(1 / np.log(2), rel=1e-4)
    assert gains[2] == pytest.approx(1.4308, rel=1e-4)


def test_an_infinite_run_is_the_limit_of_long_ones():
    assert arcsine_sum(0.9, 1e7) == pytest.approx(arcsine_sum(0.9), rel=1e-5)
    assert arcsine_sum(0.0) == 0


@DECAYS
def test_a_rate_and_its_noise_stay_in_proportion(beta):
    total = arcsine_sum(beta, 9)
    rate = law("signum_rate", 0.3, total)
    assert rate**2 * law("signum_run_factor", total) == pytest.approx(0.3**2)


@DECAYS
def test_a_run_with_momentum_settles_at_the_stationary_variance(beta):
    rate, sigma, batch, curvature = 0.7, 1.3, 4.0, 0.8
    step = np.array([[1 - rate * (1 - beta) * curvature, -rate * beta],
                     [(1 - beta) * curvature, beta]])  # fmt: skip
    kick = (1 - beta) * np.array([-rate, 1.0])
    spread = np.zeros((2, 2))
    for _ in range(400):
        spread = step @ spread @ step.T + np.outer(kick, kick) * sigma**2 / batch
    found = law("momentum_stationary", rate, sigma, batch, curvature, beta)
    assert found == pytest.approx(spread[0, 0], rel=1e-9)


@pytest.mark.parametrize(("beta", "steps"), [(1.0, 3), (-0.1, 3), (0.5, 0.5), (0.5, np.nan)])
def test_what_is_no_decay_or_no_run_is_refused(beta, steps):
    with pytest.raises(ValueError, match="must be"):
        arcsine_sum(beta, steps)

"""Peaks of best learning rates over batch sizes: found where they are known, refused elsewhere."""

import numpy as np
import pytest

from experiments.run_peaks import drift, peak
from sim.best_lr import jackknife

BATCH = 2.0 ** np.arange(16)
GROUPS = 16
ERROR = np.full(16, 0.03)


def surge(batch, place):
    """Theorem 3: 1/[½(√(B_noise/B) + √(B/B_noise))]."""
    return 2 / (np.sqrt(place / batch) + np.sqrt(batch / place))


def same(lr_b):
    return np.repeat(np.asarray(lr_b)[:, None], 1 + GROUPS, 1)


@pytest.mark.parametrize("place", [20.0, 31.0, 100.0, 4000.0])
def test_the_peak_of_theorem_3_is_found(place):
    found = peak(BATCH, same(surge(BATCH, place)), ERROR)
    assert found.batch == pytest.approx(place, rel=0.05)
    assert found.lr == pytest.approx(1.0, rel=0.05)
    assert abs(np.log(found.batch / place)) < 4 * found.log_batch_sem + 1e-9 < 0.4


def test_fall_and_rise_are_those_of_the_grid():
    lr = surge(BATCH, 64.0)
    lr[:3] = np.nan  # never reached
    found = peak(BATCH, same(lr), ERROR)
    assert found.fall == pytest.approx(-np.log(lr[-1]))
    assert found.rise == pytest.approx(-np.log(lr[3]))
    assert found.fall_sem == found.rise_sem == pytest.approx(0.03 * np.sqrt(2))


def test_a_curve_without_a_bracketed_peak_has_none():
    rising = np.sqrt(BATCH)
    late = np.where(np.arange(16) < 14, np.nan, 1.0)
    for lr in (rising, rising[::-1], late, np.full(16, np.nan)):
        assert np.isnan(peak(BATCH, same(lr), ERROR).batch)


def test_the_interval_of_the_peak_covers_it():
    rng, trials, inside = np.random.default_rng(0), 400, 0
    for _ in range(trials):
        noise = 0.1 * rng.standard_normal((16, GROUPS))
        whole = noise.mean(1, keepdims=True)
        rest = (GROUPS * whole - noise) / (GROUPS - 1)
        log_lr = np.log(surge(BATCH, 100.0))[:, None] + np.hstack([whole, rest])
        found = peak(BATCH, np.exp(log_lr), ERROR)
        inside += abs(np.log(found.batch / 100.0)) < 2.13 * found.log_batch_sem
    assert 0.88 * trials < inside < 0.99 * trials


def test_a_drift_is_the_exponent_with_which_peaks_move_as_the_loss_falls():
    loss = np.geomspace(0.5, 0.02, 8)
    exponent, sem, points = drift(loss, np.repeat(3.0 * loss[:, None] ** -1.5, 1 + GROUPS, 1))
    assert exponent == pytest.approx(1.5)
    assert sem == pytest.approx(0.0, abs=1e-9)
    assert points == 8


def test_scatter_about_the_line_is_part_of_the_drifts_error():
    loss = np.geomspace(0.5, 0.02, 8)
    rough = 3.0 / loss * np.exp(0.2 * (-1.0) ** np.arange(8))
    exponent, sem, _ = drift(loss, np.repeat(rough[:, None], 1 + GROUPS, 1))
    assert sem > 0.03
    assert abs(exponent - 1.0) < 3 * sem


def test_two_peaks_show_no_drift():
    batch = np.full((5, 1 + GROUPS), np.nan)
    batch[:2] = 3.0
    assert np.isnan(drift(np.geomspace(1, 0.1, 5), batch)[0])
    assert jackknife(batch[0]) == 0.0

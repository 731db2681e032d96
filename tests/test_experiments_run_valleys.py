"""Best learning rates from wide valleys: as from narrow ones where these are smooth, and steadier
where they are jagged."""

import numpy as np
import pytest

from experiments.run_valleys import REACH, wide_best
from sim.best_lr import best_lrs

LRS = 0.01 * 1.13 ** np.arange(38)
GROUPS = 16


def same(value_e):
    return np.repeat(value_e[..., None], 1 + GROUPS, -1)


def valley(centre, bend=0.8):
    return np.exp(bend * (np.log(LRS) - np.asarray(centre)[..., None]) ** 2)


def test_a_parabola_is_found_exactly():
    centre = np.linspace(np.log(0.05), np.log(0.3), 30)
    best = wide_best(LRS, same(7.0 * valley(centre)))
    np.testing.assert_allclose(best.lr, np.exp(centre), rtol=1e-9)
    np.testing.assert_allclose(best.value, 7.0, rtol=1e-9)
    np.testing.assert_allclose(best.log_lr_sem, 0.0, atol=1e-6)
    assert not (best.edge | best.unreached | best.cliff).any()


def test_what_is_refused_is_what_the_narrow_parabola_refuses():
    curves = np.stack([valley(np.log(x)) for x in (0.001, 0.1, 20.0, 0.1, 0.3)])
    curves[3] = np.inf
    curves[4, 24:] = 1e9
    wide, narrow = wide_best(LRS, same(curves)), best_lrs(LRS, same(curves))
    for name in ("edge", "unreached", "cliff"):
        np.testing.assert_array_equal(getattr(wide, name), getattr(narrow, name))
    np.testing.assert_array_equal(np.isnan(wide.lr), np.isnan(narrow.lr))
    assert wide.lr[4] == pytest.approx(narrow.lr[4])
    assert wide.log_lr_sem[4] == pytest.approx(np.log(1.13) / np.sqrt(3))


def test_teeth_harm_a_wide_valley_less_and_are_in_its_error():
    centre = np.linspace(np.log(0.05), np.log(0.3), 200)
    teeth = np.exp(0.02 * (-1.0) ** np.arange(LRS.size))
    jagged = same(valley(centre) * teeth)
    wide, narrow = (np.log(f(LRS, jagged).lr) - centre for f in (wide_best, best_lrs))
    assert wide.std() < 0.7 * narrow.std()
    # errors that are the same for all seeds: the jackknife alone sees none of them
    assert (best_lrs(LRS, jagged).log_lr_sem < 1e-9).all()
    assert (np.abs(wide) < 2.13 * wide_best(LRS, jagged).log_lr_sem).mean() > 0.85


def test_the_interval_covers_noisy_valleys():
    rng, trials = np.random.default_rng(0), 400
    centre = rng.uniform(np.log(0.05), np.log(0.3), trials)
    shift = 0.2 * rng.standard_normal((trials, 1, GROUPS))
    x = np.log(LRS)[:, None] - centre[:, None, None] - shift
    noise = 0.01 * rng.standard_normal(x.shape)
    group = np.exp(0.8 * x**2 + noise)
    whole = group.mean(-1, keepdims=True)
    value = np.concatenate([whole, (GROUPS * whole - group) / (GROUPS - 1)], -1)
    best = wide_best(LRS, value)
    covered = (np.abs(np.log(best.lr) - centre) < 2.13 * best.log_lr_sem).mean()
    assert 0.9 < covered < 0.995
    assert best.log_lr_sem.max() < REACH

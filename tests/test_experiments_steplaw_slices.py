"""Slice optima: on slices with a known answer, and on the published ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from experiments.steplaw.slices import optima, regret
from experiments.steplaw.smooth import PUBLISHED, RUNG, gather, log_likelihood

LADDER = np.arange(-22, -11)  # rungs


def skewed(u, steepness):
    """A minimum at 0 of curvature 1, steeper above than below."""
    return (np.exp(steepness * u) - 1 - steepness * u) / steepness**2


def synthetic(
    stars, *, curvature=0.02, steepness=0.6, noise=PUBLISHED.noise, seed=0, ladder=LADDER
):
    """One slice per ln lr* in `stars`, on the same ladder, with the published scatter."""
    rungs = np.tile(ladder, (len(stars), 1))
    aside = RUNG * rungs - np.asarray(stars)[:, None]
    excess = curvature * skewed(aside, steepness)
    ratio = np.where(aside > 0, PUBLISHED.above, PUBLISHED.below) * (noise > 0)
    deviation = np.hypot(noise, ratio * excess)
    drawn = np.random.default_rng(seed).standard_normal(excess.shape)
    count = np.arange(len(stars))
    columns = {
        "cell": np.repeat(count, len(ladder)),
        "batch": np.full(rungs.size, 2.0**18),
        "steps": np.full(rungs.size, 1e4),
        "N": np.full(rungs.size, 1e9),
        "D": np.full(rungs.size, 1e10),
        "lr": np.exp(RUNG * rungs.ravel()),
        "loss": np.exp(np.log(2.5) + (excess + deviation * drawn).ravel()),
    }
    return xr.Dataset({name: ("run", values) for name, values in columns.items()})


@pytest.mark.parametrize("steepness", [0.01, 0.6, 1.2])
def test_optima_are_unbiased_and_their_intervals_cover(steepness):
    stars = RUNG * np.random.default_rng(1).uniform(-19, -15, 600)
    found = optima(synthetic(stars, steepness=steepness))
    error = np.log(found.lr_star.values) - stars
    assert abs(error.mean()) < 0.015
    assert (abs(error / found.log_sem.values) < 1.96).mean() > 0.93  # a parabola has too many
    assert not found.edge.any()


def test_a_slice_without_noise_gives_its_optimum_its_loss_and_its_curvature():
    found = optima(synthetic([RUNG * -17.3], noise=0.0, steepness=0.1))
    assert np.log(found.lr_star.values) == pytest.approx(RUNG * -17.3, abs=0.02)
    assert found.loss_star.values == pytest.approx(2.5, rel=1e-4)
    assert found.curvature.values == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize(("star", "side"), [(-25.0, -1), (-9.0, 1), (-17.0, 0)])
def test_a_minimum_at_an_end_of_the_ladder_is_a_bound(star, side):
    assert optima(synthetic([RUNG * star], noise=0.0)).edge.values == side


def test_the_optimum_moves_with_the_learning_rates_and_not_with_the_loss_or_the_order():
    runs = synthetic(RUNG * np.array([-17.2, -15.8]))
    here = optima(runs)
    twice = optima(runs.assign(lr=2 * runs.lr, loss=1.3 * runs.loss))
    np.testing.assert_allclose(twice.lr_star, 2 * here.lr_star, rtol=1e-9)
    np.testing.assert_allclose(twice.log_sem, here.log_sem, rtol=1e-9)
    mixed = optima(runs.isel(run=np.random.default_rng(2).permutation(runs.sizes["run"])))
    xr.testing.assert_allclose(mixed, here)


def test_diverged_runs_do_not_move_an_optimum_nor_make_its_place_a_bound():
    runs = synthetic([RUNG * -13.0], ladder=np.arange(-20, -11))
    diverged = runs.loss.where(runs.lr < np.exp(RUNG * -12.2), 7.0)
    found = optima(runs.assign(loss=diverged))
    assert found.edge.values == 0
    assert found.points.values == 8


def test_regret_is_nought_at_the_optimum_and_grows_to_both_sides_and_beyond_the_ladder():
    slices = optima(synthetic(RUNG * np.array([-17.2, -15.8])))
    star = np.log(slices.lr_star.values)
    away = RUNG * np.arange(0, 15)[:, None]
    assert (regret(slices, star) < 2e-3).all()
    for side in (-1, 1):
        assert (np.diff(regret(slices, star + side * away), axis=0) > 0).all()
    assert np.isinf(regret(slices, np.full(2, np.nan))).all()


def test_regret_near_the_optimum_is_half_the_curvature_times_the_square():
    slices = optima(synthetic([RUNG * -17.2], noise=0.0, steepness=0.05))
    aside = np.array([[-0.3], [0.3]])
    lost = regret(slices, np.log(slices.lr_star.values) + aside)
    np.testing.assert_allclose(lost, 100 * 0.02 * 0.3**2 / 2, rtol=0.1)


def test_regret_beyond_a_bound_is_not_invented():
    """Falling to the end of the ladder, the loss says nothing of what is beyond."""
    slices = optima(synthetic([RUNG * -9.0], noise=0.0))
    assert slices.edge.values == 1
    assert regret(slices, np.array([RUNG * -10.0])) == pytest.approx(0, abs=1e-9)


@pytest.mark.skipif("SURGE_DATA" not in os.environ, reason="needs the data folder")
def test_the_published_scatter_is_where_the_likelihood_of_the_dense_slices_is_largest():
    from experiments.steplaw.data import load_runs

    runs = load_runs(Path(os.environ["SURGE_DATA"]))
    runs = runs.isel(run=runs.kind.values == "dense")
    keys = np.stack([runs.cell.values, runs.batch.values], 1)
    group = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    losses = gather(group, np.log(runs.lr.values) / RUNG, np.log(runs.loss.values))
    best = log_likelihood(losses, PUBLISHED).sum()
    for name in PUBLISHED._fields:
        for factor in (0.85, 1.18):
            other = PUBLISHED._replace(**{name: factor * getattr(PUBLISHED, name)})
            assert log_likelihood(losses, other).sum() < best

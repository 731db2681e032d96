"""Laws of the batch size, on made-up runs that follow one of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from steplaw_datasets import SIZES, TRUTH, log_optimum, part, runs

from experiments.errors import InputError
from experiments.least_squares import deviance
from experiments.steplaw.batch import measure
from experiments.steplaw.decline import falls, slope_above
from experiments.steplaw.joint import best, copies, joint, reweighted
from experiments.steplaw.left_out import nested, without_each, without_pairs
from experiments.steplaw.slices import optima
from experiments.steplaw.verdicts import long_slices
from theory.rivals import RIVALS


@pytest.fixture(scope="module")
def data():
    found = optima(runs())
    return long_slices(found.isel(slice=np.flatnonzero(found.kind.values == "dense")), 4000, 0.05)


def known(data):
    keep = data.known
    rows = (data.log_rate[keep], data.weight[keep], data.cell[keep])
    return data.slices.isel(slice=keep), *rows


@pytest.mark.parametrize(("law", "shape"), [("knee", 0.75), ("surge", 0.75), ("root", 0.75)])
def test_the_law_that_made_the_runs_is_found_and_others_are_excluded(law, shape):
    found = part(law, shape).sel(least_steps=4000)
    above = (found.batch_aicc - found.batch_aicc.min()).to_series()
    assert above[law] < 10
    others = {"knee": "surge", "surge": "knee", "root": "saturating"}
    assert above["constant"] > 100
    if law != "root":  # which all laws of a noise scale hold as a limit
        assert above[others[law]] > 10
    lost = found.batch_regret_mean.to_series()
    assert lost[law] < 1.3 * lost.min()
    assert lost["nested"] < 1.3 * lost.min()


def test_the_joint_fit_finds_the_exponents_within_its_intervals():
    found = part().sel(least_steps=4000, batch_law="knee")
    truth = (*TRUTH["a"], *TRUTH["b"], np.log(0.75))
    value, low, high = (found[f"batch_{end}"].values for end in ("value", "low", "high"))
    width = (high - low) / 2
    assert (np.abs(value - truth) < 2.5 * width).all()
    assert (width < 0.4).all()


def test_a_decline_is_seen_where_there_is_one_and_not_elsewhere():
    falling, level = (part(law).sel(least_steps=0) for law in ("surge", "knee"))
    assert float(level.decline_corrected.min()) > 0.05
    assert float(falling.decline_corrected.min()) < 0.05
    slope, sem = float(level.decline_slope), float(level.decline_slope_sem)
    assert abs(slope) < 4 * sem
    assert float(falling.decline_slope) < -4 * float(falling.decline_slope_sem)


def test_flat_curves_fall_by_chance_at_the_rate_that_is_promised():
    noise = np.random.default_rng(3)
    cell, batch = np.repeat(np.arange(400), 8), np.tile(np.arange(1.0, 9), 400)
    sem = noise.uniform(0.05, 0.2, cell.size)
    found = falls(sem * noise.standard_normal(cell.size), sem, batch, cell, seed=0)
    assert (found.chance < 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert found.corrected.min() > 0.01


def test_the_slope_above_a_knee_is_found(data):
    slices, rate, weight, cell = known(data)
    law = joint(RIVALS["knee"], slices)
    at = best(law, RIVALS["knee"], rate, weight)
    excess = np.maximum(np.log(law.batch) - law.noise @ at[3:6], 0)
    tilted = rate - 0.1 * excess
    slope = (
        slope_above(law, at, tilted, weight, cell)[0] - slope_above(law, at, rate, weight, cell)[0]
    )
    assert slope == pytest.approx(-0.1, rel=1e-3)


@pytest.mark.parametrize("name", ["power", "saturating", "knee"])
def test_fits_without_a_cell_know_nothing_of_it(name, data):
    slices, rate, weight, cell = known(data)
    law = joint(RIVALS[name], slices)
    at = best(law, RIVALS[name], rate, weight)
    single = without_each(law, at, rate, weight, cell, data.cells)
    spoiled = np.where(cell == data.cells[2], rate + 3, rate)
    again = without_each(law, at, spoiled, weight, cell, data.cells)
    np.testing.assert_allclose(again[2], single[2], atol=1e-9)
    assert np.abs(again[3] - single[3]).max() > 0.01
    double = without_pairs(law, single, rate, weight, cell, data.cells)
    np.testing.assert_allclose(double[2, 2], single[2])
    exact = copies(law, single[2], rate, np.where(np.isin(cell, data.cells[[2, 5]]), 0, weight))
    moved = np.abs(exact[0] - single[2]).max()
    assert np.abs(double[2, 5] - exact[0]).max() < max(0.5 * moved, 1e-6)


def test_resampled_weights_of_one_are_the_fit_itself_and_a_line_is_exact(data):
    slices, rate, weight, cell = known(data)
    law = joint(RIVALS["power"], slices)
    at = best(law, RIVALS["power"], rate, weight)
    ones = np.ones((1, len(data.cells)))
    same = reweighted(law, at, rate, weight, cell, ones, data.cells)
    np.testing.assert_allclose(same[0], at, atol=1e-6)
    root = joint(RIVALS["root"], slices)
    at = best(root, RIVALS["root"], rate, weight)
    counts = np.random.default_rng(0).integers(0, 3, (5, len(data.cells))).astype(float)
    again = reweighted(root, at, rate, weight, cell, counts, data.cells)
    scaled = weight * counts[:, np.searchsorted(data.cells, cell)]
    np.testing.assert_allclose(again, copies(root, at, rate, scaled), atol=1e-6)


def test_the_choice_of_a_law_does_not_see_the_cell_that_judges_it():
    cell = np.repeat(np.arange(3), 2)
    cells = np.arange(3)
    regrets = np.array([[0, 0, 9, 9, 9, 9], [1, 1, 1, 1, 1, 1]], float)
    pairs = np.repeat(regrets[:, None], 3, 1)
    lost, choice = nested(regrets, pairs, cell, cells)
    assert choice.tolist() == [1, 1, 1]  # the first law is best where it judges itself alone
    assert lost.tolist() == [1.0] * 6


def test_the_raw_losses_prefer_the_law_that_made_them():
    found = part("knee").sel(least_steps=4000).batch_raw_chi2.to_series()
    assert found["knee"] < found[["root", "power", "saturating", "surge", "constant"]].min()


def test_the_raw_losses_give_the_exponent_of_the_law_that_made_them():
    found = part("knee").sel(raw_law="knee")
    value, low, high = (float(found[f"raw_shape_{end}"]) for end in ("value", "low", "high"))
    assert low < value < high
    assert abs(value - 0.75) < 2 * (high - low)


def test_too_few_long_slices_are_refused_in_one_line():
    spec = SimpleNamespace(steps=(10**7,), resamples=5, seed=0)
    with pytest.raises(InputError, match="at least 10000000 steps"):
        measure(runs(), spec)  # type: ignore[arg-type]


def test_knees_of_cells_move_as_the_truth_does():
    found = part()
    for k, truth in enumerate(TRUTH["b"][1:]):
        low, high = (float(found[f"noise_tokens_slope_{end}"][k]) for end in ("low", "high"))
        assert low - 0.15 < truth < high + 0.15
    assert float(found.noise_tokens_left) < float(found.noise_loss_left)


def test_made_up_optima_lie_where_the_law_puts_them(data):
    slices, rate, _, _ = known(data)
    law = log_optimum("knee", slices.N.values, slices.D.values, slices.batch.values)
    assert np.abs(rate - law).std() < 0.15
    assert len(data.cells) == len(SIZES)


def test_a_fit_is_no_worse_than_the_truth(data):
    slices, rate, weight, _ = known(data)
    law = joint(RIVALS["knee"], slices)
    at = best(law, RIVALS["knee"], rate, weight)
    truth = np.array([*TRUTH["a"], *TRUTH["b"], np.log(0.75)])
    depths = deviance(law, np.stack([at, truth]), rate, weight)
    assert depths[0] <= depths[1]

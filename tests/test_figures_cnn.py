"""The figures of the seed paper's CNN show what the dataset says, and nothing that it does not."""

from typing import Any

import cnn_datasets
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from test_figures_draw import texts

from experiments.cnn_optima import paper_scales
from figures import cnn_gaussian, cnn_laws, cnn_noise_scales, cnn_optima, cnn_paper
from figures.laws import curve
from figures.report_cnn import law_table

MODULES = (cnn_paper, cnn_optima, cnn_noise_scales, cnn_gaussian, cnn_laws)


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return cnn_datasets.cnn()


@pytest.fixture(scope="module")
def smoke(data) -> xr.Dataset:
    """One loss, three batch sizes, few optima, no curve that could be fitted."""
    few = data.drop_vars([name for name in data.variables if str(name).startswith("fit_")])
    few = few.drop_dims(["curve", "point"], errors="ignore")
    few = few.isel(batch=[2, 5, 6], target=[0]).copy(deep=True)
    few["lr_hat"][0, :2] = np.nan
    return few


def shown(axes: Axes) -> np.ndarray:
    """All points with bars: (x, y, low, high)."""
    found = []
    for container in axes.containers:
        line, _, (segments,) = container.lines  # type: ignore[misc]
        ends = np.array([part[:, 1] for part in segments.get_segments()]).reshape(-1, 2)
        found.append(np.column_stack([line.get_xdata(), line.get_ydata(), ends]))
    return np.concatenate(found)


def open_marks(axes: Axes) -> list[tuple[str, float, float]]:
    """(marker, x, y) of all open triangles."""
    return [
        (str(line.get_marker()), float(x), float(y))
        for line in axes.get_lines()
        if line.get_marker() in ("^", "v") and line.get_markerfacecolor() == "white"
        for x, y in zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True)
    ]


def panel(figure: Any, words: str) -> Axes:
    (found,) = [axes for axes in figure.axes if words in axes.get_title(loc="left")]
    return found


@pytest.mark.parametrize("module", MODULES)
def test_few_targets_and_absent_optima_and_curves_are_no_obstacle(module, smoke):
    module.draw(smoke).draw_without_rendering()
    assert "nan" not in module.ENTRY.reading(smoke)


@pytest.mark.parametrize("module", MODULES)
def test_every_reading_says_how_small_the_runs_were(module, data):
    assert "10058 parameters, 9 batch sizes, 13 learning rates, 6 rounds" in module.ENTRY.reading(
        data
    )


def test_bars_of_an_optimum_are_95_per_cent_of_its_logarithm(data):
    axes = cnn_optima.draw(data).axes[0]
    part = data.sel(rule="adam", sense="further")
    points, known = shown(axes), np.isfinite(part.lr_hat.values)
    assert len(points) == known.sum(), "an optimum that is not there is not drawn"
    np.testing.assert_allclose(np.sort(points[:, 1]), np.sort(part.lr_hat.values[known]))
    half = np.sort(1.959964 * part.log_lr_sem.values[known])
    for end, sign in ((2, -1), (3, 1)):
        np.testing.assert_allclose(np.sort(sign * np.log(points[:, end] / points[:, 1])), half,
                                   rtol=1e-5)  # fmt: skip


def test_an_optimum_beyond_the_grid_is_an_open_mark_at_its_end(data):
    low = float(data.lr.sel(rule="adam").min())
    by_target = cnn_optima.draw(data).axes[1]
    assert open_marks(by_target) == [("v", pytest.approx(1.2), pytest.approx(low))]
    high = data.copy(deep=True)
    high["lr_end"].loc[{"rule": "adam", "sense": "further", "batch": 664}] = 0.05
    marks = open_marks(cnn_optima.draw(high).axes[0])
    assert [(kind, y) for kind, _, y in marks] == [("^", 0.05)] * 3
    np.testing.assert_allclose([x for _, x, _ in marks], 664 * 1.2 ** np.arange(-1, 2))


def test_a_later_optimum_beyond_the_grid_is_no_fall(data):
    part = data.sel(rule="adam", sense="further", target=0.8).copy(deep=True)
    assert cnn_optima.falls(part)[0]
    part["lr_end"][-1] = 0.05
    part["lr_hat"][-1] = np.nan
    assert not cnn_optima.falls(part)[0]


def test_the_grid_s_end_is_that_at_which_the_best_rate_lies(data):
    beyond = data.edge == 1
    assert bool(beyond.any())
    assert bool((np.isfinite(data.lr_end) == beyond).all())
    np.testing.assert_allclose(
        data.lr_end.sel(rule="sign", sense="target", target=0.6, batch=1), 4e-6
    )


def test_the_paper_s_scale_is_the_mean_over_the_grid_by_equation_23(data):
    part = data.sel(rule="adam", sense="further", target=0.8)
    batch, noise = part.batch.values, float(part.b_noise_line)
    half_sum = 0.5 * (np.sqrt(noise / batch) + np.sqrt(batch / noise))
    expected = float((part.lr_hat.values * half_sum).mean())
    assert float(part.eps_max_paper.sel(form="surge")) == pytest.approx(expected)
    wrong = float((part.lr_hat.values * 2 * half_sum).mean())
    assert float(part.eps_max_paper.sel(form="surge")) != pytest.approx(wrong, rel=0.1)


@pytest.mark.parametrize(("form", "law"), [("surge", "small_batch_lr"), ("half", "half_lr"),
                                           ("saturating", "sgd_lr")])  # fmt: skip
def test_data_on_a_law_of_the_paper_have_its_scale(form, law):
    batch = np.array([1.0, 8, 64, 1024])
    lr = xr.DataArray(curve(law)(batch, 0.3, 50.0)[None], {"batch": batch}, ("target", "batch"))
    found = paper_scales(lr, xr.DataArray([50.0], dims="target"))
    assert float(found.sel(form=form)[0]) == pytest.approx(0.3)
    assert np.isnan(paper_scales(lr, xr.DataArray([np.nan], dims="target"))).all()


def test_the_paper_s_figure_shows_its_grid_and_the_noise_scale_inside(data):
    figure = cnn_paper.draw(data)
    small, large = (panel(figure, f"{words} batches") for words in ("small", "large"))
    for axes in (small, large):
        (box,) = axes.patches
        x, y, wide, high = box.get_bbox().bounds  # type: ignore[attr-defined]
        np.testing.assert_allclose((y, y + high), (1e-4, 1e-3))
        assert wide > 0 < x
    dashed = [line for line in large.get_lines() if line.get_color() == "#c00000"]
    assert len(dashed) == 1
    assert not [line for line in small.get_lines() if line.get_color() == "#c00000"]
    assert "at 9 of the 9 batch sizes" in cnn_paper.reading(data)


def test_the_heat_map_is_the_mean_decrease_and_empty_where_a_round_failed(data):
    part = cnn_paper.chosen(data)
    assert part is not None
    gain = cnn_paper.decrease(part)
    by_hand = (part.before - part.after).transpose("batch", "rate", "round").values
    assert np.isnan(gain[0, -1])
    np.testing.assert_allclose(gain, by_hand.mean(-1))


def test_the_median_of_a_histogram_is_where_half_the_coordinates_are_below():
    start = 10.0 ** (np.arange(4) / 4)
    assert cnn_paper.median(start, np.array([1, 1, 1, 1])) == pytest.approx(10**0.5)
    assert cnn_paper.median(start, np.array([0, 0, 0, 2])) == pytest.approx(10**0.875)
    assert np.isnan(cnn_paper.median(start, np.zeros(4)))


def test_a_law_without_a_peak_is_said_to_have_none(data):
    axes = panel(cnn_noise_scales.draw(data), "network")
    assert open_marks(axes) == [("^", 2.0, 16384.0)]
    said = cnn_noise_scales.reading(data)
    assert "none up to 16384" in said
    assert "at 1 of 3 losses, for S ≤ 0" in said
    assert "D0/D1: 80, –, –" in said
    assert (
        "D1 is below zero, so that no peak is predicted, at 1 and not told from zero at 1 of 3"
        in said
    )


def test_a_peak_whose_fall_is_within_chance_is_open(data):
    part = data.sel(rule="sign", sense="fixed", target=0.8)
    value, low, high, real = cnn_noise_scales.peaks(part)
    assert (low, high, real) == (64, 664, True)
    assert low < value < high
    assert not cnn_noise_scales.peaks(part.assign(log_lr_sem=0 * part.log_lr_sem + 0.4))[3]
    assert np.isnan(cnn_noise_scales.peaks(part.assign(b_peak=np.nan))[0])


def test_the_share_rejected_has_the_bar_of_a_share(data):
    axes = panel(cnn_gaussian.draw(data), "not Gaussian")
    points, share = shown(axes)[:5], data.rejected.values[0]
    half = 1.959964 * np.sqrt(share * (1 - share) / 1024)
    np.testing.assert_allclose(points[:, 1], 100 * share)
    np.testing.assert_allclose(points[:, 3] - points[:, 1], 100 * half, rtol=1e-5)


def test_a_law_is_excluded_by_its_criterion_or_by_its_misfit_and_not_for_want_of_points(data):
    one = data.copy(deep=True)
    band, mean = one.fit_band.values[:, None], one.fit_lr_star_mean
    one["fit_lr_star_sem"] = 0.001 * mean
    one["fit_delta_aicc"].loc[{"law": ["linear", "power"]}] = 0.0
    one["fit_delta_aicc"].loc[{"law": "constant"}] = [np.inf, 11.0]
    off = {"constant": 1.0, "linear": 1 + 1.2 * band, "power": 1 + 1.01 * band}
    for law, factor in off.items():
        one["fit_lr_star_fit"].loc[{"law": law}] = factor * mean.values
    found = cnn_laws.verdicts(one)
    assert found is not None
    out = {law: found.excluded[found.laws.index(law)].tolist() for law in off}
    assert out["constant"] == [False, True]  # infinite for want of points; above 10
    assert out["linear"] == [True, True]  # beyond the band
    assert out["power"] == [False, False]  # beyond it, but within the interval of ε*
    assert "constant (stands on 1)" in cnn_laws.sentence(found)
    one["fit_lr_star_fit"].loc[{"law": "power"}] = np.nan
    broken = cnn_laws.verdicts(one)
    assert broken is not None
    assert broken.excluded[broken.laws.index("power")].all()


@pytest.mark.parametrize(("factor", "out"), [(0.99, False), (1.01, True)])
def test_a_misfit_is_sure_where_the_interval_of_its_optimum_ends_within_the_band(data, factor, out):
    """f − 1 − 1.96 · 0.1 f is the band at f = (1 + band)/(1 − 0.196)."""
    one = data.copy(deep=True)
    mean, band = one.fit_lr_star_mean, one.fit_band.values[:, None]
    one["fit_lr_star_sem"] = 0.1 * mean
    one["fit_delta_aicc"].loc[{"law": "constant"}] = 0.0
    end = (1 + band) / (1 - 0.1 * cnn_laws.style.Z95)
    one["fit_lr_star_fit"].loc[{"law": "constant"}] = factor * end * mean.values
    found = cnn_laws.verdicts(one)
    assert found is not None
    assert found.excluded[found.laws.index("constant")].tolist() == [out, out]


@pytest.mark.parametrize(
    ("growth", "words"),
    [([400.0, 30.0, 3.0], "at 0 and not told from zero at 1"),
     ([400.0, -50.0, -3.0], "at 1 and not told from zero at 1")],
)  # fmt: skip
def test_a_growth_within_its_error_is_not_told_from_zero(data, growth, words):
    one = data.assign(corr_D1=("target", growth), corr_D1_sem=("target", [60.0, 4.0, 9.0]))
    assert words in cnn_noise_scales.reading(one)


def test_the_verdict_names_what_stands_and_the_table_agrees(data):
    said = cnn_laws.reading(data)
    assert "exclude on none: surge to a plateau. On no curve do two laws stand." in said
    row = [line for line in law_table(data).splitlines() if "surge to a plateau</th>" in line]
    assert row[0].count("1 of 1") == 2
    assert "2 of 2" in row[0]
    cells = [text for text in texts(cnn_laws.draw(data)) if text in ("0", ">1k")]
    assert cells.count("0") >= 2
    assert "run <code>cnn_fashion</code>" in law_table(None)

"""The numbers that figures, tables and text share: ratios, residuals, ticks, curves of laws."""

import numpy as np
import pytest
from test_figures_draw import bars, network, quadratic

import theory
from figures import axes, existence, network_ratio, quadratics, ratios, residuals, surge
from figures.laws import curve
from figures.report_networks import bracket, network_table


def test_a_ratio_has_the_delta_method_interval_in_the_logarithm():
    found = ratios.ratio(6.0, 2.0, 0.1)
    assert found.value == pytest.approx(3)
    assert np.log(found.high / found.value) == pytest.approx(1.959964 * 0.05)
    assert found.value / found.low == pytest.approx(found.high / found.value)


def test_an_exact_measurement_gives_a_ratio_without_width():
    found = ratios.ratio(6.0, 2.0, 0.0)
    assert found.low == found.value == found.high


def test_errors_of_law_and_measurement_add_in_squares():
    both = ratios.ratio(1.0, 1.0, 0.03, 0.04)
    assert np.log(both.high) == pytest.approx(1.959964 * 0.05)


@pytest.mark.parametrize(("law", "mean"), [(np.nan, 1.0), (1.0, np.nan), (1.0, 0.0), (-1.0, 1.0)])
def test_a_ratio_without_meaning_is_not_a_number(law, mean):
    assert np.isnan(ratios.ratio(law, mean, 0.1).value)


def test_the_95_per_cent_interval_covers_about_95_per_cent():
    draws = 10 + 0.3 * np.random.default_rng(0).standard_normal(20_000)
    found = ratios.ratio(10.0, draws, 0.3)
    covered = ((found.low < 1) & (found.high > 1)).mean()
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 20_000) + 2e-3


def test_table_and_figure_show_the_same_interval():
    dataset = network(("digits_mlp",))
    part = dataset.isel(network=0, checkpoint=0)
    found = ratios.independent(part)
    assert bracket(found.value[3], found.low[3], found.high[3]) in network_table(dataset)
    drawn = bars(network_ratio.draw(dataset).axes[0])
    np.testing.assert_allclose(drawn[:, 3], [found.low[3], found.high[3]])


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [((3.0,), "3.00"), ((3.0, 2.9, 3.1), "3.00 [2.90, 3.10]"), ((1234.0,), "1234"),
     ((np.nan,), "–"), ((0.5, 0.5, 0.5), "0.500"), ((120.0,), "120")],
)  # fmt: skip
def test_intervals_are_written_to_three_digits(numbers, shown):
    assert bracket(*numbers) == shown


def test_residuals_are_in_standard_errors_beyond_rounding():
    part = quadratic(("diagonal",)).sel(problem="diagonal", rule="sign")
    moved = part.assign(lr_star_mean=part["lr_star_law"] + 3 * part["lr_star_sem"])
    expected = 3 - residuals.ROUNDING * part["lr_star_law"] / part["lr_star_sem"]
    np.testing.assert_allclose(residuals.standardised(moved), expected)
    rounded = part.assign(
        lr_star_mean=part["lr_star_law"] * (1 + 5e-6), lr_star_sem=("batch", [0.0] * 4)
    )
    assert (residuals.standardised(rounded) == 0).all()


def test_the_critical_value_grows_with_the_number_of_points():
    few, many = quadratic(("diagonal",)), quadratic()
    assert 3.89 < residuals.critical(few) < residuals.critical(many) < 6


def test_curves_are_those_of_the_theory():
    q = np.array([2.5, 10.0])
    for name, args in (
        ("common_ratio_lr", (3.0, q, 1.0, q, 1.3)),
        ("common_ratio_peak_lr", (q, 1.0, q)),
        ("common_ratio_peak", (1.3, 1.0, q)),
    ):
        np.testing.assert_allclose(curve(name)(*args), theory.LAWS[name].jax(*args), rtol=1e-6)


def test_the_peak_in_the_family_of_curves_is_their_maximum():
    batch = np.geomspace(1e-3, 10, 4001)
    rates = curve("common_ratio_lr")(batch, 10.0, 1.0, 10.0, 1.0)
    assert batch[rates.argmax()] == pytest.approx(
        curve("common_ratio_peak")(1.0, 1.0, 10.0), rel=3e-3
    )
    assert rates.max() == pytest.approx(curve("common_ratio_peak_lr")(10.0, 1.0, 10.0), rel=1e-6)


def test_a_decline_with_negative_s_is_named():
    assert "S < 0, yet a surge: S = -1" in existence.reading(quadratic())
    assert "No problem with S" in existence.reading(quadratic(("rank_one",)))


def test_a_decline_is_counted_only_beyond_its_error():
    assert "in 5 of 5 problems" in surge.reading(quadratic())
    blurred = quadratic()
    blurred["lr_star_sem"] = 10 * blurred["lr_star_mean"]
    assert "No measured curve" in surge.reading(blurred)


def test_problems_are_chosen_by_label_in_a_fixed_order():
    assert quadratics.names(quadratic())[:2] == ["diagonal", "rank_one"]
    assert quadratics.names(quadratic())[-1] == "new_problem"
    backwards = quadratic().isel(problem=slice(None, None, -1), rule=slice(None, None, -1))
    for (name, part), (other, same) in zip(
        quadratics.each(quadratic()), quadratics.each(backwards), strict=True
    ):
        assert name == other
        assert part.equals(same)


@pytest.mark.parametrize(
    ("low", "high"), [(1, 65536), (0.07, 0.16), (1e-4, 1e-2), (0.9, 1.1), (3, 4)]
)
def test_a_logarithmic_axis_has_three_to_five_ticks(low, high):
    ticks = axes.ticks(low, high, 5)
    assert 3 <= len(ticks) <= 5
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.07, "0.07"), (65536, "65536"), (1e6, "$10^{6}$"), (2e-5, r"$2\times10^{-5}$"), (1, "1")],
)
def test_tick_labels_are_plain_or_powers_of_ten(value, label):
    assert axes.number(value) == label

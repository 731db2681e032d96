"""The figures of all rules, of approximate laws and of the correlated peak show their numbers."""

import numpy as np
import pytest
from rules_datasets import BATCH, correlated_peak, law_errors, rules
from test_figures_draw import bars, texts

from experiments.rules_laws import SHOWN
from figures import correlated_peak as peak_figure
from figures import law_errors as error_figure
from figures import rules as rules_figure
from figures import style


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("sign", "sign descent"),
        ("adam(0.9,0.95)", "Adam (0.9, 0.95)"),
        ("soft_sign(1.0)", "soft sign (1.0)"),
        ("muon", "Muon"),
    ],
)
def test_a_case_is_titled_in_words(case, words):
    assert rules_figure.title(case) == words


def test_the_problems_that_are_drawn_have_fine_curves():
    assert tuple(rules_figure.SHOWN) == SHOWN


def test_there_is_a_panel_per_rule_and_one_of_what_is_left():
    data = rules()
    figure = rules_figure.draw(data)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.axison]
    assert titles[:-1] == [rules_figure.title(str(case)) for case in data["case"].values]
    assert titles[-1].startswith("what is left")


def test_a_rule_that_was_not_measured_has_no_panel():
    data = rules()
    data["lr_star_mean"][0] = np.nan
    assert rules_figure.names(data) == [str(case) for case in data["case"].values[1:]]


def test_points_are_over_the_law_at_the_largest_batch_with_bars_of_95_per_cent():
    data = rules(("sign",), ("dense_shaped",))
    d = data.sel(case="sign", problem="dense_shaped")
    scale = float(d["lr_star_fine"][-1])
    low, high = bars(rules_figure.draw(data).axes[0])
    np.testing.assert_allclose((high + low) / 2, d["lr_star_mean"] / scale, rtol=1e-9)
    np.testing.assert_allclose((high - low) / 2, style.Z95 * d["lr_star_sem"] / scale, rtol=1e-6)


def test_without_a_fine_curve_the_law_is_drawn_where_it_was_compared():
    data = rules(("sign",), ("dense_shaped",))
    data["lr_star_fine"][:] = np.nan
    line = rules_figure.draw(data).axes[0].get_lines()[0]
    np.testing.assert_array_equal(np.asarray(line.get_xdata()), BATCH)


def test_the_reading_counts_comparisons_and_names_the_largest_difference():
    data = rules()
    data = data.sel(problem=data["problem"] != rules_figure.COARSE)
    known = np.isfinite(data["lr_star_mean"].values)
    words = rules_figure.reading(data)
    assert words.startswith(f"{known.sum()} comparisons of ε* over 5 rules")
    gap = np.abs(data["lr_star_mean"].values / data["lr_star_law"].values - 1)[known].max()
    assert f"{100 * gap:.2f} %" in words


def test_a_map_of_errors_shows_spread_for_independent_and_correlation_for_correlated_noise():
    first, second = error_figure.draw(law_errors()).axes[:2]
    assert first.get_ylabel().startswith("spread")
    assert second.get_ylabel().startswith("correlation")


def test_the_largest_error_is_said():
    words = error_figure.reading(law_errors())
    assert "one ratio for all 60 %" in words
    assert "order ρ a factor of 2.49" in words


def test_contours_stand_for_one_per_cent_ten_per_cent_and_a_factor_of_two():
    assert np.exp(error_figure.contours()) == pytest.approx([1.01, 1.1, 2.0])


def test_the_places_of_three_peaks_are_marked():
    axes = peak_figure.draw(correlated_peak()).axes[0]
    places = [np.asarray(line.get_xdata(), float) for line in axes.get_lines()]
    marked = {float(x[0]) for x in places if np.ptp(x) == 0}
    assert marked == {100.0, 98.0, 20.0}
    assert "D0/D1 is 0.98 to 0.98" in peak_figure.reading(correlated_peak())
    assert any("Theorem 3" in text for text in texts(peak_figure.draw(correlated_peak())))

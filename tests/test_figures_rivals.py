"""The figures of the rivals: what is drawn is what the fits say."""

import ast
from pathlib import Path

import numpy as np
import pytest
from rival_datasets import rate
from rival_datasets import rivals as made_up

import figures
from figures import rivals, rivals_network
from theory.rivals import RIVALS


def test_every_rival_has_a_line_of_its_own():
    assert rivals.LINES.keys() == RIVALS.keys()
    assert len({(colour, str(dashes)) for colour, dashes in rivals.LINES.values()}) == len(RIVALS)


def test_a_panel_shows_the_measurement_and_every_fitted_rival():
    figure = rivals.draw(made_up())
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == 4
    lines = dict(zip(RIVALS, panels[0].get_lines(), strict=False))
    for name in ("coherent", "half", "lower_bound"):
        batch, shown = (np.asarray(values, float) for values in lines[name].get_data())
        np.testing.assert_allclose(shown, rate(name, batch))


def test_the_chart_shows_the_errors_of_the_fits_and_the_band():
    data = made_up()
    chart = [axes for axes in rivals.draw(data).axes if axes.axison][-1]
    marks = [line for line in chart.get_lines() if line.get_marker() == "o"]
    shown = np.asarray(marks[0].get_xdata(), float)
    worst = data["worst"].sel(curve="onestep_quadratic/sign/rank_one").values
    np.testing.assert_allclose(shown, np.clip(100 * worst, rivals.LEAST, rivals.MOST))
    assert chart.get_title("left").endswith("within 3 %")


def test_the_best_rival_is_named():
    assert rivals.reading(made_up()).count("surge to a plateau, off by") == 3
    assert rivals.reading(made_up()).startswith("Best of 12 rivals: sign, rank one + diagonal: ")


def test_a_law_that_was_not_fitted_is_not_shown():
    data = made_up().sel(law=["half", "coherent"])
    chart = [axes for axes in rivals.draw(data).axes if axes.axison][-1]
    words = [label.get_text() for label in chart.get_yticklabels()]
    assert words == ["saturating, α = ½", "surge to a plateau"]
    assert rivals.reading(data).startswith("Best of 2 rivals")


@pytest.mark.parametrize("count", [1, 2])
def test_networks_are_shown_from_first_to_last(count):
    data = made_up(("digits_mlp", "fashion_cnn")[:count])
    titles = [rivals_network.heading(part) for part in rivals_network.chosen(data)]
    assert len(titles) == 3
    assert titles[0].startswith("digits MLP, loss 2.3")
    assert titles[-1].endswith("loss 0.021")


def test_without_networks_the_figure_says_so():
    data = made_up(())
    assert rivals_network.chosen(data) == []
    rivals_network.draw(data).draw_without_rendering()
    assert rivals_network.reading(data) == "Too few points."


def test_no_figure_fits():
    for path in Path(str(figures.__file__)).parent.glob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text()))
                   if isinstance(node, ast.ImportFrom) and node.module]  # fmt: skip
        named = {f"{node.module}.{alias.name}" for node in imports for alias in node.names}
        fitting = ("experiments.fit", "experiments.least_squares", "experiments.rival")
        assert not [name for name in named if name.startswith(fitting)]

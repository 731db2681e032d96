"""The figure of the rivals: what is drawn is what the fits say."""

import numpy as np
import pytest
from test_figures_draw import network, quadratic

from experiments.claims_rivals import BAND, FLOOR
from experiments.fit import scores
from figures import rivals, rivals_network
from theory.rivals import RIVALS


def surging():
    """A surge to a plateau on the default grid of batch sizes, as both problems and both rules."""
    data = quadratic(("rank_one", "diagonal"))
    batch = np.array([1, 4, 16, 64, 256, 1024, 4096])
    rate = np.asarray(RIVALS["coherent"].law.jax(batch.astype(float), 0.2, 150.0, 9.0))
    shape = (2, 2, len(batch))
    data = data.drop_dims("batch").assign_coords(batch=batch)
    return data.assign(
        lr_star_mean=(("problem", "rule", "batch"), np.broadcast_to(rate, shape)),
        lr_star_sem=(("problem", "rule", "batch"), np.broadcast_to(1e-3 * rate, shape)),
    )


def test_every_rival_has_a_line_of_its_own():
    assert rivals.LINES.keys() == RIVALS.keys()
    assert len({(colour, str(dashes)) for colour, dashes in rivals.LINES.values()}) == len(RIVALS)


def test_a_panel_shows_the_measurement_and_every_fitted_rival():
    figure = rivals.draw(surging())
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == 4
    lines = panels[0].get_lines()
    names = list(RIVALS)
    line = lines[names.index("coherent")]
    batch, rate = (np.asarray(values, float) for values in line.get_data())
    exact = np.asarray(RIVALS["coherent"].law.jax(batch, 0.2, 150.0, 9.0))
    np.testing.assert_allclose(rate, exact, rtol=1e-4)


def test_the_chart_shows_the_errors_of_the_fits():
    data = surging()
    part = data.sel(problem="rank_one", rule="sign")
    table = scores(*(part[n].values for n in ("batch", "lr_star_mean", "lr_star_sem")),
                   floor=FLOOR * BAND["onestep_quadratic"], thorough=False)  # fmt: skip
    chart = [axes for axes in rivals.draw(data).axes if axes.axison][-1]
    marks = [line for line in chart.get_lines() if line.get_marker() == "o"]
    shown = np.asarray(marks[0].get_xdata(), float)
    expected = np.clip(100 * table["worst"].values, rivals.LEAST, rivals.MOST)
    np.testing.assert_allclose(shown, expected)


def test_the_best_rival_is_named():
    assert rivals.reading(surging()).count("surge to a plateau, off by") == 3


@pytest.mark.parametrize("count", [1, 2])
def test_networks_are_shown_from_first_to_last(count):
    data = network(("digits_mlp", "fashion_cnn")[:count])
    titles = [one.title for one in rivals_network.chosen(data)]
    assert len(titles) == 3
    assert titles[0].startswith("digits MLP, loss 2.3")
    assert titles[-1].endswith("loss 0.021")

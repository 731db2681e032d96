"""Every figure is drawn from its dataset alone, whatever part of it was measured."""

from typing import Any

import advice_datasets
import closure_datasets
import cnn_datasets
import matplotlib as mpl
import numpy as np
import pytest
import rival_datasets
import rules_datasets
import run_datasets
import steplaw_datasets
import steplaw_published_datasets
import whole_runs_datasets
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from figures import quadratics, style
from figures.catalogue import FIGURES

BATCH = np.array([1, 16, 256, 4096])
FINE = np.geomspace(1, 4096, 13)
PROBLEMS = ("silent", "rank_one", "negative_s_surge", "diagonal", "new_problem")


def quadratic(problems: tuple[str, ...] = PROBLEMS, rules=("sgd", "sign")) -> xr.Dataset:
    """A small dataset of the form of `onestep_quadratic`, made up."""
    shape = (len(problems), len(rules), len(BATCH))
    dims = ("problem", "rule", "batch")
    height = 1 + np.arange(len(problems))[:, None, None]

    def curve(batch):
        return height * np.sqrt(batch) / (1 + 0.02 * batch) * np.ones((1, len(rules), 1)) + 0.1

    data: dict = {}
    for quantity in ("lr_star", "decrease", "numerator", "denominator"):
        law = curve(BATCH)
        wiggle = 0.002 * np.sin(np.arange(law.size)).reshape(shape)
        data[f"{quantity}_law"] = (dims, law)
        data[f"{quantity}_mean"] = (dims, law * (1 + wiggle))
        data[f"{quantity}_sem"] = (dims, 0.0015 * law)
    fine = curve(FINE)
    independent = fine.copy()
    if "silent" in problems:
        independent[problems.index("silent")] *= 1.4
    data["lr_star_fine"] = ((*dims[:2], "batch_fine"), fine)
    data["lr_star_independent_fine"] = ((*dims[:2], "batch_fine"), independent)
    ones = np.ones(len(problems))
    signs = np.where(np.arange(len(problems)) == 2, -1.0, 1.0)
    for name, value in {
        "trace": ones, "S": signs, "Q": 3 * ones, "b_noise": np.where(signs > 0, 50.0, np.nan),
        "plateau": 0.2 * ones, "plateau_without_silent": 0.3 * ones, "b_peak_common": 40 * ones,
    }.items():  # fmt: skip
        data[name] = ("problem", value)
    coords = {"problem": list(problems), "rule": list(rules), "batch": BATCH, "batch_fine": FINE}
    return xr.Dataset(data, coords=coords)


def network(names: tuple[str, ...] = ("digits_mlp", "fashion_cnn")) -> xr.Dataset:
    """A small dataset of the form of `onestep_network`, made up."""
    batch = np.array([1, 4, 16, 64, 256, 1024, 4096])
    shape, dims = (len(names), 4, len(batch)), ("network", "checkpoint", "batch")
    scale = np.geomspace(1e-3, 2e-4, 4)[:, None] * np.geomspace(1, 0.3, len(names))[:, None, None]
    true = scale * np.sqrt(batch) / np.sqrt(1 + batch / 100)
    sem = 0.03 * true * (batch > 1)
    data: dict = {
        "lr_star_mean": (dims, true),
        "lr_star_sem": (dims, sem),
        "lr_independent": (dims, true * (1 + 20 / np.sqrt(batch))),
        "lr_gaussian": (dims, true * (1 + 0.8 / batch)),
        "lr_gaussian_sem": (dims, 0.02 * true),
        "loss": (dims[:2], np.broadcast_to([2.3, 0.6, 0.11, 0.021], shape[:2])),
        "b_noise": (dims[:2], np.full(shape[:2], 30.0)),
        "parameters": ("network", np.full(len(names), 8970)),
        "population": ("network", np.full(len(names), 1797)),
    }
    for suffix, factor in (("", 1.05), ("_low", 0.95), ("_high", 1.2)):
        line = factor * true[..., [0, 3, 6]]
        data[f"lr_line{suffix}"] = ((*dims[:2], "line_batch"), line)
    coords = {"network": list(names), "checkpoint": range(4), "batch": batch}
    return xr.Dataset(data, coords={**coords, "line_batch": batch[[0, 3, 6]]})


def nongaussian() -> xr.Dataset:
    """A small dataset of the form of `onestep_nongaussian`, made up."""
    batch, wide = np.array([1, 4, 16]), np.linspace(0.3, 1.2, 4)[:, None]
    data: dict = {}
    for quantity in ("lr_star", "numerator", "denominator"):
        data[f"{quantity}_mean"] = (("family", "batch"), np.ones((4, 3)))
        data[f"{quantity}_sem"] = (("family", "batch"), np.full((4, 3), 0.01))
        law = wide * np.ones((4, 4, 3))
        data[f"{quantity}_law"] = (("family", "level", "batch"), law)
    shape, dims = (2, 4, 3), ("checkpoint", "network_level", "network_batch")
    for quantity, last in (("numerator", -0.2), ("denominator", 1.3)):
        mean = np.array([[1.0] * 3, [last, 0.5, 1.0]])
        data[f"network_{quantity}_mean"] = (dims[::2], mean)
        data[f"network_{quantity}_sem"] = (dims[::2], 0.02 * np.abs(mean))
        data[f"network_{quantity}_law"] = (dims, mean[:, None] * np.ones(shape) * wide)
    data["loss"] = ("checkpoint", [2.4, 0.02])
    coords = {
        "family": ["gaussian", "exponential", "sparse", "bernoulli"], "batch": batch,
        "level": ["gaussian", "edgeworth_1", "edgeworth_2", "enumerated"], "network_batch": batch,
        "network_level": ["gaussian", "edgeworth", "means", "copula"],
    }  # fmt: skip
    return xr.Dataset(data, coords=coords)


MADE_UP = {
    "onestep_quadratic": quadratic,
    "onestep_rules": rules_datasets.rules,
    "correlated_peak": rules_datasets.correlated_peak,
    "law_errors": rules_datasets.law_errors,
    "onestep_nongaussian": nongaussian,
    "rivals": rival_datasets.rivals,
    "steplaw": lambda: xr.merge(
        [steplaw_published_datasets.steplaw(), steplaw_datasets.part(), advice_datasets.part()],
        compat="no_conflicts",
        join="exact",
    ),
    "whole_runs": whole_runs_datasets.whole_runs,
    "closure": closure_datasets.closure,
    "se_line": run_datasets.se_line,
    "momentum_runs": run_datasets.momentum_runs,
    "cnn_fashion": cnn_datasets.cnn,
}


def made_up(experiment: str) -> xr.Dataset:
    return MADE_UP.get(experiment, network)()


def holed(dataset: xr.Dataset) -> xr.Dataset:
    """The same with a value missing in each measured curve, and all of the first entry."""
    gaps = dataset.copy(deep=True)
    for name in ("lr_star_mean", "lr_star_sem", "decrease_mean", "lr_independent", "lr_line"):
        if name in gaps:
            gaps[name][..., 1] = np.nan
            gaps[name][0] = np.nan
    return gaps


def small(figure: str) -> xr.Dataset:
    """One problem, network or family, which must be enough for any figure."""
    if figure == "nongaussian":
        return nongaussian().isel(family=[0])
    if figure == "rules":
        return rules_datasets.rules(("sign",), ("dense_shaped",))
    if figure.startswith("steplaw"):
        return made_up("steplaw")
    if figure.startswith("cnn"):
        return cnn_datasets.cnn().isel(target=[0])
    if figure.startswith("rivals"):
        return rival_datasets.rivals(("digits_mlp",))
    if FIGURES[figure].experiment == "whole_runs":
        return whole_runs_datasets.whole_runs(("coherent",), ("sign",))
    if figure in ("se_line", "momentum_runs", "closure"):
        return MADE_UP[figure](("coherent",))
    if figure in ("correlated_peak", "law_errors"):
        whole = made_up(figure)
        return whole.isel({"problem" if "problem" in whole.dims else "approximation": [0]})
    return network(("digits_mlp",)) if "network" in figure else quadratic(("rank_one",))


ALL = pytest.mark.parametrize("name", FIGURES)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


@ALL
def test_a_figure_is_drawn_and_its_numbers_are_said(name):
    entry = FIGURES[name]
    dataset = made_up(entry.experiment)
    before = dataset.copy(deep=True)
    figure = entry.draw(dataset)
    assert figure.axes
    assert dataset.identical(before)
    assert "nan" not in entry.reading(dataset)
    assert all((entry.title, entry.caption, entry.not_claimed, entry.alt))


@ALL
def test_the_same_data_give_the_same_bytes_whatever_the_settings(name):
    entry, data = FIGURES[name], small(name)
    before = dict(mpl.rcParams)
    first = [style.render(entry.draw(data), kind) for kind in ("png", "pdf")]
    with mpl.rc_context({"font.size": 30, "axes.grid": True}):
        again = [style.render(entry.draw(data), kind) for kind in ("png", "pdf")]
    assert first == again
    assert b"CreationDate" not in first[1]
    assert dict(mpl.rcParams) == before


@ALL
def test_missing_values_are_left_out(name):
    entry = FIGURES[name]
    dataset = holed(made_up(entry.experiment))
    entry.draw(dataset).draw_without_rendering()
    assert "nan" not in entry.reading(dataset)


@ALL
def test_where_nothing_was_measured_the_figure_says_so(name):
    entry = FIGURES[name]
    if entry.experiment in ("onestep_network", "rivals"):
        nothing = made_up(entry.experiment).copy(deep=True)
        nothing["lr_star_mean"][:] = np.nan
    elif FIGURES[name].experiment in (
        "onestep_rules", "correlated_peak", "law_errors", "whole_runs",
        "se_line", "momentum_runs", "closure", "cnn_fashion",
    ):  # fmt: skip
        whole = made_up(entry.experiment)
        nothing = whole.map(lambda part: part * np.nan if part.dtype.kind == "f" else part)
    else:
        nothing = quadratic(rules=("other",))
    entry.draw(nothing).draw_without_rendering()
    assert entry.reading(nothing)


@ALL
def test_nothing_reaches_over_the_edge(name):
    entry = FIGURES[name]
    figure = entry.draw(made_up(entry.experiment))
    with style.context():
        figure.draw_without_rendering()
        width, height = figure.bbox.size
        box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


def test_the_surge_has_a_panel_per_problem_with_law_points_and_marks():
    figure = FIGURES["surge"].draw(quadratic())
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.axison]
    assert titles == [quadratics.title(name) for name in quadratics.names(quadratic())]
    axes = figure.axes[titles.index("half without gradient")]
    dashed = [line for line in axes.get_lines() if line.get_color() == style.INDEPENDENT]
    assert any(len(np.asarray(line.get_xdata())) == len(FINE) for line in dashed), (
        "the independent law is shown where noise is correlated"
    )
    law = figure.axes[0].get_lines()[0]
    assert law.get_color() == style.LAW
    np.testing.assert_allclose(np.asarray(law.get_xdata(), float), FINE)


def bars(axes: Axes) -> np.ndarray:
    """Lower and upper ends of the first series of bars."""
    container: Any = axes.containers[0]
    return np.array([line[:, 1] for line in container.lines[2][0].get_segments()]).T


def test_bars_are_95_per_cent():
    figure = FIGURES["surge"].draw(quadratic(("diagonal",)))
    part = quadratic(("diagonal",)).sel(problem="diagonal", rule="sign")
    low, high = bars(figure.axes[0])
    np.testing.assert_allclose((high - low) / 2, 1.959964 * part["lr_star_sem"], rtol=1e-5)


def test_an_absent_network_has_no_row():
    one, two = (
        FIGURES["network"].draw(network(names)) for names in (("a_mlp",), ("a_mlp", "b_cnn"))
    )
    assert len(one.axes) * 2 == len(two.axes)
    assert any("b CNN" in text for text in texts(two))
    assert not any("b CNN" in text for text in texts(one))

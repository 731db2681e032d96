"""Rival laws fitted to the same measured ε*(B): a surging quadratic, a diagonal one, SGD.

Each rival has its own colour and dash in every panel; the last panel shows by how much the best fit
of each is off at worst.  The fits are those of `experiments.fit`, which the claims use too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims_rivals import BAND, FLOOR
from experiments.fit import scores
from figures import quadratics, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from figures.laws import curve
from theory.rivals import RIVALS

SHOWN = (("rank_one", "sign"), ("diagonal", "sign"), ("diagonal", "sgd"))
DASHED, DOTTED, MIXED = (3.2, 1.6), (1, 1.2), (4, 1.2, 1, 1.2)
LINES: dict[str, tuple[str, Any]] = {  # by family a colour, within it a dash
    "constant": ("#9a9a9a", DOTTED),
    "linear": ("#9a9a9a", DASHED),
    "root": ("#5c5c5c", MIXED),
    "power": ("#5c5c5c", ()),
    "saturating": ("#4aa3df", DASHED),
    "half": ("#00468b", MIXED),
    "alpha": ("#00468b", ()),
    "knee": ("#8a5ba6", ()),
    "surge": ("#c98a00", DASHED),
    "coherent": ("#1b8a6b", ()),
    "mean_field": ("#1b8a6b", DASHED),
    "lower_bound": ("#7a3b1d", DOTTED),
}
LEAST, MOST = 0.04, 300.0  # per cent: ends of the axis of errors
ROOM = 1.9  # factor around the measured values that a panel shows
NAMES = 1.55  # inches left of the chart of errors, for the names of the laws


class Curve(NamedTuple):
    """One measured ε*(B), with what it is called."""

    title: str
    part: xr.Dataset


def chosen(dataset: xr.Dataset) -> list[Curve]:
    """The curves shown, those of them that were measured."""
    found = []
    for problem, rule in SHOWN:
        there = quadratics.has(dataset, rule) and problem in quadratics.names(dataset)
        part = dataset.sel(problem=problem, rule=rule) if there else None
        if part is not None and bool(np.isfinite(part["lr_star_mean"]).any()):
            name = "SGD" if rule == "sgd" else "sign"
            found.append(Curve(f"{name}, {quadratics.title(problem)}", part))
    return found


def fitted(one: Curve, experiment: str) -> xr.Dataset:
    """The table of all rivals on one curve."""
    part = one.part
    columns = (part[name].values for name in ("batch", "lr_star_mean", "lr_star_sem"))
    return scores(*columns, floor=FLOOR * BAND[experiment], thorough=False)


def draw(dataset: xr.Dataset) -> Figure:
    """Three panels ε*(B) with all fits, and a panel of the largest errors."""
    return picture(chosen(dataset), "onestep_quadratic", "ε* (θ²/loss)")


def picture(curves: Sequence[Curve], experiment: str, unit: str) -> Figure:
    """The figure of given curves."""
    if not curves:
        return empty("none of the curves shown was measured")
    tables = [fitted(one, experiment) for one in curves]
    with style.context():
        figure, grid = panels(
            2, 3, width=style.PAGE, height=1.95, margins=(0.6, 0.12, 0.25, 0.42), gaps=(0.55, 0.72)
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, one, table, letter in zip(grid[0], curves, tables, "abc", strict=False):
            axes.set_axis_on()
            _panel(axes, one.part, table)
            axes.set_title(f"{letter}  {one.title}")
            axes.set_xlabel("batch size $B$ (samples)")
        grid[0, 0].set_ylabel(unit)
        first, last = grid[1, 0].get_position(), grid[1, -1].get_position()
        left = first.x0 + NAMES / style.PAGE
        below = figure.add_axes((left, first.y0, last.x1 - left, first.height))
        _errors(below, tables, 100 * BAND[experiment])
    return figure


def _panel(axes: Axes, part: xr.Dataset, table: xr.Dataset) -> None:
    batch, mean = part["batch"].values, part["lr_star_mean"].values
    fine = np.geomspace(batch[0], batch[-1], 257)
    for name in RIVALS:
        colour, dashes = LINES[name]
        rate = _curve(name, table.sel(rival=name), fine)
        axes.plot(fine, rate, color=colour, dashes=dashes or (None, None), lw=1.1, zorder=2)
    style.measured(axes, batch, mean, part["lr_star_sem"].values)
    log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5)
    log_axis(axes, "y", *around(mean, pad=ROOM), most=5)


def _curve(name: str, row: xr.Dataset, batch: np.ndarray) -> np.ndarray:
    """A fitted rival at other batch sizes; NaN where it is not positive."""
    rival = RIVALS[name]
    values = {"epsilon_max": row["eps_max"], "B_noise": row["B_noise"]}
    free = {s.name: float(values.get(s.name, row["form"])) for s in rival.free}
    args = [batch if arg.name == "B" else free.get(arg.name, 1.0) for arg in rival.law.args]
    rate = np.broadcast_to(curve(rival.law.name)(*args), batch.shape)
    return np.where(rate > 0, rate, np.nan)


def _errors(axes: Axes, tables: Sequence[xr.Dataset], band: float) -> None:
    """The largest |fit/measured − 1| of every rival on each curve; its lines' names and legend."""
    places = np.arange(len(RIVALS))[::-1]
    marks = zip(tables, "os^", (True, False, False), strict=False)
    for place, name in zip(places, RIVALS, strict=True):
        colour, dashes = LINES[name]
        axes.plot(
            [-0.09, -0.015], [place] * 2, color=colour, dashes=dashes or (None, None), lw=1.3,
            transform=axes.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip
        axes.axhline(place, color=style.FAINT, lw=0.3, zorder=0.5)
    for table, marker, full in marks:
        worst = np.clip(100 * table["worst"].values, LEAST, MOST)
        face = style.INK if full else "white"
        axes.plot(worst, places, marker, ms=4.2, color=style.INK, mfc=face, clip_on=False, zorder=3)
    axes.axvspan(LEAST, band, color=style.BAND, zorder=0, lw=0)
    log_axis(axes, "x", LEAST, MOST, most=5)
    axes.set_ylim(-0.7, len(RIVALS) - 0.3)
    axes.set_yticks(places, [rival.words for rival in RIVALS.values()])
    axes.tick_params("y", length=0, pad=36)
    axes.set_xlabel("largest error of the best fit over all batch sizes (%)")
    axes.set_title(f"d  error of each law (● a, □ b, △ c); shaded: within {band:.3g} %")


def reading(dataset: xr.Dataset) -> str:
    """Which rival describes each curve best, and how well."""
    return sentence(chosen(dataset), "onestep_quadratic")


def sentence(curves: Sequence[Curve], experiment: str) -> str:
    """The best rival of each curve by the corrected Akaike criterion."""
    words = []
    for one in curves:
        table = fitted(one, experiment)
        if not np.isfinite(table["aicc"]).any():
            continue
        best = table.isel(rival=int(np.nanargmin(table["aicc"].values)))
        name = RIVALS[str(best["rival"].values)].words
        words.append(f"{one.title}: {name}, off by {100 * float(best['worst']):.2g} % at most")
    return f"Best of {len(RIVALS)} rivals: {'; '.join(words)}." if words else "Too few points."


ENTRY = Entry(
    name="rivals",
    experiment="onestep_quadratic",
    title="Rival laws, fitted to the same measurements",
    caption="a to c: measured ε*(B) of one step and the best fit of every rival law, by weighted "
    "least squares of ln ε*. d: the largest error of each fit over the batch sizes, and the legend "
    "of the lines; values beyond the axis stand at its end.",
    not_claimed="A law that fits one step of a quadratic need not describe whole runs; a law with "
    "three parameters has more freedom than one with two.",
    alt="Points of ε* against batch size with twelve fitted curves, of which one or a few pass "
    "through all points; a chart of errors in which these stand far to the left.",
    draw=draw,
    reading=reading,
)

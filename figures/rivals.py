"""Rival laws fitted to the same measured ε*(B): a surging quadratic, a diagonal one, SGD.

Each rival has its own colour and dash in every panel; the last panel shows by how much the best fit
of each is off at worst.  The fits are those of the experiment `rivals`, which the claims use too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import quadratics, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from theory.rivals import RIVALS

EXPERIMENT = "onestep_quadratic"
SHOWN = (("sign", "rank_one"), ("sign", "diagonal"), ("sgd", "diagonal"))
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


def chosen(dataset: xr.Dataset) -> list[xr.Dataset]:
    """The curves shown, those of them that were measured."""
    there = dataset["curve"].values.tolist()
    names = (f"{EXPERIMENT}/{rule}/{problem}" for rule, problem in SHOWN)
    return measured(dataset, [name for name in names if name in there])


def measured(dataset: xr.Dataset, names: Sequence[str]) -> list[xr.Dataset]:
    """The parts on these curves, each at the batch sizes at which it was measured, if any."""
    parts = []
    for name in names:
        part = dataset.sel(curve=name)
        there = np.flatnonzero(np.isfinite(part["lr_star_mean"].values))
        if there.size:
            parts.append(part.isel(batch=there))
    return parts


def heading(part: xr.Dataset) -> str:
    """What a curve is called."""
    rule = {"sgd": "SGD"}.get(str(part["rule"].values), str(part["rule"].values))
    return f"{rule}, {quadratics.title(str(part['problem'].values))}"


def laws(part: xr.Dataset) -> list[str]:
    """The rivals that were fitted, in the order of the theory."""
    fitted = part["law"].values.tolist()
    return [name for name in RIVALS if name in fitted]


def draw(dataset: xr.Dataset) -> Figure:
    """Three panels ε*(B) with all fits, and a panel of the largest errors."""
    parts = chosen(dataset)
    return picture(parts, [heading(part) for part in parts])


def picture(parts: Sequence[xr.Dataset], titles: Sequence[str]) -> Figure:
    """The figure of given curves."""
    if not parts:
        return empty("none of the curves shown was measured")
    with style.context():
        figure, grid = panels(
            2, 3, width=style.PAGE, height=1.95, margins=(0.6, 0.12, 0.25, 0.42), gaps=(0.55, 0.72)
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, part, words, letter in zip(grid[0], parts, titles, "abc", strict=False):
            axes.set_axis_on()
            _panel(axes, part)
            axes.set_title(f"{letter}  {words}")
            axes.set_xlabel("batch size $B$ (samples)")
        grid[0, 0].set_ylabel("ε* (θ²/loss)")
        first, last = grid[1, 0].get_position(), grid[1, -1].get_position()
        left = first.x0 + NAMES / style.PAGE
        below = figure.add_axes((left, first.y0, last.x1 - left, first.height))
        _errors(below, parts)
    return figure


def _panel(axes: Axes, part: xr.Dataset) -> None:
    batch, mean = part["batch"].values, part["lr_star_mean"].values
    for name in laws(part):
        colour, dashes = LINES[name]
        rate = part["lr_star_fine"].sel(law=name).values
        options: dict[str, Any] = {"color": colour, "dashes": dashes or (None, None)}
        axes.plot(part["batch_fine"].values, rate, lw=1.1, zorder=2, **options)
    style.measured(axes, batch, mean, part["lr_star_sem"].values)
    log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5)
    log_axis(axes, "y", *around(mean, pad=ROOM), most=5)


def _errors(axes: Axes, parts: Sequence[xr.Dataset]) -> None:
    """The largest |fit/measured − 1| of every rival on each curve; its lines' names and legend."""
    names = laws(parts[0])
    places = np.arange(len(names))[::-1]
    marks = zip(parts, "os^", (True, False, False), strict=False)
    for place, name in zip(places, names, strict=True):
        colour, dashes = LINES[name]
        axes.plot(
            [-0.09, -0.015], [place] * 2, color=colour, dashes=dashes or (None, None), lw=1.3,
            transform=axes.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip
        axes.axhline(place, color=style.FAINT, lw=0.3, zorder=0.5)
    for part, marker, full in marks:
        worst = np.clip(100 * part["worst"].sel(law=names).values, LEAST, MOST)
        face = style.INK if full else "white"
        axes.plot(worst, places, marker, ms=4.2, color=style.INK, mfc=face, clip_on=False, zorder=3)
    band = 100 * max(float(part["band"]) for part in parts)
    axes.axvspan(LEAST, band, color=style.BAND, zorder=0, lw=0)
    log_axis(axes, "x", LEAST, MOST, most=5)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_yticks(places, [RIVALS[name].words for name in names])
    axes.tick_params("y", length=0, pad=36)
    axes.set_xlabel("largest error of the best fit over all batch sizes (%)")
    axes.set_title(f"d  error of each law (● a, □ b, △ c); shaded: within {band:.3g} %")


def reading(dataset: xr.Dataset) -> str:
    """Which rival describes each curve best, and how well."""
    parts = chosen(dataset)
    return sentence(parts, [heading(part) for part in parts])


def sentence(parts: Sequence[xr.Dataset], titles: Sequence[str]) -> str:
    """The best rival of each curve by the corrected Akaike criterion."""
    words = []
    for part, title in zip(parts, titles, strict=True):
        if np.isfinite(part["aicc"]).any():
            best = part.isel(law=int(np.nanargmin(part["aicc"].values)))
            name = RIVALS[str(best["law"].values)].words
            words.append(f"{title}: {name}, off by {100 * float(best['worst']):.2g} % at most")
    count = len(laws(parts[0])) if parts else 0
    return f"Best of {count} rivals: {'; '.join(words)}." if words else "Too few points."


ENTRY = Entry(
    name="rivals",
    experiment="rivals",
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

"""Step Law's fits: the best learning rate and batch size of every cell, and what is made of them.

Optima are those of the cells' quadratic surfaces; lines are the printed law and the same regression
made again.  Below, the exponents as they come out by subset, threshold and estimator.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from theory.scaling import FREE_BATCH, FREE_LR, STEP_BATCH, STEP_LR

HELD = 0.95  # share of draws that have an optimum, for it to be shown
THRESHOLD, MEASURE = 0.0025, "cells"
EXPONENTS = {"lr_N": "$N$ in the learning rate", "lr_D": "$D$ in the learning rate",
             "batch_D": "$D$ in the batch size"}  # fmt: skip
PRINTED = {"lr_N": -0.713, "lr_D": 0.307, "batch_D": 0.571}
SUBSETS = ("all 41", "published 17", "other 24", "D up to 1e10", "D above 1e10", "N up to 3e8",
           "N above 3e8")  # fmt: skip
LEVELS = (0.001, 0.005, 0.01)
BESIDE = 1.02  # factor in D between models, so that intervals do not cover each other
NAMES = 1.75  # inches for the names of the rows


def sizes(dataset: xr.Dataset) -> np.ndarray:
    """The dense models' sizes, each once."""
    dense = dataset["cell_kind"].values == "dense"
    return np.unique(dataset["cell_N"].values[dense])


def optima(dataset: xr.Dataset, size: float, axis: str) -> tuple[np.ndarray, ...]:
    """D, value, low and high of the cells of one size whose surface holds its optimum."""
    known = dataset["surface_held"].values >= HELD
    mine = (dataset["cell_N"].values == size) & (dataset["cell_kind"].values == "dense") & known
    part = dataset.isel(every_cell=np.flatnonzero(mine)).sel(axis=axis).sortby("cell_D")
    ends = (np.exp(part[f"surface_optimum{end}"].values) for end in ("", "_low", "_high"))
    return part["cell_D"].values, *ends


def refitted(dataset: xr.Dataset) -> dict[str, float]:
    """Constants of the paper's estimator on all 41 cells."""
    part = dataset["exponent_value"].sel(run_subset="all 41", threshold=THRESHOLD)
    return {str(name): float(part.sel(coefficient=name)) for name in part["coefficient"].values}


def draw(dataset: xr.Dataset) -> Figure:
    """Two panels of optima, one of exponents."""
    if "surface_optimum" not in dataset:
        return empty("the runs of Step Law were not read")
    with style.context():
        figure, grid = panels(
            2, 2, width=style.PAGE, height=2.4, margins=(0.62, 0.12, 0.28, 0.45), gaps=(0.62, 0.75)
        )
        names = sizes(dataset)
        for axes, axis in zip(grid[0], ("lr", "batch"), strict=True):
            _optima(axes, dataset, axis, names)
        grid[0, 0].legend(ncol=2, loc="lower right", fontsize=6.5, handletextpad=0.3,
                          columnspacing=0.8, borderaxespad=0.1)  # fmt: skip
        grid[0, 0].set_title("a  best learning rate; lines: printed, dashed: fitted again")
        grid[0, 1].set_title("b  best batch size")
        for axes in grid[1]:
            axes.set_axis_off()
        left, right = grid[1, 0].get_position(), grid[1, 1].get_position()
        width = (right.x1 - left.x0 - NAMES / style.PAGE) / 3
        for k, name in enumerate(EXPONENTS):
            box = (left.x0 + NAMES / style.PAGE + k * width, left.y0, 0.9 * width, left.height)
            _exponents(figure.add_axes(box), dataset, name, first=k == 0)
    return figure


def _optima(axes: Axes, dataset: xr.Dataset, axis: str, names: np.ndarray) -> None:
    fit, every = refitted(dataset), []
    reach = np.geomspace(1.7e9, 1.2e11, 40)
    for k, (size, (colour, marker)) in enumerate(zip(names, style.SERIES, strict=False)):
        d, value, low, high = optima(dataset, size, axis)
        options: dict[str, Any] = {"color": colour, "lw": 0.8, "zorder": 1.5}
        if axis == "lr":
            axes.plot(reach, STEP_LR.jax(size, reach), **options)
            again = FREE_LR.jax(size, reach, np.exp(fit["lr_constant"]), fit["lr_N"], fit["lr_D"])
            axes.plot(reach, again, ls="--", **options)
        style.interval(
            axes, d * BESIDE ** (k - 3), value, (value - low, high - value), color=colour,
            fmt=marker, ms=3.4, label=named(size),
        )  # fmt: skip
        every += [low, high]
    if axis == "batch":
        axes.plot(reach, STEP_BATCH.jax(reach), color=style.INK, lw=1.0, zorder=1.5)
        again = FREE_BATCH.jax(reach, np.exp(fit["batch_constant"]), fit["batch_D"])
        axes.plot(reach, again, color=style.INK, lw=1.0, ls="--", zorder=1.5)
    log_axis(axes, "x", reach[0], reach[-1])
    log_axis(axes, "y", *around(*every))
    axes.set_xlabel("tokens $D$")
    axes.set_ylabel("learning rate" if axis == "lr" else "batch size (tokens)")


def named(parameters: float) -> str:
    """A number of parameters in words."""
    return f"{parameters / 1e6:.0f}M" if parameters < 1e9 else f"{parameters / 1e9:.2f}B"


def rows(dataset: xr.Dataset, name: str) -> dict[str, tuple[float, float, float]]:
    """Value, low and high of an exponent by what it is fitted to; intervals by resampled cells."""
    found = {}

    def add(words: str, part: xr.Dataset, prefix: str) -> None:
        part = part.sel(coefficient=name)
        ends = (float(part[f"{prefix}_{end}"].sel(resampling=MEASURE)) for end in ("low", "high"))
        found[words] = (float(part[f"{prefix}_value"]), *ends)

    for subset in SUBSETS:
        words = subset.replace("1e10", "10B").replace("3e8", "300M")
        add(words, dataset.sel(run_subset=subset, threshold=THRESHOLD), "exponent")
    for level in LEVELS:
        part = dataset.sel(run_subset="all 41", threshold=level)
        add(f"threshold {100 * level:g} %", part, "exponent")
    for kind in dataset["estimator"].values[1:4]:
        add(
            str(kind).replace("%", " %").replace("  ", " "),
            dataset.sel(estimator=kind, estimator_subset="all 41"),
            "estimator",
        )
    return found


def _exponents(axes: Axes, dataset: xr.Dataset, name: str, *, first: bool) -> None:
    table = rows(dataset, name)
    value, low, high = np.array(list(table.values())).T
    places = np.arange(len(table))[::-1]
    axes.axvline(PRINTED[name], color=style.LAW, lw=1.0, zorder=1)
    axes.errorbar(value, places, xerr=(value - low, high - value), fmt="o", color=style.MEASURED,
                  ms=3.2, elinewidth=0.9, capsize=1.5, zorder=3)  # fmt: skip
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_yticks(places, list(table) if first else [""] * len(table))
    axes.tick_params("y", length=0)
    axes.set_xlabel(EXPONENTS[name])
    if first:
        axes.set_title("c  exponents (line: printed)", x=-0.0)


def reading(dataset: xr.Dataset) -> str:
    """The fitted exponents beside the printed ones."""
    if "exponent_value" not in dataset:
        return "The runs of Step Law were not read."
    part = dataset.sel(run_subset="all 41", threshold=THRESHOLD)
    words = []
    for name, printed in PRINTED.items():
        mine = part.sel(coefficient=name)
        low, high = (float(mine[f"exponent_{e}"].sel(resampling=MEASURE)) for e in ("low", "high"))
        words.append(f"{float(mine['exponent_value']):.3f} [{low:.3f}, {high:.3f}] ({printed})")
    return (
        "Exponents from the 41 cells, with 95 % intervals over cells and the printed value: of N "
        f"{words[0]}, of D {words[1]} in the learning rate; of D {words[2]} in the batch size."
    )


ENTRY = Entry(
    name="steplaw_fits",
    experiment="steplaw",
    title="Step Law: the optima of the published grids, and its exponents",
    caption="a, b: the lowest point of each dense cell's quadratic surface of ln loss in (ln lr, "
    "ln B), with 95 % intervals; colour and marker: parameters without embeddings, set a little "
    "beside each other. Lines: Step Law as printed; dashed: its regression on the runs within "
    "0.25 % of the best of all 41 cells. "
    "c: the exponents of that regression by cells, by threshold and by estimator, with 95 % "
    "intervals from resampled cells.",
    not_claimed="The exponents are those of one family of models, one mixture of data, one weight "
    "decay, one schedule. Cells whose surface does not hold its optimum in 95 % of draws are not "
    "shown in a and b.",
    alt="Two log-log panels of points rising with tokens along lines; a chart of exponents with "
    "intervals in three columns, most of which cross the line of the printed value.",
    draw=draw,
    reading=reading,
)

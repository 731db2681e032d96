"""Loss surfaces of four cells with their +0.25 % plateaus, and where the published rules stand.

Contours are those of the fitted quadratic surface of ln loss, within the 1 % above the best run to
which it was fitted.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.axes import empty, log_axis, panels
from figures.entry import Entry
from figures.steplaw_fits import named
from theory.scaling import SCALINGS

SHOWN = ((1.19992e8, 8e9), (2.14664e8, 1e11), (5.36873e8, 2e10), (1.07374e9, 1e11))  # N, D
RULES = {"step": "*", "openai": "s", "microsoft": "D", "deepseek": "^", "porian": "v",
         "power_lines": "P"}  # fmt: skip
LEVELS = (0.25, 0.5, 1.0)  # per cent above the lowest point
MIDDLE = np.log(1e-3), np.log(5e5)  # of the surface's monomials
LIMITS = (1.2e-4, 1.1e-2), (5e4, 1e7)
NEAR = 0.02


def cells(dataset: xr.Dataset) -> list[xr.Dataset]:
    """The cells shown, those of them that are there."""
    n, d = dataset["cell_N"].values, dataset["cell_D"].values
    dense = dataset["cell_kind"].values == "dense"
    found = []
    for size, tokens in SHOWN:
        gap = np.where(dense, np.hypot(np.log(n / size), np.log(d / tokens)), np.inf)
        if gap.min() < NEAR:
            found.append(dataset.isel(every_cell=int(gap.argmin())))
    return found


def excess(cell: xr.Dataset, lr: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """The surface above its lowest point, in per cent."""
    x, y = np.log(lr) - MIDDLE[0], np.log(batch) - MIDDLE[1]
    a = cell["surface_coefficients"].values
    u, v = cell["surface_optimum"].values - MIDDLE

    def height(x, y):
        return a[0] + a[1] * x + a[2] * y + a[3] * x * x + a[4] * x * y + a[5] * y * y

    return 100 * np.expm1(height(x, y) - height(u, v))


def draw(dataset: xr.Dataset) -> Figure:
    """One panel a cell."""
    parts = cells(dataset) if "surface_coefficients" in dataset else []
    if not parts:
        return empty("none of the cells shown is there")
    with style.context():
        figure, grid = panels(
            2, 2, width=style.PAGE, height=2.35, margins=(0.65, 0.12, 0.28, 0.8), gaps=(0.62, 0.62)
        )
        for axes in grid.flat[len(parts) :]:
            axes.set_axis_off()
        for axes, cell, letter in zip(grid.flat, parts, "abcd", strict=False):
            _panel(axes, cell)
            tokens = f"{float(cell['cell_D']) / 1e9:g}B tokens"
            size = named(float(cell["cell_N"]))
            held = ", held out" if bool(cell["cell_held_out"]) else ""
            axes.set_title(f"{letter}  {size} parameters, {tokens}{held}")
        for axes in grid[-1]:
            axes.set_xlabel("learning rate")
        for axes in grid[:, 0]:
            axes.set_ylabel("batch size (tokens)")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncol=7, handletextpad=0.2)
    return figure


def _panel(axes: Axes, cell: xr.Dataset) -> None:
    log_axis(axes, "x", *LIMITS[0])
    log_axis(axes, "y", *LIMITS[1])
    lr, batch = (np.geomspace(*limits, 160) for limits in LIMITS)
    height = excess(cell, lr[None], batch[:, None])
    axes.contourf(lr, batch, height, levels=[-1, LEVELS[0]], colors=["#cfe0ee"], zorder=0.5)
    axes.contour(lr, batch, height, levels=LEVELS, colors=[style.LAW], linewidths=(1.2, 0.8, 0.6))
    place = np.exp(cell["surface_optimum"].values)
    ends = [np.exp(cell[f"surface_optimum{end}"].values) for end in ("_low", "_high")]
    axes.errorbar(
        place[0], place[1], xerr=[[place[0] - ends[0][0]], [ends[1][0] - place[0]]],
        yerr=[[place[1] - ends[0][1]], [ends[1][1] - place[1]]], fmt="o", color=style.MEASURED,
        ms=4, elinewidth=0.9, capsize=1.5, zorder=3, label="lowest point",
    )  # fmt: skip
    points = cell["point"].sel(constants="corrected", dense_cell=int(cell["every_cell"]))
    for rule, marker in RULES.items():
        own = points.sel(published_rule=rule, batch_from="own").values
        if not np.isfinite(own).all():
            own = points.sel(published_rule=rule, batch_from="best run's").values
        own = np.clip(np.exp(own), *np.array(LIMITS).T)
        axes.plot(
            *own, marker, ms=8 if marker == "*" else 4.5, mfc="white" if marker != "*" else "gold",
            mec=style.INK, mew=0.8, ls="", zorder=4, clip_on=False, label=SCALINGS[rule].words,
        )  # fmt: skip


def reading(dataset: xr.Dataset) -> str:
    """How wide the plateau is."""
    if "surface_width" not in dataset:
        return "The runs of Step Law were not read."
    dense = np.flatnonzero(dataset["cell_kind"].values == "dense")
    width = dataset["surface_width"].isel(every_cell=dense).median("every_cell")
    valley = float(dataset["surface_valley"].isel(every_cell=dense).median())
    return (
        "In the median cell the loss is 0.25 % above its lowest at a factor "
        f"{float(width.sel(width_of='lr at this B')):.2f} in the learning rate or "
        f"{float(width.sel(width_of='B at this lr')):.2f} in the batch size; the valley runs along "
        f"lr ∝ B^{valley:.2f}."
    )


ENTRY = Entry(
    name="steplaw_surfaces",
    experiment="steplaw",
    title="Loss over learning rate and batch size, and the published rules",
    caption="Contours at +0.25, +0.5 and +1 % of the quadratic surface fitted to ln loss of runs "
    "within 1 % of each cell's best; shaded: the plateau of +0.25 %. Red: the lowest point and its "
    "95 % intervals. Marks: what the rules say, with the constants of their own papers; rules "
    "without a batch size stand at that of the best run, Power Lines' batch size at Step Law's "
    "learning rate; marks beyond the axes stand at their border.",
    not_claimed="Far from the optimum the loss is no quadratic: the contours are those of a fit "
    "near it.",
    alt="Four panels of nested tilted ellipses over learning rate and batch size; the star of Step "
    "Law lies in or near the innermost one, most other marks outside.",
    draw=draw,
    reading=reading,
)

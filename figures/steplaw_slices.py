"""The best learning rate at a given batch size of published language models, and rival laws.

Points are optima of slices with bars of 95 %, arrows bounds; hollow where the run is so short that
it is mostly warm-up.  Lines are the laws fitted jointly to all cells: in no panel on its own.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from figures.rivals import LINES
from theory.rivals import RIVALS

SHOWN = ((60e6, 8e9), (215e6, 4e9), (215e6, 1e11), (429e6, 5e10), (537e6, 2.84e10), (1.07e9, 1e11))
LAWS = ("root", "power", "half", "saturating", "knee", "coherent", "surge")
ROOM = 1.5


def draw(dataset: xr.Dataset) -> Figure:
    """Six cells with the same seven laws."""
    cells = [cell for cell in (_cell(dataset, *pair) for pair in SHOWN) if cell is not None]
    if not cells:
        return empty("no slice was looked at")
    with style.context():
        figure, grid = panels(
            2, 3, width=style.PAGE, height=1.75, margins=(0.62, 0.12, 0.25, 0.85), gaps=(0.5, 0.62)
        )
        for axes, cell in zip(grid.flat, cells, strict=False):
            _panel(axes, dataset, cell)
        for axes in grid.flat[len(cells) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("learning rate η*")
        for axes in grid[-1]:
            axes.set_xlabel("batch size $B$ (tokens)")
        handles = [
            Line2D([], [], color=LINES[n][0], dashes=LINES[n][1] or (None, None), lw=1.3)
            for n in LAWS
        ]
        words = [RIVALS[name].words for name in LAWS]
        figure.legend(handles, words, loc="lower center", ncols=4, bbox_to_anchor=(0.52, 0.0))
    return figure


def _cell(data: xr.Dataset, params: float, tokens: float) -> int | None:
    """The dense cell nearest to a model and its tokens, if it is within 5 %."""
    if "slice_N" not in data:
        return None
    wide, long = data["slice_N"].values / params, data["slice_D"].values / tokens
    aside = np.nan_to_num(np.hypot(np.log(wide), np.log(long)), nan=np.inf)
    aside = np.where(data["slice_kind"].values == "dense", aside, np.inf)
    nearest = int(aside.argmin())
    return int(data["slice_cell"].values[nearest]) if aside[nearest] < 0.05 else None


def _panel(axes: Axes, data: xr.Dataset, cell: int) -> None:
    names = ("cell", "N", "D", "batch", "steps", "lr_star", "log_sem", "edge", "few")
    rows = {name: data[f"slice_{name}"].values for name in names}
    rows = {name: values[rows["cell"] == cell] for name, values in rows.items()}
    batch, rate, edge = rows["batch"], rows["lr_star"], rows["edge"]
    known = (edge == 0) & ~rows["few"].astype(bool)
    long = rows["steps"] >= int(data["batch_main_steps"])
    half = style.Z95 * rows["log_sem"]
    bars = rate * -np.expm1(-half), rate * np.expm1(half)
    for keep, face in ((known & long, style.MEASURED), (known & ~long, "white")):
        options: dict[str, Any] = {"mfc": face}
        if face == "white":
            options |= {"markeredgecolor": style.MEASURED, "markeredgewidth": 0.9}
        style.interval(axes, batch[keep], rate[keep], [bar[keep] for bar in bars], **options)
    for side, marker in ((1, "^"), (-1, "v")):
        keep = edge == side
        axes.plot(batch[keep], rate[keep], marker, color=style.GREY, ms=4, zorder=3)
    if cell in data["drawn_cell"].values:
        drawn = data.sel(drawn_cell=cell)
        for name in LAWS:
            colour, dashes = LINES[name]
            options = {"color": colour, "dashes": dashes or (None, None)}
            line = drawn["drawn_lr"].sel(batch_law=name).values
            axes.plot(drawn["drawn_batch"].values, line, lw=1.1, zorder=2, **options)
    log_axis(axes, "x", batch.min() / 1.4, batch.max() * 1.4, most=4)
    log_axis(axes, "y", *around(rate, pad=ROOM), most=5)
    axes.set_title(f"$N$ = {_short(rows['N'][0])}, $D$ = {_short(rows['D'][0])}")


def _short(count: float) -> str:
    return f"{count / 1e9:.3g} B" if count >= 1e9 else f"{count / 1e6:.0f} M"


def reading(dataset: xr.Dataset) -> str:
    """Which law explains the slices best, and its exponent."""
    if "batch_aicc" not in dataset or not np.isfinite(dataset["batch_aicc"]).any():
        return "No slice was looked at."
    steps = int(dataset["batch_main_steps"])
    part = dataset.sel(least_steps=steps)
    order = part["batch_law"].values[np.argsort(part["batch_aicc"].values)]
    best = part.sel(batch_law=order[0])
    gap = (part["batch_aicc"] - part["batch_aicc"].min()).sel(batch_law=order[:3]).values
    return (
        f"Of {len(order)} laws on {int(part['batch_optima'])} slices of at least "
        f"{steps:,} steps: {RIVALS[order[0]].words} has the least AICc "
        f"(χ² {float(best['batch_chi2']):.0f} with a scatter of "
        f"{100 * float(part['batch_scatter']):.0f} %), then {RIVALS[order[1]].words} "
        f"(+{gap[1]:.0f}) and {RIVALS[order[2]].words} (+{gap[2]:.0f})."
    )


ENTRY = Entry(
    name="steplaw_slices",
    experiment="steplaw",
    title="The best learning rate at a given batch size, of language models",
    caption="Six of the 42 dense cells: the minimum over the learning rate at each batch size, "
    "with 95 % of its own error; triangles are bounds (the minimum is at an end of the ladder); "
    "hollow points are runs so short that they are mostly warm-up. Lines: laws of the batch size "
    "whose scales are powers of N and D, fitted to the filled points of all cells at once. The "
    "surge to a plateau is fitted with less than full coherence and so does not overshoot.",
    not_claimed="One seed per run: optima scatter about every law by more than their own error. "
    "The warm-up is 2,000 steps whatever the length, and weight decay is held fixed.",
    alt="Six panels of learning rate against batch size: points rise and then level off; the lines "
    "of a power up to a knee and of a surge to a plateau pass through them.",
    draw=draw,
    reading=reading,
)

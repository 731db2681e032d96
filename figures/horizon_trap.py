"""Three senses of the best learning rate: by target, by horizon, and after a branch.

On a diagonal Hessian nothing is coherent, and to a target ε*(B) does not fall; at a fixed horizon
it falls all the same, since with little noise the best rate is what the number of steps allows.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from figures.whole_runs import bars

PANELS = (
    ("diagonal", "by_target", "target", "diagonal H, to a target", "$L/L_0 = {:g}$"),
    ("diagonal", "by_horizon", "horizon", "diagonal H, at a horizon", "{:g} steps"),
    ("coherent", "by_branch", "after", "coherent H, steps after $L/L_0 = 0.2$", "{:g} after"),
)
MOST = 4  # curves in a panel


def draw(dataset: xr.Dataset) -> Figure:
    """ε*(B) of sign descent in each sense, log-log with 95 % bars."""
    known = dataset["problem"].values.tolist()
    shown = [panel for panel in PANELS if panel[0] in known and f"{panel[1]}_lr" in dataset]
    if "sign" not in dataset["rule"].values or not shown:
        return empty("no whole runs of sign descent")
    with style.context():
        figure, grid = panels(
            1, len(shown), width=style.PAGE, height=1.9,
            margins=(0.55, 0.1, 0.25, 0.42), gaps=(0.5, 0.4),
        )  # fmt: skip
        for axes, (problem, sense, axis, title, words) in zip(grid[0], shown, strict=True):
            _panel(axes, dataset.sel(rule="sign", problem=problem), sense, axis, words)
            axes.set_title(title)
            axes.set_xlabel("batch size $B$ (samples)")
        grid[0, 0].set_ylabel("ε* of sign descent (θ)")
    return figure


def _panel(axes: Axes, part: xr.Dataset, sense: str, axis: str, words: str) -> None:
    places = part[axis].values
    if axis == "target":
        places = [place for place in (0.1, 0.05, 0.025, 0.0125) if place in places]
    drawn = [np.array([np.nan])]
    batch = part["batch"].values
    for place, (colour, marker) in zip(list(places)[:MOST], style.SERIES, strict=False):
        curve = part.sel({axis: place})
        lr, sem = curve[f"{sense}_lr"].values, curve[f"{sense}_log_lr_sem"].values
        drawn.append(lr)
        style.interval(
            axes, batch, lr, bars(lr, sem, part.attrs["t95"]), color=colour, fmt=f"{marker}-",
            linewidth=0.8, label=words.format(place),
        )  # fmt: skip
    log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5)
    log_axis(axes, "y", *around(*drawn, pad=1.3), most=4)
    axes.legend(loc="best", fontsize=6.5, handlelength=1.2)


def reading(dataset: xr.Dataset) -> str:
    """How far ε* falls at each horizon on the diagonal problem."""
    if "diagonal" not in dataset["problem"].values or "sign" not in dataset["rule"].values:
        return "The diagonal problem was not run."
    part = dataset.sel(problem="diagonal", rule="sign")
    falls = [
        f"{100 * -np.expm1(-float(fall)):.0f} % at {int(steps)} steps"
        for steps, fall in zip(
            part["horizon"].values, part["by_horizon_peak_fall"].values, strict=True
        )
        if np.isfinite(fall)
    ]
    if not falls:
        return "At no horizon does ε* of sign descent fall on the diagonal problem."
    return "On the diagonal problem ε* of sign descent falls by " + ", ".join(falls) + "."


ENTRY = Entry(
    name="horizon_trap",
    experiment="whole_runs",
    title="A fixed horizon makes any learning rate fall",
    caption="Sign descent. Left: the rate of fewest steps to a loss, on H = diag(1/k). Middle: the "
    "rate of least loss after a number of steps, on the same problem, S = 0. Right: all train to "
    "L/L₀ = 0.2 at B = 64, then least loss some steps on, on the coherent problem. 95 % bars.",
    not_claimed="That a fall at a fixed horizon is evidence of a surge: it is none. Nor is a fall "
    "some steps after a branch, unless it comes where the horizon does not bind.",
    alt="Three panels of learning rate against batch size: rising curves; curves that rise and "
    "fall, the earlier the longer the horizon; curves that rise, peak near B = 200 and fall.",
    draw=draw,
    reading=reading,
)

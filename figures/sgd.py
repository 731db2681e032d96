"""SGD never surges: ε*(B) rises to ε_max and stays, ε_max/(1 + B_noise/B), whatever the noise.

The same problems as for sign descent, each over the law's value at the largest batch; the noise's
correlation matters in B_noise = tr(HΣ)/(GᵀHG) alone.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures import quadratics, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry


def draw(dataset: xr.Dataset) -> Figure:
    """ε*(B) of SGD over its value at the largest batch, all problems in one panel."""
    parts = dict(quadratics.each(dataset, "sgd"))
    if not parts:
        return empty("SGD was not run")
    with style.context():
        figure, grid = panels(
            1, 1, width=style.COLUMN, height=2.1, margins=(0.5, 0.1, 0.1, 1.3), gaps=(0, 0)
        )
        axes = grid[0, 0]
        for name, part in parts.items():
            colour, marker = quadratics.series(name)
            scale = float(part["lr_star_fine"][-1])
            style.law(axes, part["batch_fine"], part["lr_star_fine"] / scale, color=colour, lw=0.9)
            style.measured(
                *(axes, part["batch"], part["lr_star_mean"] / scale, part["lr_star_sem"] / scale),
                fmt=marker,
                color=colour,
                capsize=0,
            )
        batch = dataset["batch"].values
        log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5)
        log_axis(axes, "y", *around(*(line.get_ydata() for line in axes.get_lines())), most=6)
        axes.set_xlabel("batch size $B$ (samples)")
        axes.set_ylabel("ε* / at the largest batch")
        handles = [quadratics.handle(name) for name in parts]
        figure.legend(handles=handles, loc="lower center", ncols=2, columnspacing=1.0)
    return figure


def reading(dataset: xr.Dataset) -> str:
    """Whether any measured curve falls."""
    falling = []
    for name, part in quadratics.each(dataset, "sgd"):
        mean, sem = part["lr_star_mean"].values, part["lr_star_sem"].values
        if not np.isfinite(mean).any():
            continue
        peak = int(np.nanargmax(mean))
        if mean[peak] - mean[-1] > 4 * np.hypot(sem[peak], sem[-1]) + 1e-4 * mean[peak]:
            falling.append(quadratics.title(name))
    if falling:
        return f"The measured ε* of SGD falls in: {', '.join(falling)}."
    return "No measured ε* of SGD falls after its largest value by more than four standard errors."


ENTRY = Entry(
    name="sgd",
    experiment="onestep_quadratic",
    title="For comparison: SGD saturates and never surges",
    caption="ε* of one step of SGD on the same problems, over the law's value at the largest "
    "batch. Lines are laws, points Monte Carlo with bars of 95 %.",
    not_claimed="Nothing about SGD with momentum, or about many steps.",
    alt="Curves that all rise with the batch size and level off at one.",
    draw=draw,
    reading=reading,
)

"""The law of sign descent against Monte Carlo: ε*(B), a panel per problem.

The law is Theorem 2, with the noise's correlation where there is one; there, Theorem 2 as printed,
which takes the coordinates as independent, is the dashed line.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import quadratics, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry

SCALE: dict[str, Any] = {"color": style.GREY, "linewidth": 0.9, "linestyle": (0, (5, 1.6, 1, 1.6))}
PEAK: dict[str, Any] = {"color": style.INK, "marker": "v", "markersize": 4.5, "linestyle": "none"}


def draw(dataset: xr.Dataset) -> Figure:
    """ε*(B) of sign descent on log-log axes, one panel per problem."""
    parts = list(quadratics.each(dataset))
    if not parts:
        return empty("sign descent was not run")
    with style.context():
        columns = min(3, len(parts))
        rows = -(-len(parts) // columns)
        figure, grid = panels(
            rows,
            columns,
            width=style.PAGE if columns > 1 else style.COLUMN,
            height=1.45,
            margins=(0.55, 0.1, 0.25, 0.95),
            gaps=(0.5, 0.42),
        )
        for axes, (name, part) in zip(grid.flat, parts, strict=False):
            _panel(axes, part)
            axes.set_title(quadratics.title(name))
        for axes in grid.flat[len(parts) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("ε* (θ²/loss)")
        for column in range(columns):
            last = max(i for i in range(len(parts)) if i % columns == column)
            grid.flat[last].set_xlabel("batch size $B$ (samples)")
        _legend(figure)
    return figure


def _panel(axes: Axes, part: xr.Dataset) -> None:
    batch, fine = part["batch"].values, part["batch_fine"].values
    law, mean = part["lr_star_fine"].values, part["lr_star_mean"].values
    plateau = quadratics.scalar(part, "plateau")
    curves = [law, mean, [plateau]]
    style.law(axes, fine, law)
    if quadratics.correlated(part):
        independent = part["lr_star_independent_fine"].values
        curves.append(independent)
        axes.plot(fine, independent, color=style.INDEPENDENT, dashes=(3.2, 1.6), linewidth=1.1)
    style.measured(axes, batch, mean, part["lr_star_sem"].values)
    log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5)
    log_axis(axes, "y", *around(*curves, pad=1.25), most=4)
    low, high = axes.get_xlim()
    if np.isfinite(plateau):
        axes.hlines(plateau, np.sqrt(low * high), high, color=style.INK, lw=0.7, ls=(0, (1, 1.4)))
    noise, peak = (quadratics.scalar(part, name) for name in ("b_noise", "b_peak_common"))
    if low < noise < high:
        axes.axvline(noise, zorder=1, **SCALE)
    if low < peak < high:
        top = axes.get_xaxis_transform()
        axes.plot(peak, 0.97, transform=top, clip_on=False, zorder=4, **PEAK)


def _legend(figure: Figure) -> None:
    point: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgecolor": "white"}
    handles = [
        Line2D([], [], color=style.LAW, label="law (with the noise's correlation, if any)"),
        Line2D([], [], color=style.MEASURED, **point, label="Monte Carlo, mean and 95 % bar"),
        Line2D(
            [],
            [],
            color=style.INDEPENDENT,
            dashes=(3.2, 1.6),
            lw=1.1,
            label="Theorem 2, independent coordinates",
        ),
        Line2D([], [], **SCALE, label="$B_\\mathrm{noise}$, Theorem 3"),
        Line2D([], [], **PEAK, label="place of the peak, exact (one ratio σ/|μ|)"),
        Line2D(
            [],
            [],
            color=style.INK,
            lw=0.7,
            ls=(0, (1, 1.4)),
            label="limit of large batches, Theorem 4",
        ),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2 if figure.get_figwidth() > 5 else 1)


def reading(dataset: xr.Dataset) -> str:
    """How many measured curves decline after their peak, and by how much."""
    falls = {}
    for name, part in quadratics.each(dataset):
        mean, sem = part["lr_star_mean"].values, part["lr_star_sem"].values
        peak = int(np.nanargmax(part["lr_star_law"].values))
        drop = mean[peak] - mean[-1]
        if drop > style.Z95 * np.hypot(sem[peak], sem[-1]) and drop > 0.01 * mean[peak]:
            falls[name] = 100 * drop / mean[peak]
    if not falls:
        return "No measured curve declines by more than 1 % after its peak."
    listed = ", ".join(f"{quadratics.title(name)} {fall:.0f} %" for name, fall in falls.items())
    total = len(quadratics.names(dataset))
    return (
        f"The measured ε* declines by more than 1 % between the law's peak and the largest batch "
        f"in {len(falls)} of {total} problems: {listed}."
    )


ENTRY = Entry(
    name="surge",
    experiment="onestep_quadratic",
    title="One step of sign descent: the law against Monte Carlo",
    caption="The learning rate ε* that lowers the expected loss most in one step of sign descent, "
    "against the batch size, on quadratics with known Hessian and known noise. Most bars are "
    "smaller than their points.",
    not_claimed="Nothing about networks, about many steps, or about Adam: loss, Hessian and noise "
    "are given, and the noise is Gaussian.",
    alt="Small multiples of optimal learning rate against batch size on logarithmic axes: measured "
    "points lie on the law's line in each problem.",
    draw=draw,
    reading=reading,
)

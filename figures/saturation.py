"""How ε*(B) of sign descent ends: at the limit of Theorem 4, from below or from above.

Where coordinates without a gradient are noisy their signs stay coins at any batch size; the
theorem as printed leaves their curvature out and is then too large.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import quadratics, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry

SILENT = "silent"


def draw(dataset: xr.Dataset) -> Figure:
    """ε*/limit and ΔL*/largest of all problems, and the problem that parts the two theorems."""
    parts = dict(quadratics.each(dataset))
    if not parts:
        return empty("sign descent was not run")
    with style.context():
        wide = SILENT in parts
        figure, grid = panels(
            1,
            3 if wide else 2,
            width=style.PAGE,
            height=2.1,
            margins=(0.5, 0.1, 0.25, 0.9),
            gaps=(0.62, 0),
        )
        first, second = grid[0, :2]
        for name, part in parts.items():
            _series(first, name, part, "lr_star", quadratics.scalar(part, "plateau"))
            _series(second, name, part, "decrease", float(part["decrease_law"].max()))
        _finish(first, parts, "ε* / its limit", "a  learning rate")
        _finish(second, parts, "ΔL* / its largest value", "b  decrease of the loss")
        if wide:
            _silent(grid[0, 2], parts[SILENT])
        handles = [quadratics.handle(name) for name in parts]
        figure.legend(handles=handles, loc="lower center", ncols=5)
    return figure


def _series(axes: Axes, name: str, part: xr.Dataset, quantity: str, scale: float) -> None:
    colour, marker = quadratics.series(name)
    batch, fine = part["batch"].values, part["batch_fine"].values
    if quantity == "lr_star":
        style.law(axes, fine, part["lr_star_fine"] / scale, color=colour, lw=0.9, label=None)
    else:
        style.law(axes, batch, part[f"{quantity}_law"] / scale, color=colour, lw=0.9, label=None)
    mean, sem = part[f"{quantity}_mean"] / scale, part[f"{quantity}_sem"] / scale
    style.measured(
        *(axes, batch, mean, sem),
        fmt=marker,
        color=colour,
        markersize=3.4,
        capsize=0,
    )


def _finish(axes: Axes, parts, label: str, title: str) -> None:
    axes.axhline(1, color=style.INK, lw=0.7, ls=(0, (1, 1.4)), zorder=1)
    _batches(axes, next(iter(parts.values())))
    shown = [line.get_ydata() for line in axes.get_lines()]
    log_axis(axes, "y", *around(*shown, pad=1.25), most=6)
    axes.set_ylabel(label)
    axes.set_title(title)


def _batches(axes: Axes, part: xr.Dataset) -> None:
    batch = part["batch"].values
    log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5)
    axes.set_xlabel("batch size $B$ (samples)")


def _silent(axes: Axes, part: xr.Dataset) -> None:
    mean, sem = part["lr_star_mean"].values, part["lr_star_sem"].values
    limits = [quadratics.scalar(part, name) for name in ("plateau", "plateau_without_silent")]
    style.law(axes, part["batch_fine"], part["lr_star_fine"])
    style.measured(axes, part["batch"], mean, sem)
    _batches(axes, part)
    log_axis(axes, "y", *around(mean, limits, pad=1.3), most=4)
    low, _ = axes.get_xlim()
    for limit, words, dashes in zip(
        limits, ("limit here", "limit as printed"), ((1, 1.4), (3.2, 1.6)), strict=True
    ):
        if np.isfinite(limit):
            axes.axhline(limit, color=style.INK, lw=0.8, ls=(0, dashes), zorder=1)
            axes.annotate(
                words, (low, limit), (3, 2.5), textcoords="offset points", fontsize=7.5, va="bottom"
            )
    axes.set_ylabel("ε* (θ²/loss)")
    axes.set_title("c  half without gradient")


def reading(dataset: xr.Dataset) -> str:
    """How near the largest batch comes to the limits."""
    ends, silent = [], ""
    for name, part in quadratics.each(dataset):
        last = float(part["lr_star_mean"][-1])
        if not np.isfinite(last):
            continue
        ends.append(last / quadratics.scalar(part, "plateau"))
        if name == SILENT:
            printed = quadratics.scalar(part, "plateau_without_silent")
            off = 100 * (printed / last - 1)
            silent = f" With silent coordinates the limit as printed is {off:.0f} % too large."
    if not ends:
        return "Sign descent was not measured."
    return (
        f"At the largest batch the measured ε* is {min(ends):.3f} to {max(ends):.3f} of its limit."
        + silent
    )


ENTRY = Entry(
    name="saturation",
    experiment="onestep_quadratic",
    title="Large batches: the limit of Theorem 4",
    caption="a: ε* of sign descent over its limit, per problem. b: the decrease of the loss over "
    "its largest value. c: a problem half of whose coordinates have noise but no gradient; the "
    "limit as printed leaves them out. Lines are laws, points Monte Carlo with bars of 95 %.",
    not_claimed="How large a batch must be for the limit depends on the smallest |μ|/σ; on a "
    "network it may be out of reach.",
    alt="Curves of many problems that rise with the batch size and end at one, some of them after "
    "a maximum above one.",
    draw=draw,
    reading=reading,
)

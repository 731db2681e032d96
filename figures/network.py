"""Networks: the measured ε*(B) of sign descent beside the law that takes coordinates as
independent, the Gaussian with the measured covariance, and a plain line search.

Rows are networks, columns checkpoints; a network that was not run is not there.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import ratios, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry

SEARCHED: dict[str, Any] = {
    "fmt": "D",
    "color": style.SEARCH,
    "markersize": 5.6,
    "markerfacecolor": "none",
}
SEARCHED |= {"markeredgecolor": style.SEARCH, "markeredgewidth": 1.0, "zorder": 2.8}

ASCENDING: dict[str, Any] = {"marker": "x", "linestyle": "none", "color": style.MEASURED}


def title(network: str) -> str:
    """What a network is called: `digits_mlp` → `digits MLP`."""
    words = network.replace("_", " ").split()
    return " ".join(word.upper() if len(word) == 3 else word for word in words)


def measured(dataset: xr.Dataset) -> Iterator[tuple[str, int, xr.Dataset]]:
    """(network, checkpoint's place, its part) wherever anything was measured."""
    for name in dataset["network"].values:
        row = dataset.sel(network=name)
        for place in range(row.sizes["checkpoint"]):
            part = row.isel(checkpoint=place)
            if bool(np.isfinite(part["lr_star_mean"]).any()):
                yield str(name), place, part


def draw(dataset: xr.Dataset) -> Figure:
    """ε*(B) on log-log axes, a row per network and a column per checkpoint."""
    found = list(measured(dataset))
    if not found:
        return empty("no network was measured")
    names = list(dict.fromkeys(name for name, _, _ in found))
    columns = max(place for _, place, _ in found) + 1
    with style.context():
        figure, grid = panels(
            len(names),
            columns,
            width=style.PAGE if columns > 1 else style.COLUMN,
            height=1.55,
            margins=(0.62, 0.1, 0.5, 0.95),
            gaps=(0.16, 0.72),
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for name, place, part in found:
            axes = grid[names.index(name), place]
            axes.set_axis_on()
            _panel(axes, part, _range(dataset, name), first=place == 0)
        for axes in grid[-1]:
            axes.set_xlabel("batch size $B$ (samples)")
        for name, row in zip(names, grid, strict=True):
            row[0].annotate(
                *(_heading(dataset, name), (0, 1), (0, 20)),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize=9,
            )
        _legend(figure)
    return figure


def _heading(dataset: xr.Dataset, name: str) -> str:
    row = dataset.sel(network=name)
    parts = [title(name)]
    for variable, unit in (("parameters", "parameters"), ("population", "samples")):
        if variable in row and np.isfinite(row[variable]):
            parts.append(f"{int(row[variable]):,} {unit}".replace(",", "\u2009"))
    return ", ".join(parts)


def _range(dataset: xr.Dataset, name: str) -> tuple[float, float]:
    row = dataset.sel(network=name)
    kinds = ("lr_star_mean", "lr_independent", "lr_gaussian", "lr_line_low", "lr_line_high")
    return around(*(row[kind] for kind in kinds), pad=1.5)


def _panel(axes: Axes, part: xr.Dataset, limits: tuple[float, float], *, first: bool) -> None:
    batch = part["batch"].values
    axes.plot(batch, part["lr_independent"], color=style.INDEPENDENT, dashes=(3.2, 1.6), zorder=2)
    gauss, half = part["lr_gaussian"].values, style.Z95 * part["lr_gaussian_sem"].values
    axes.fill_between(
        *(batch, np.maximum(gauss - half, limits[0]), gauss + half),
        color=style.GAUSSIAN,
        alpha=0.25,
        lw=0,
    )
    style.law(axes, batch, gauss, color=style.GAUSSIAN)
    line, low, high = (part[f"lr_line{end}"].values for end in ("", "_low", "_high"))
    style.interval(axes, part["line_batch"].values, line, [line - low, high - line], **SEARCHED)
    mean, sem = part["lr_star_mean"].values, part["lr_star_sem"].values
    style.measured(axes, batch, mean, sem, markersize=4.0)
    if "ascends" in part:
        rising = batch[part["ascends"].values.astype(bool)]
        axes.plot(rising, np.full(len(rising), limits[0] * 1.4), **ASCENDING)
    log_axis(axes, "x", batch[0] / 1.7, batch[-1] * 1.7, most=4)
    log_axis(axes, "y", *limits, most=5)
    axes.tick_params(axis="y", which="both", labelleft=first)
    step = f", step {int(part['steps'])}" if "steps" in part else ""
    axes.set_title(f"loss {float(part['loss']):.3g}{step}")
    if first:
        axes.set_ylabel("ε* (θ²/loss)")


def _legend(figure: Figure) -> None:
    point: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgecolor": "white"}
    search = {k: v for k, v in SEARCHED.items() if k not in ("fmt", "zorder")}
    handles = [
        Line2D([], [], color=style.MEASURED, **point, label="measured, real minibatches"),
        Line2D([], [], marker="D", linestyle="none", **search, label="line search"),
        Line2D([], [], **ASCENDING, label="the mean step raises the loss: no ε*"),
        Line2D(
            [],
            [],
            color=style.INDEPENDENT,
            dashes=(3.2, 1.6),
            label="Theorem 2, independent coordinates",
        ),
        (
            Line2D([], [], color=style.GAUSSIAN),
            Patch(facecolor=style.GAUSSIAN, alpha=0.25),
        ),
    ]
    labels = [str(h.get_label()) for h in handles[:4]] + ["Gaussian with the measured covariance"]
    figure.legend(handles, labels, loc="lower center", ncols=2)


def declines(dataset: xr.Dataset) -> list[float]:
    """Per checkpoint, by what share the measured ε* falls from its largest value to the largest
    batch; 0 where that is within chance (95 %).  The largest of noisy values is taken, so a fall
    is rather over- than understated."""
    falls = []
    for _, _, part in measured(dataset):
        mean, sem = part["lr_star_mean"].values, part["lr_star_sem"].values
        known = np.flatnonzero(np.isfinite(mean))
        peak, end = known[mean[known].argmax()], known[-1]
        drop = mean[peak] - mean[end]
        falls.append(
            float(drop / mean[peak]) * bool(drop > style.Z95 * np.hypot(sem[peak], sem[end]))
        )
    return falls


def reading(dataset: xr.Dataset) -> str:
    """The range of the factor by which the independent law is off, and how far ε* falls."""
    falls = declines(dataset)
    if not falls:
        return "No network was measured."
    values = np.concatenate([ratios.independent(part).value for _, _, part in measured(dataset)])
    sentence = (
        f"Theorem 2 with independent coordinates gives {np.nanmin(values):.2g} to "
        f"{np.nanmax(values):.3g} times the measured ε*. "
    )
    falling = sum(fall > 0 for fall in falls)
    if not falling:
        return sentence + f"The measured ε* falls at none of {len(falls)} checkpoints."
    return sentence + (
        f"The measured ε* falls after its largest value at {falling} of {len(falls)} checkpoints, "
        f"by at most {100 * max(falls):.1f} %."
    )


ENTRY = Entry(
    name="network",
    experiment="onestep_network",
    title="One step of sign descent on networks",
    caption="ε* against the batch size at checkpoints of a training run, with the loss there. "
    "Points: measured with real minibatches (all samples one by one at B = 1: no bar), bars of "
    "95 %. Solid: a Gaussian with the covariance of the per-sample gradients, its Monte-Carlo "
    "error shaded. Diamonds: the learning rate of lowest loss in a line search, which uses "
    "no Hessian. Dashed: Theorem 2.",
    not_claimed="Small networks and one step from frozen checkpoints: nothing about whole runs, "
    "about Adam's averages, or about large language models.",
    alt="Panels of optimal learning rate against batch size on logarithmic axes, per network and "
    "checkpoint: measured points, the independent law, the Gaussian law and line-search marks.",
    draw=draw,
    reading=reading,
)

"""By what factor a law is off on networks, per checkpoint and batch size.

Above: Theorem 2, which takes the coordinates' noise as independent.  Below: a Gaussian with the
measured covariance; what is left there is not correlation but the shape of the samples' noise.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import ratios, style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from figures.network import measured, title

# light to dark as training goes on
STAGES = ("#8fb8de", "#4a8fc4", "#1f64a0", "#0b3c6f", "#03172e")
MARKERS = ("o", "s", "^", "D", "v")
KINDS = ((ratios.independent, "Theorem 2 / measured"), (ratios.gaussian, "Gaussian / measured"))


def draw(dataset: xr.Dataset) -> Figure:
    """The two ratios, a column per network, a line per checkpoint."""
    found = list(measured(dataset))
    if not found:
        return empty("no network was measured")
    names = list(dict.fromkeys(name for name, _, _ in found))
    stages = max(place for _, place, _ in found) + 1
    with style.context():
        figure, grid = panels(
            2,
            len(names),
            width=style.PAGE if len(names) > 1 else style.COLUMN,
            height=1.6,
            margins=(0.55, 0.1, 0.25, 0.75),
            gaps=(0.5, 0.3),
        )
        for row, (compare, label) in zip(grid, KINDS, strict=True):
            limits = around([0.8, 1.25], *_ends(found, compare), pad=1.15)
            for axes, name in zip(row, names, strict=True):
                mine = [(place, part) for other, place, part in found if other == name]
                for place, part in mine:
                    _series(axes, part, compare(part), place, stages)
                _finish(axes, mine[0][1], limits)
            row[0].set_ylabel(label)
        for axes, name in zip(grid[0], names, strict=True):
            axes.set_title(title(name))
        for axes in grid[1]:
            axes.set_xlabel("batch size $B$ (samples)")
        _legend(figure, stages)
    return figure


def _ends(found, compare) -> list[np.ndarray]:
    every = [compare(part) for _, _, part in found]
    return [end for one in every for end in (one.low, one.high)]


def _series(axes: Axes, part: xr.Dataset, found: ratios.Ratio, place: int, count: int) -> None:
    colour, marker = _stage(place, count)
    shift = 1.1 ** (place - (count - 1) / 2)  # so that bars do not hide each other
    style.interval(
        *(axes, part["batch"].values * shift, found.value, found.bars),
        fmt=f"-{marker}",
        color=colour,
        linewidth=0.8,
        markersize=3.6,
    )


def _stage(place: int, count: int) -> tuple[str, str]:
    shade = round(place * (len(STAGES) - 1) / max(count - 1, 1))
    return STAGES[shade], MARKERS[place % len(MARKERS)]


def _finish(axes: Axes, part: xr.Dataset, limits: tuple[float, float]) -> None:
    batch = part["batch"].values
    axes.axhline(1, color=style.INK, lw=0.7, ls=(0, (1, 1.4)), zorder=1)
    log_axis(axes, "x", batch[0] / 1.7, batch[-1] * 1.7)
    log_axis(axes, "y", *limits, most=6)


def _legend(figure: Figure, stages: int) -> None:
    handles = []
    for place in range(stages):
        colour, marker = _stage(place, stages)
        words = f"checkpoint {place}"
        words += " (initialisation)" if place == 0 else " (last)" if place == stages - 1 else ""
        look: dict[str, Any] = {
            "markeredgecolor": "white",
            "markeredgewidth": 0.35,
            "markersize": 3.6,
        }
        handles.append(Line2D([], [], color=colour, marker=marker, lw=0.8, label=words, **look))
    figure.legend(handles=handles, loc="lower center", ncols=min(stages, 4))


def reading(dataset: xr.Dataset) -> str:
    """How far off at the smallest and at the largest batch, and what correlation leaves."""
    sentences = []
    for name in dict.fromkeys(name for name, _, _ in measured(dataset)):
        parts = [part for other, _, part in measured(dataset) if other == name]
        first = np.array([ratios.independent(part).value[0] for part in parts])
        rest = np.array([ratios.gaussian(part).value[0] for part in parts])
        smallest = int(parts[0]["batch"][0])
        sentences.append(
            f"{title(name)} at B = {smallest}: independent law {np.nanmin(first):.3g} to "
            f"{np.nanmax(first):.3g} times the measured ε*, Gaussian with the measured covariance "
            f"{np.nanmin(rest):.2g} to {np.nanmax(rest):.2g} times."
        )
    return " ".join(sentences) or "No network was measured."


ENTRY = Entry(
    name="network_ratio",
    experiment="onestep_network",
    title="By what factor the independent law is off on networks",
    caption="A law's ε* over the measured one, with intervals of 95 % (delta method in the "
    "logarithm); 1 is agreement. Above: Theorem 2, independent coordinates. Below: a Gaussian with "
    "the measured covariance, which keeps the correlations. Points are shifted a little sideways.",
    not_claimed="The factors belong to these networks and checkpoints; no law is offered for them.",
    alt="Ratios of law to measurement against batch size, a line per checkpoint, above for the "
    "independent law and below for the Gaussian law, with a reference line at one.",
    draw=draw,
    reading=reading,
)

"""When is there a surge? Exactly for Q > 2T where all coordinates share one ratio σ/|μ|.

T = tr H, Q = sᵀHs with s = sign μ.  S > 0, on which Theorem 3 rests, means Q > T there: between T
and 2T it promises a peak that never comes.  Where the ratios differ, S < 0 may surge too.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import quadratics, style
from figures.axes import around, log_axis, panels
from figures.entry import Entry
from figures.laws import curve
from figures.ratios import ratio

COHERENCE = (1.0, 1.5, 2.0, 4.0, 10.0, 30.0)  # Q/T of the curves
NEAR, FAR = 1e-4, 30.0  # of B/κ²
NAMED_AT = 0.4  # height at which a curve bears its Q/T
MONOTONE = "#7fa3c7"


def draw(dataset: xr.Dataset) -> Figure:
    """The exact boundary as a family of curves, and peak over end against Q/T with the problems."""
    with style.context():
        figure, grid = panels(
            1,
            2,
            width=style.PAGE,
            height=2.5,
            margins=(0.5, 0.1, 0.25, 1.1),
            gaps=(0.65, 0),
        )
        points = _points(dataset)
        _family(grid[0, 0])
        _plane(grid[0, 1], points)
        _legend(figure, points)
    return figure


def _family(axes: Axes) -> None:
    """ε*(B)/limit for one ratio κ: κ = 1, T = 1, and G₁ = Q so that the limit is 1."""
    batch, q = np.geomspace(NEAR, FAR, 241), np.array(COHERENCE)[:, None]
    rates = curve("common_ratio_lr")(batch[None, :], q, 1.0, q, 1.0)
    for coherence, rate in zip(COHERENCE, rates, strict=True):
        surges = coherence > 2
        style.law(axes, batch, rate, color=style.LAW if surges else MONOTONE)
        if surges:
            place = curve("common_ratio_peak")(1.0, 1.0, coherence)
            height = curve("common_ratio_peak_lr")(coherence, 1.0, coherence)
            axes.plot(place, height, "v", color=style.INK, ms=4, zorder=4)
        axes.annotate(
            f"{coherence:g}",
            (float(batch[np.argmax(rate > NAMED_AT)]), NAMED_AT),
            ha="center",
            va="center",
            fontsize=7.5,
            bbox={"boxstyle": "square,pad=0.12", "facecolor": "white", "linewidth": 0},
        )
    log_axis(axes, "x", NEAR, FAR)
    log_axis(axes, "y", 0.04, 4.2, most=6)
    axes.set_xlabel("batch size $B/\\kappa^2$")
    axes.set_ylabel("ε* / its limit")
    axes.set_title("a  Theorem 2 for one ratio $\\kappa = \\sigma/|\\mu|$, by $Q/T$")


def _plane(axes: Axes, points: list[dict]) -> None:
    """Peak over end against Q/T."""
    low, high = around([0.3, 30.0], [max(point["q"], 0.03) for point in points], pad=1.4)
    axes.axvspan(1, 2, color=style.BAND, lw=0, zorder=0)
    q = np.geomspace(2, high, 101)
    peak = curve("common_ratio_peak_lr")(q, 1.0, q)
    style.law(axes, q, peak)
    style.law(axes, [low, 2], [1, 1], color=MONOTONE)
    axes.axvline(2, color=style.INK, lw=0.7, ls=(0, (1, 1.4)), zorder=1)
    for point in points:
        colour, marker = quadratics.series(point["name"])
        value = point["ratio"]
        style.interval(
            *(axes, [point["q"]], [value.value], value.bars[:, None]),
            fmt=marker,
            color=colour,
            markerfacecolor="white" if point["S"] < 0 else colour,
            markeredgecolor=colour,
            markeredgewidth=1.0,
            markersize=4.2,
        )
    log_axis(axes, "x", low, high)
    log_axis(axes, "y", *around([0.93, 3.5], *(p["ratio"].high for p in points)), most=6)
    axes.annotate(
        "$S>0$, yet monotone",
        (np.sqrt(2), 0.97),
        xycoords=("data", "axes fraction"),
        rotation=90,
        ha="center",
        va="top",
        fontsize=7.5,
    )
    axes.annotate(
        "$Q=2T$",
        (2, 0.97),
        (3, 0),
        ("data", "axes fraction"),
        "offset points",
        va="top",
        fontsize=7.5,
    )
    axes.set_xlabel("coherence $Q/T = s^{\\mathrm{T}}Hs\\,/\\,\\mathrm{tr}\\,H$")
    axes.set_ylabel("ε* at its peak / at the largest batch")
    axes.set_title("b  measured, and the law for one ratio")


def _points(dataset: xr.Dataset) -> list[dict]:
    """Per problem: Q/T, S, and measured ε* where the law peaks over that at the largest batch."""
    points = []
    for name, part in quadratics.each(dataset):
        law = part["lr_star_law"].values
        if not np.isfinite(law).all():
            continue
        mean, sem, peak = part["lr_star_mean"].values, part["lr_star_sem"].values, law.argmax()
        same = peak == len(law) - 1
        error = 0.0 if same else sem[peak]
        points.append(
            {
                "name": name,
                "q": quadratics.scalar(part, "Q") / quadratics.scalar(part, "trace"),
                "S": quadratics.scalar(part, "S"),
                "correlated": quadratics.correlated(part),
                "ratio": ratio(mean[peak], mean[-1], 0.0 if same else sem[-1], error),
            }
        )
    return points


def _legend(figure: Figure, points: list[dict]) -> None:
    handles = [
        Line2D([], [], color=style.LAW, label="law, Q > 2T"),
        Line2D([], [], color=MONOTONE, label="law, Q ≤ 2T"),
        Line2D([], [], color=style.INK, marker="v", ls="none", ms=4, label="exact peak"),
    ]
    for point in points:
        face: dict[str, Any] = {"markerfacecolor": "white"} if point["S"] < 0 else {}
        entry = quadratics.handle(point["name"], **face)
        if point["correlated"] and "noise" not in str(entry.get_label()):
            entry.set_label(f"{entry.get_label()}, correlated noise")
        handles.append(entry)
    figure.legend(handles=handles, loc="lower center", ncols=4)


def reading(dataset: xr.Dataset) -> str:
    """Which problems decline against the sign of S."""
    odd = [
        f"{quadratics.title(point['name'])}: S = {point['S']:.2g}, peak {point['ratio'].value:.2f} "
        "times the end"
        for point in _points(dataset)
        if point["S"] <= 0 and point["ratio"].low > 1
    ]
    if not odd:
        return "No problem with S ≤ 0 declines."
    return f"S > 0 is not necessary for a decline ({'; '.join(odd)})."


ENTRY = Entry(
    name="existence",
    experiment="onestep_quadratic",
    title="When is there a surge?",
    caption="a: the law for one ratio κ; the number on each curve is Q/T. b: measured ε* at the "
    "batch size where the law peaks, over that at the largest batch, against Q/T, with bars of "
    "95 %; the line is exact for one ratio and independent noise. Open: S < 0. Shaded: "
    "T < Q < 2T, where S > 0 and yet, for one ratio, ε* is monotone.",
    not_claimed="Q > 2T decides only where all coordinates share one ratio and the noise is "
    "independent; elsewhere Q/T is merely a coordinate of this plot.",
    alt="Left: curves of learning rate against batch size that have a maximum only for Q above 2T. "
    "Right: height of the maximum against Q over T, problems as points beside the law's line.",
    draw=draw,
    reading=reading,
)

"""Figure 8 of the seed paper with a test: standardised gradients of single samples and means of
minibatches beside the normal density, and the share of coordinates that are not Gaussian."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import empty, log_axis, panels
from figures.cnn import EXPERIMENT, TARGETS, reduction
from figures.entry import Entry

LEVEL = 0.01
LEAST = 1e-4  # density at the bottom of the histograms
ROW = 1.45  # inches
ROOMY = " degrees of freedom"


def shown(dataset: xr.Dataset) -> list[int]:
    """Places of the batch sizes with a histogram: the first, the middle one and the last."""
    last = dataset.sizes["gaussian_batch"] - 1
    return sorted({0, last // 2, last})


def draw(dataset: xr.Dataset) -> Figure:
    """Three histograms; below, the test against the batch size and what it can see."""
    if not np.isfinite(dataset["rejected"]).any():
        return empty("no gradients were tested")
    with style.context():
        figure, grid = panels(
            2, 3, width=style.PAGE, height=ROW, margins=(0.62, 0.12, 0.28, 0.75), gaps=(0.3, 0.68)
        )
        places = shown(dataset)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, place, letter in zip(grid[0], places, "abc", strict=False):
            axes.set_axis_on()
            _histogram(axes, dataset.isel(gaussian_batch=place), first=axes is grid[0, 0])
            size = int(dataset["gaussian_batch"][place])
            words = "single samples" if size == 1 else f"means of {size}"
            axes.set_title(f"{letter}  {words}")
        _rejected(grid[1, 0], dataset)
        left, right = grid[1, 1].get_position(), grid[1, 2].get_position()
        start = left.x0 + 1.6 / style.PAGE
        _power(figure.add_axes((start, left.y0, right.x1 - start, left.height)), dataset)
        _legend(figure, dataset)
    return figure


def _histogram(axes: Axes, part: xr.Dataset, *, first: bool) -> None:
    centre = part["bin"].values
    width = centre[1] - centre[0]
    fine = np.linspace(centre[0], centre[-1], 241)
    style.law(axes, fine, np.exp(-(fine**2) / 2) / np.sqrt(2 * np.pi), color=style.INK, lw=1.0)
    for target, (colour, _) in zip(part["target"].values, TARGETS, strict=False):
        density = part["values"].sel(target=target).values / width
        axes.stairs(
            np.maximum(density, LEAST / 2), np.append(centre - width / 2, centre[-1] + width / 2),
            color=colour, lw=0.9, baseline=None,
        )  # fmt: skip
    axes.set_xlim(-6.2, 6.2)
    axes.set_xticks([-6, -3, 0, 3, 6])
    log_axis(axes, "y", LEAST, 6.0, most=5)
    axes.tick_params(axis="y", which="both", labelleft=first)
    axes.set_xlabel("standardised value")
    if first:
        axes.set_ylabel("density")


def _rejected(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_axis_on()
    batch = dataset["gaussian_batch"].values.astype(float)
    for target, (colour, marker) in zip(dataset["target"].values, TARGETS, strict=False):
        one = dataset.sel(target=target)
        share = one["rejected"].values
        sem = np.sqrt(share * (1 - share) / one["coordinates"].values)
        style.measured(axes, batch, 100 * share, 100 * sem, color=colour, fmt=marker, markersize=4)
    axes.axhline(100 * LEVEL, color=style.INK, lw=1.0, zorder=1)
    log_axis(axes, "x", batch[0] / 1.6, batch[-1] * 1.6, most=5)
    axes.set_ylim(-3, 103)
    axes.set_xlabel("batch size $B$ (samples)")
    axes.set_ylabel("rejected (%)")
    axes.set_title("d  coordinates not Gaussian")


def _power(axes: Axes, dataset: xr.Dataset) -> None:
    names = dataset["alternative"].values.tolist()
    place = np.arange(len(names))[::-1]
    power, sem = 100 * dataset["power"].values, 100 * dataset["power_sem"].values
    axes.barh(place, np.nan_to_num(power), height=0.55, color=style.BAND, ec=style.GREY, lw=0.5)
    axes.errorbar(
        power, place, xerr=style.Z95 * sem, fmt="o", color=style.GREY, ms=3, elinewidth=0.9,
        capsize=1.6, mec="white", mew=0.35,
    )  # fmt: skip
    axes.axvline(100 * LEVEL, color=style.INK, lw=1.0)
    axes.set_yticks(place, [name.replace(ROOMY, " d.f.") for name in names])
    axes.tick_params("y", length=0)
    axes.set_xlim(0, 100)
    axes.set_xlabel("rejected if this were the law (%)")
    samples = int(dataset["samples"].max())
    axes.set_title(f"e  power of the test with {samples} values")


def _legend(figure: Figure, dataset: xr.Dataset) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, mec="white", ms=4.5, lw=0.9,
               label=f"loss {target:g}")
        for target, (colour, marker) in zip(dataset["target"].values, TARGETS, strict=False)
    ]  # fmt: skip
    handles.append(Line2D([], [], color=style.INK, lw=1.0, label="Gaussian"))
    figure.legend(handles=handles, loc="lower center", ncols=len(handles))


def reading(dataset: xr.Dataset) -> str:
    """The share rejected of single samples and of the largest minibatches."""
    share = 100 * dataset["rejected"]
    if not np.isfinite(share).any():
        return "No gradients were tested."
    first, last = (share.isel(gaussian_batch=place) for place in (0, -1))
    size = int(dataset["gaussian_batch"][-1])
    level = float(dataset["power"].isel(alternative=0))
    tail = f" Of truly Gaussian values {100 * level:.1f} % are." if np.isfinite(level) else ""
    return (
        f"Rejected at 1 %: {_span(first)} of the coordinates for single samples, {_span(last)} for "
        f"means of {size}.{tail} {reduction(dataset)}"
    )


def _span(values: xr.DataArray) -> str:
    low, high = (f"{float(end):.0f}" for end in (values.min(), values.max()))
    return f"{low} %" if low == high else f"{low} to {high} %"


ENTRY = Entry(
    name="cnn_gaussian",
    experiment=EXPERIMENT,
    title="How Gaussian gradients are: the seed paper's Figure 8 with a test",
    caption="a to c: standardised gradients of all tested coordinates, of single samples and of "
    "means of minibatches, beside the normal density (values beyond ±6 count in the last bins). "
    "d: share of coordinates rejected by the K² test at 1 % (line), bars of 95 % as if coordinates "
    "were independent. e: what the same test sees, with as many values, of laws that are known.",
    not_claimed="Not rejected is not Gaussian: panel e says what would go unseen. Coordinates are "
    "tested one by one; nothing is said of their joint distribution.",
    alt="Histograms on a logarithmic axis with tails far above the normal curve for single samples "
    "and near it for large minibatches; a falling curve of rejections; a bar chart of power.",
    draw=draw,
    reading=reading,
)

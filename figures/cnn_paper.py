"""Figure 2 of the seed paper in its own form: πσ²/(2μ²), and over (ε, B) how much K further steps
of Adam lower the loss, with the observed optima and the paper's curves.

Its curves are scaled as in it, by the mean over the grid, eq. (23); the scales are the dataset's.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.cnn import EXPERIMENT, bars, ends, reduction
from figures.entry import Entry
from figures.laws import curve

SMALL = 32  # batch sizes up to it are panel b
MOST = 6  # of a panel that are labelled
QUARTER = 10**0.25  # the histogram's bins
CURVES = {
    "surge": ("small_batch_lr", style.LAW, "-", "Theorem 3"),
    "half": ("half_lr", style.INK, (0, (4, 1.4)), "SGD, α = ½"),
    "saturating": ("sgd_lr", style.INK, (0, (1, 1.2)), "SGD, α = 1"),
}
COLOURS = LinearSegmentedColormap.from_list("decrease", ["#ffffff", "#bcdcc9", "#4fa37e"])
RISE, LOST = "#dcdcdc", "#a9a9a9"
STAR = {"fmt": "*", "color": style.MEASURED, "markersize": 8.5}
STAR |= {"markeredgecolor": "white", "markeredgewidth": 0.5}
OPEN = {"ms": 4.5, "mec": style.MEASURED, "ls": ""}


def chosen(dataset: xr.Dataset) -> xr.Dataset | None:
    """Adam at the loss at which most optima were found, the least of these."""
    if "adam" not in dataset["rule"].values or not np.isfinite(dataset["lr"]).any():
        return None
    adam = dataset.sel(rule="adam", sense="further")
    count = np.isfinite(adam["lr_hat"].transpose("target", "batch").values).sum(1)
    return adam.isel(target=int(np.flatnonzero(count == count.max())[-1]))


def decrease(part: xr.Dataset) -> np.ndarray:
    """Mean over rounds of loss before less after the K steps (batch, rate); NaN where a round did
    not get there or diverged."""
    gain = (part["before"] - part["after"]).mean("round", skipna=False)
    return gain.transpose("batch", "rate").values


def draw(dataset: xr.Dataset) -> Figure:
    """Histogram, small batches, large batches."""
    part = chosen(dataset)
    if part is None:
        return empty("no runs of Adam")
    with style.context():
        figure, grid = panels(
            1, 3, width=style.PAGE, height=2.1, margins=(0.5, 0.12, 0.28, 1.08), gaps=(0.56, 0)
        )
        _histogram(grid[0, 0], part)
        sizes = part["batch"].values
        for axes, there, letter in zip(
            grid[0, 1:], (sizes <= SMALL, sizes > SMALL), "bc", strict=True
        ):
            _map(axes, part.isel(batch=np.flatnonzero(there)), letter)
        _legend(figure)
    return figure


def _histogram(axes: Axes, part: xr.Dataset) -> None:
    start, counts = part["ratio_from"].values, np.nan_to_num(part["histogram"].values)
    if counts.sum() > 0:
        share = 100 * counts / counts.sum()
        axes.bar(start, share, start * (QUARTER - 1), align="edge", color="#9fbfdc", lw=0)
        middle = median(start, counts)
        axes.axvline(middle, color=style.LAW, lw=1.1)
        axes.text(
            middle * 1.3, 1.0, f"median {_round(middle):g}", color=style.LAW, fontsize=7.5,
            transform=axes.get_xaxis_transform(), va="top",
        )  # fmt: skip
        batch = part["batch"].values
        axes.plot(batch, np.zeros(len(batch)), "|", color=style.MEASURED, ms=9, clip_on=False)
        keep = share > 0.02
        log_axis(axes, "x", *around(batch, start[keep], pad=1.6), most=5)
    axes.set_ylabel("share of coordinates (%)")
    axes.set_xlabel("πσ²/(2μ²) (samples); red: $B$ of the runs")
    axes.set_title("a  noise of the coordinates")


def median(start: np.ndarray, counts: np.ndarray) -> float:
    """The median of binned values, even in the logarithm within its bin; NaN without any."""
    below = np.concatenate([[0.0], np.cumsum(counts)])
    if not below[-1] > 0:
        return float("nan")
    edges = np.append(np.log(start), np.log(start[-1] * QUARTER))
    return float(np.exp(np.interp(below[-1] / 2, below, edges)))


def _round(value: float) -> float:
    return float(f"{value:.2g}")


def edges(values: np.ndarray) -> np.ndarray:
    """Ends of cells on a logarithmic axis, half-way between the values."""
    logs = np.log(values)
    between = 0.5 * (logs[1:] + logs[:-1])
    step = np.diff(logs)[[0, -1]] / 2 if len(logs) > 1 else np.full(2, 0.35)
    return np.exp(np.concatenate([[logs[0] - step[0]], between, [logs[-1] + step[1]]]))


def _map(axes: Axes, part: xr.Dataset, letter: str) -> None:
    words = "small" if letter == "b" else "large"
    if part.sizes["batch"] == 0:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"no {words} batches were run", transform=axes.transAxes, ha="center")
        return
    batch, lr, gain = part["batch"].values.astype(float), part["lr"].values, decrease(part)
    sides, rates = edges(batch), edges(lr)
    top = np.nanmax(gain) if np.isfinite(gain).any() else 0.0
    axes.set_facecolor(LOST)
    shown = np.ma.masked_invalid(gain.T / top if top > 0 else np.full(gain.T.shape, np.nan))
    colours = COLOURS.with_extremes(bad=LOST, under=RISE)
    axes.pcolormesh(sides, rates, shown, cmap=colours, vmin=0, vmax=1, zorder=0.5)
    low, high = part["printed"].values
    axes.add_patch(Rectangle(
        (sides[0], low), sides[-1] - sides[0], high - low, fill=False, ec=style.INK, lw=0.9,
        zorder=1.5,
    ))  # fmt: skip
    fine = np.geomspace(sides[0], sides[-1], 101)
    noise = float(part["b_noise_line"])
    for form, (name, colour, dashes, _) in CURVES.items():
        scale = float(part["eps_max_paper"].sel(form=form))
        if np.isfinite(scale):
            axes.plot(fine, curve(name)(fine, scale, noise), color=colour, ls=dashes, lw=1.2)
    if sides[0] < noise < sides[-1]:
        axes.axvline(noise, color="#c00000", ls=(0, (3, 2)), lw=1.2, zorder=2)
    value, below, above = bars(part)
    there = np.isfinite(value)
    style.interval(axes, batch[there], value[there], [below[there], above[there]], **STAR)
    ends(axes, part, **OPEN)
    log_axis(axes, "x", sides[0], sides[-1])
    some = part["batch"].values[:: -(-len(batch) // MOST)]
    axes.set_xticks(some, [str(size) for size in some])
    axes.set_xticks([], minor=True)
    log_axis(axes, "y", rates[0], rates[-1], most=5)
    axes.set_xlabel("batch size $B$ (samples)")
    if letter == "b":
        axes.set_ylabel("learning rate ε", labelpad=1)
    most = f", up to {top:.2g} nats" if top > 0 else ""
    axes.set_title(f"{letter}  {words} batches{most}")


def _legend(figure: Figure) -> None:
    width, height = figure.get_size_inches()
    bar = figure.add_axes((0.5 / width, 0.36 / height, 1.7 / width, 0.09 / height))
    figure.colorbar(ScalarMappable(cmap=COLOURS), cax=bar, orientation="horizontal", ticks=[0, 1])
    bar.set_title("decrease / the panel's largest", fontsize=7.5)
    handles = [
        Line2D([], [], color=colour, ls=dashes, label=words)
        for _, colour, dashes, words in CURVES.values()
    ]
    handles += [
        Line2D([], [], color="#c00000", ls=(0, (3, 2)), label="$B_\\mathrm{noise}$ of the line"),
        Line2D([], [], marker="*", ls="", ms=8.5, mec="white", mew=0.5, color=style.MEASURED,
               label="observed ε*"),
        Line2D([], [], marker="^", mfc="white", **OPEN, label="ε* beyond the grid"),
        Rectangle((0, 0), 1, 1, fill=False, ec=style.INK, lw=0.9, label="the printed grid"),
        Rectangle((0, 0), 1, 1, color=RISE, lw=0, label="loss rises"),
        Rectangle((0, 0), 1, 1, color=LOST, lw=0, label="not reached, or not run"),
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="lower right", ncols=3, fontsize=7.5, columnspacing=1.2,
        bbox_to_anchor=(1 - 0.05 / width, 0.02),
    )  # fmt: skip


def reading(dataset: xr.Dataset) -> str:
    """How many optima lie outside the printed grid; the median against B_noise."""
    part = chosen(dataset)
    if part is None:
        return "No runs of Adam."
    lr, end = part["lr_hat"].values, part["lr_end"].values
    low, high = part["printed"].values
    known = np.where(np.isfinite(lr), lr, end)
    count = int(np.isfinite(known).sum())
    outside = int(((known < low) | (known > high)).sum())
    noise, middle = (
        float(part["b_noise_line"]),
        median(part["ratio_from"].values, np.nan_to_num(part["histogram"].values)),
    )
    words = [
        f"At loss {float(part['target']):g}, Adam's ε* lies outside the printed grid of "
        f"{low:g} to {high:g} at {outside} of the {count} batch sizes at which it "
        f"is known (of {len(lr)})"
    ]
    if np.isfinite(middle):
        words.append(f"the median of πσ²/(2μ²) is {_round(middle):g} samples")
    if np.isfinite(noise):
        words.append(f"the line's B_noise {_round(noise):g}")
    return "; ".join(words) + ". " + reduction(dataset)


ENTRY = Entry(
    name="cnn_paper",
    experiment=EXPERIMENT,
    title="The seed paper's Figure 2, run again",
    caption="a: πσ²/(2μ²) of the network's coordinates at a checkpoint. b, c: how much K further "
    "steps of Adam lower the loss, from where each run first has the target loss; stars: the "
    "largest decrease of each batch size with bars of 95 % (Student's t over rounds); curves: "
    "Theorem 3 and the laws of SGD, ε_max as in eq. (23) and (24), with the line's B_noise. Box: "
    "the grid of learning rates that the paper prints.",
    not_claimed="Our network is smaller than any the paper may have had and rounds are few: the "
    "place of the optima, not their exact height, is what can be compared.",
    alt="A histogram over six decades; two heat maps over batch size and learning rate with stars, "
    "three curves, a dashed vertical line and a box in the lower part.",
    draw=draw,
    reading=reading,
)

"""Where ε*(B) peaks as the loss falls: B_peak of whole runs of sign descent by target."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from figures.whole_runs import ORDER, bars

KAPLAN = 1 / 0.21  # 1/α_B
UNSURE = 0.4  # a standard error of ln B above this shows no place


def draw(dataset: xr.Dataset) -> Figure:
    """B_peak(L) with 95 % bars, and lines of 1/L and of Kaplan's 1/L^4.76."""
    curves = {name: part for name, part in _curves(dataset) if np.isfinite(part[1]).any()}
    if not curves:
        return empty("no curve of sign descent has a peak inside the grid")
    with style.context():
        figure, grid = panels(1, 1, width=style.COLUMN, height=2.2, margins=(0.6, 0.1, 0.12, 0.42))
        axes = grid[0, 0]
        for (name, (loss, batch, sem)), (colour, marker) in zip(
            curves.items(), style.SERIES, strict=False
        ):
            style.interval(
                axes, loss, batch, bars(batch, sem, dataset.attrs["t95"]), color=colour,
                fmt=marker, label=name.replace("_", " "),
            )  # fmt: skip
        losses, places, _ = next(iter(curves.values()))
        known = np.flatnonzero(np.isfinite(places))
        middle = int(known[len(known) // 2])
        fine = np.geomspace(losses.min(), losses.max(), 50)
        for power, dashes, words in (
            (1.0, (4, 1.6), "$1/L$"),
            (KAPLAN, (1.2, 1.2), "$1/L^{4.76}$"),
        ):
            line = places[middle] * (losses[middle] / fine) ** power
            axes.plot(fine, line, color=style.GREY, dashes=dashes, lw=1.0, zorder=1, label=words)
        every = np.concatenate([part[1] for part in curves.values()])
        log_axis(axes, "x", losses.min() / 1.2, losses.max() * 1.2)
        log_axis(axes, "y", *around(every, pad=1.6))
        axes.invert_xaxis()
        axes.set_xlabel("loss to be reached, $L/L_0$")
        axes.set_ylabel("$B$ at which ε* peaks")
        axes.legend(loc="best", fontsize=7)
    return figure


def _curves(dataset: xr.Dataset):
    if "sign" not in dataset["rule"].values:
        return
    for name in ORDER:
        if name in dataset["problem"].values and name != "diagonal":
            part = dataset.sel(problem=name, rule="sign")
            batch, sem = (
                part[f"by_target_peak_{end}"].values for end in ("batch", "log_batch_sem")
            )
            yield name, (part["target"].values, np.where(sem < UNSURE, batch, np.nan), sem)


def reading(dataset: xr.Dataset) -> str:
    """The exponents with their intervals."""
    words = []
    for name, _ in _curves(dataset):
        part = dataset.sel(problem=name, rule="sign")
        exponent, sem = float(part["drift"]), float(part["drift_sem"])
        if np.isfinite(exponent):
            half = dataset.attrs["t95"] * sem
            words.append(f"{exponent:.2f} ± {half:.2f} on {name.replace('_', ' ')}")
    if not words:
        return "Too few peaks for an exponent."
    return "B_peak grows as L^−γ with γ = " + ", ".join(words) + "; Kaplan's 1/α_B is 4.76."


ENTRY = Entry(
    name="peak_drift",
    experiment="whole_runs",
    title="The peak drifts as one over the loss",
    caption="Batch size at which the best rate of sign descent to a target peaks, by target, with "
    "95 % bars (places known to worse than a factor of 2 left out); lines through one point: 1/L "
    "and Kaplan's form with 1/α_B = 4.76.",
    not_claimed="That language models do the same: on a quadratic μ² falls with L, and B_noise "
    "with 1/μ². Kaplan's exponent needs a loss that falls much more slowly than μ².",
    alt="Batch size of the peak against loss, log-log: points of four problems along a line of "
    "slope minus one; a much steeper dotted line misses them.",
    draw=draw,
    reading=reading,
)

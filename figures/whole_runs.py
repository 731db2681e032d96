"""The best constant learning rate of whole runs by batch size, for several losses to be reached.

A row per rule, a column per problem, a colour per target.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry

TITLES = {
    "coherent": r"$I/10+11^\mathrm{T}/2\sqrt{d}$",
    "diagonal": r"$H=\mathrm{diag}(1/k)$",
    "fisher": r"… with $\Sigma\propto H$",
    "power_law": r"$\lambda_k=1/k$, rotated",
    "power_law_fisher": r"… with $\Sigma\propto H$",
}
ORDER = ("coherent", "fisher", "power_law", "power_law_fisher", "diagonal")
RULES = {"sign": "sign", "adam": "Adam (.9, .999)", "sgd": "SGD"}
TARGETS = (0.5, 0.2, 0.1, 0.05, 0.025)
SHADES = ("#9ecae1", "#4a9bcf", "#1b66a8", "#0b3c73", "#d1492e")


def draw(dataset: xr.Dataset) -> Figure:
    """ε*(B) by target on log-log axes with 95 % bars."""
    rules = [rule for rule in RULES if rule in dataset["rule"].values.tolist()]
    problems = [name for name in ORDER if name in dataset["problem"].values.tolist()]
    if not rules or not problems:
        return empty("no whole runs of sign, adam or sgd")
    with style.context():
        columns = len(problems)
        figure, grid = panels(
            len(rules), columns,
            width=style.PAGE if columns > 2 else style.COLUMN, height=1.25,
            margins=(0.6, 0.08, 0.25, 0.75), gaps=(0.34, 0.22),
        )  # fmt: skip
        for row, rule in zip(grid, rules, strict=True):
            for axes, problem in zip(row, problems, strict=True):
                _panel(axes, dataset.sel(rule=rule, problem=problem))
            row[0].set_ylabel(f"{RULES[rule]}: ε*")
        for axes, problem in zip(grid[0], problems, strict=True):
            axes.set_title(TITLES[problem])
        for axes in grid[-1]:
            axes.set_xlabel("batch size $B$")
        handles = [
            Line2D([], [], color=colour, marker="o", mec="white", label=f"$L/L_0 = {target:g}$")
            for target, colour in zip(TARGETS, SHADES, strict=True)
            if target in dataset["target"].values
        ]
        figure.legend(handles=handles, loc="lower center", ncols=len(handles) if columns > 2 else 2)
    return figure


def bars(lr: np.ndarray, log_sem: np.ndarray, t95: float) -> np.ndarray:
    """Lengths of the 95 % bars below and above rates whose logarithms have these errors, (2, n)."""
    return np.stack([lr * -np.expm1(-t95 * log_sem), lr * np.expm1(t95 * log_sem)])


def _panel(axes: Axes, part: xr.Dataset) -> None:
    batch = part["batch"].values
    drawn = [np.array([np.nan])]
    for target, colour in zip(TARGETS, SHADES, strict=True):
        if target not in part["target"].values:
            continue
        curve = part.sel(target=target)
        lr, sem = curve["by_target_lr"].values, curve["by_target_log_lr_sem"].values
        drawn.append(lr)
        style.interval(
            axes, batch, lr, bars(lr, sem, part.attrs["t95"]), color=colour, fmt="o-",
            linewidth=0.8, markersize=2.4, capsize=0,
        )  # fmt: skip
    log_axis(axes, "x", batch[0] / 1.5, batch[-1] * 1.5, most=3)
    log_axis(axes, "y", *around(*drawn, pad=1.3), most=4)


def reading(dataset: xr.Dataset) -> str:
    """How far sign descent's ε* falls, and where it peaks, on each problem at L/L₀ = 0.05."""
    if 0.05 not in dataset["target"].values or "sign" not in dataset["rule"].values:
        return "The grid does not hold sign descent at L/L₀ = 0.05."
    part = dataset.sel(rule="sign", target=0.05)
    words = []
    for name in part["problem"].values:
        one = part.sel(problem=name)
        fall, sem = (float(one[f"by_target_peak_{end}"]) for end in ("fall", "fall_sem"))
        if np.isfinite(fall):
            place = float(one["by_target_peak_batch"])
            low, high = (1 - np.exp(-fall + s * dataset.attrs["t95"] * sem) for s in (1, -1))
            words.append(
                f"{str(name).replace('_', ' ')} peaks at B = {place:.0f} and falls by "
                f"{100 * low:.0f} to {100 * high:.0f} %"
            )
    if not words:
        return "No curve of sign descent at L/L₀ = 0.05 has a peak inside the grid."
    return "Sign descent, L/L₀ = 0.05: " + "; ".join(words) + "."


ENTRY = Entry(
    name="whole_runs",
    experiment="whole_runs",
    title="The surge in whole runs",
    caption="The constant learning rate that needs the fewest steps until the mean loss first "
    "falls to L, from one start θ₀ ~ N(0, I), d = 64, with 95 % bars (jackknife over 16 groups of "
    "seeds); where one step more on the grid diverges, the grid's step is in the bar.",
    not_claimed="One start, constant rates, Gaussian noise. Runs of a few steps (large B, early "
    "targets) prefer rates that land on the target; their ε* jumps with the number of steps, and "
    "Adam's overshoots: it passes through the target while its momentum swings.",
    alt="Fifteen small panels of learning rate against batch size. For sign descent curves rise, "
    "peak and fall on coherent problems, ever further right for lower losses; on the diagonal "
    "problem they only rise. For SGD they rise to a plateau.",
    draw=draw,
    reading=reading,
)

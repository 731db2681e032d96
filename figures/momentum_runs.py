"""Predicted over measured best learning rate with momentum, against the number of steps.

A row per problem, a column per rule, for one β1: what the one-step noise factor says, and what the
factor of the long run does, at a small and a large batch size.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from figures.jackknife import t95
from figures.whole_runs import TITLES

RULES = {"momentum": "SGD with momentum", "signum": "Signum", "adam": "Adam"}
KINDS = {"one_step": (style.MEASURED, "one-step factor"), "long_run": (style.LAW, "long run's")}
BETA1 = 0.9
MARKERS = ("o", "s")


def draw(dataset: xr.Dataset) -> Figure:
    """The ratio by horizon K with 95 % bars; 1 is a right prediction."""
    if "predicted" not in dataset or not dataset.sizes.get("problem"):
        return empty("no runs with momentum")
    problems = [str(name) for name in dataset["problem"].values]
    rules = [rule for rule in RULES if rule in dataset["rule"].values.tolist()]
    beta1 = chosen(dataset)
    with style.context():
        figure, grid = panels(
            len(problems), len(rules), width=style.PAGE, height=1.5,
            margins=(0.8, 0.1, 0.25, 0.75), gaps=(0.42, 0.25),
        )  # fmt: skip
        for row, problem in zip(grid, problems, strict=True):
            for axes, rule in zip(row, rules, strict=True):
                _panel(axes, dataset.sel(problem=problem, rule=rule, beta1=beta1))
            name = TITLES.get(problem, problem.replace("_", " "))
            row[0].set_ylabel(f"{name}\nε*, predicted / found")
        for axes, rule in zip(grid[0], rules, strict=True):
            axes.set_title(f"{RULES[rule]}, β1 = {beta1:g}")
        for axes in grid[-1]:
            axes.set_xlabel("steps $K$ after stationarity")
        handles = [
            Line2D([], [], color=colour, marker=marker, mec="white", lw=0.9, ls=ls,
                   label=f"{words}, B = {batch:g}")
            for colour, words in KINDS.values()
            for marker, ls, batch in zip(MARKERS, ("-", ":"), batches(dataset), strict=False)
        ]  # fmt: skip
        figure.legend(handles=handles, loc="lower center", ncols=min(4, len(handles)))
    return figure


def chosen(dataset: xr.Dataset) -> float:
    """The β1 that is drawn."""
    betas = dataset["beta1"].values
    return float(betas[np.abs(betas - BETA1).argmin()])


def batches(dataset: xr.Dataset) -> list[float]:
    """A small and a large batch size."""
    known = dataset["batch"].values.tolist()
    return [known[0], known[-2]] if len(known) > 2 else known


def horizons(dataset: xr.Dataset) -> tuple[list[str], np.ndarray]:
    """The labels of the criteria by horizon, and their steps."""
    labels = [str(c) for c in dataset["criterion"].values if str(c).startswith("K = ")]
    return labels, np.array([float(label.removeprefix("K = ")) for label in labels])


def _panel(axes: Axes, part: xr.Dataset) -> None:
    labels, steps = horizons(part)
    shown = [np.array([0.5, 2.0])]
    axes.axhline(1.0, color=style.GREY, lw=0.7, zorder=1)
    for kind, (colour, _) in KINDS.items():
        for place, batch in enumerate(batches(part)):
            one = part.sel(criterion=labels, kind=kind, batch=batch)
            ratio, sem = (one["predicted"] / one["lr"]).values, one["ratio_sem"].values
            reach = t95(part) * sem
            half = np.stack([-np.expm1(-reach), np.expm1(reach)]) * ratio
            shown.append(ratio)
            style.interval(
                axes, steps, ratio, half, color=colour, fmt=MARKERS[place] + ("-", ":")[place],
                linewidth=0.9,
            )  # fmt: skip
    if len(steps):
        log_axis(axes, "x", steps[0] / 1.5, steps[-1] * 1.5, most=4)
    log_axis(axes, "y", *around(*shown, pad=1.3), most=4)


def reading(dataset: xr.Dataset) -> str:
    """How far either factor is off at one step and at the longest horizon, over all batches."""
    labels, steps = horizons(dataset)
    ratio = (dataset["predicted"] / dataset["lr"]).sel(criterion=labels)
    words = []
    for rule in (rule for rule in RULES if rule in dataset["rule"].values):
        found = []
        for kind, place in (("one_step", 0), ("one_step", -1), ("long_run", -1)):
            values = ratio.sel(rule=rule, kind=kind).isel(criterion=place).values
            if np.isfinite(values).any():
                found.append(f"{np.nanmin(values):.2f} to {np.nanmax(values):.2f}")
        if len(found) == 3:
            words.append(
                f"{RULES[rule]}: the one-step factor predicts {found[0]} of ε* at K = "
                f"{steps[0]:g} and {found[1]} at {steps[-1]:g}, the long run's {found[2]} there"
            )
    return "; ".join(words) + "." if words else "No run with momentum was compared."


ENTRY = Entry(
    name="momentum_runs",
    experiment="momentum_runs",
    title="Which noise a run with momentum answers to",
    caption="The best constant learning rate K steps after the averages became stationary, as "
    "predicted from the rule without momentum by the one-step noise factor (1−β1)/(1+β1) and by "
    "that of the long run (1 for a linear rule; for Signum a batch 1.43 times as large and ε* "
    "3.6 times smaller), over the one found. Bars: 95 %, jackknife of paired replicates.",
    not_claimed="Between, where a run is a few memories long, neither factor nor that of K steps "
    "predicts ε*: there the average's own inertia decides. At large batches Signum's ε* lies "
    "between what the two say.",
    alt="Six panels of predicted over measured learning rate against the number of steps: the "
    "one-step factor starts at one and ends at two to four, that of the long run ends at one.",
    draw=draw,
    reading=reading,
)

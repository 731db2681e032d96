"""Fewest steps to a loss against the batch size, and the line of steps against samples.

A row per rule, a column per problem, a colour per target; above them SGD that takes a fiftieth of
each step's best rate, for which the line is exact.
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
from figures.laws import curve
from figures.whole_runs import TITLES

ROWS = {"gentle": "SGD, 2 %", "sgd": "SGD", "sign": "sign", "adam": "Adam"}
SHADES = ("#4a9bcf", "#0b3c73", "#d1492e", "#c98a00")
MARK = {"b_noise": "-", "b_peak": ":", "scale": (0, (4, 2))}


def draw(dataset: xr.Dataset) -> Figure:
    """S(B) on log-log axes with 95 % bars, the fitted line, and noise scales as vertical lines."""
    problems = [str(name) for name in dataset["problem"].values]
    rules = [rule for rule in ROWS if rule in ("gentle", *dataset["rule"].values.tolist())]
    if not problems or "steps" not in dataset:
        return empty("no steps against samples")
    with style.context():
        wide = len(problems) > 1
        figure, grid = panels(
            len(rules), len(problems), width=style.PAGE if wide else style.COLUMN, height=1.15,
            margins=(0.6, 0.1, 0.25, 0.9 if wide else 1.5), gaps=(0.42, 0.22),
        )  # fmt: skip
        for row, rule in zip(grid, rules, strict=True):
            for axes, problem in zip(row, problems, strict=True):
                _panel(axes, dataset.sel(problem=problem), rule)
            row[0].set_ylabel(f"{ROWS[rule]}: steps")
        for axes, problem in zip(grid[0], problems, strict=True):
            axes.set_title(TITLES.get(problem, problem.replace("_", " ")))
        for axes in grid[-1]:
            axes.set_xlabel("batch size $B$")
        _legend(figure, dataset, wide)
    return figure


def _panel(axes: Axes, part: xr.Dataset, rule: str) -> None:
    targets = part["target"].values
    gentle = rule == "gentle"
    shown = [np.array([np.nan])]
    for target, colour in zip(targets, SHADES, strict=False):
        one = part.sel(target=target)
        if gentle:
            one = one.isel(share=0)
            batch, steps = one["batch_greedy"].values, one["greedy_steps"].values
            fitted = (float(one["greedy_s_min"]), float(one["greedy_b_noise"]))
            scale = float(one["scale"].isel(kind=0).max("rule"))  # known for SGD
            axes.plot(batch, steps, "o", color=colour, ms=3.2, mec="white", mew=0.35, zorder=3)
        else:
            one = one.sel(rule=rule)
            batch, steps = one["batch"].values, one["steps"].values
            fitted = (float(one["s_min"]), float(one["b_noise"]))
            scale = float(one["scale"].isel(kind=0 if rule == "sgd" else 2))
            style.interval(
                axes, batch, steps, t95(part) * steps * one["steps_sem"].values, color=colour
            )
            if rule == "sign" and _declines(one["lr_star"].values):
                axes.axvline(float(one["b_peak"]), color=colour, lw=1.0, ls=MARK["b_peak"])
        fine = np.geomspace(batch[0], batch[-1], 81)
        line = curve("run_steps")(fine, *fitted)
        axes.plot(fine, line, color=colour, lw=1.0, zorder=2)
        for place, key in ((fitted[1], "b_noise"), (scale, "scale")):
            if np.isfinite(place):
                axes.axvline(place, ymax=0.22, color=colour, lw=1.1, ls=MARK[key])
        shown += [steps, line]
    whole = part["batch"].values
    log_axis(axes, "x", whole[0] / 1.6, whole[-1] * 1.6, most=4)
    log_axis(axes, "y", *around(*shown, pad=1.4), most=4)


def _declines(lr: np.ndarray) -> bool:
    """Whether ε* has a peak to be marked: it ends a tenth or more below its largest."""
    return bool(np.isfinite(lr[-1]) and lr[-1] < 0.9 * np.nanmax(lr))


def _legend(figure: Figure, dataset: xr.Dataset, wide: bool) -> None:
    handles = [
        Line2D([], [], color=colour, marker="o", mec="white", lw=1.0, label=f"$L/L_0$ = {target:g}")
        for target, colour in zip(dataset["target"].values, SHADES, strict=False)
    ]
    for key, words in (
        ("b_noise", "the line's $B_\\mathrm{noise}$"),
        ("scale", "noise scale averaged along the flow"),
        ("b_peak", "where ε*(B) of these runs peaks"),
    ):
        handles.append(Line2D([], [], color=style.GREY, ls=MARK[key], label=words))
    figure.legend(handles=handles, loc="lower center", ncols=3 if wide else 1)


def reading(dataset: xr.Dataset) -> str:
    """The line's B_noise over the flow's, for gentle SGD and for whole runs; the rise of S."""
    gentle = (dataset["greedy_b_noise"].isel(share=0)
              / dataset["scale"].isel(kind=0).max("rule")).values  # fmt: skip
    words = []
    if np.isfinite(gentle).any():
        low, high = np.nanmin(gentle), np.nanmax(gentle)
        words.append(f"SGD with 2 % of each step's best rate has {low:.2f} to {high:.2f} of it")
    for rule, kind in (("sgd", "mccandlish"), ("sign", "half"), ("adam", "half")):
        if rule not in dataset["rule"].values:
            continue
        one = dataset.sel(rule=rule)
        ratio = (one["b_noise"] / one["scale"].sel(kind=kind)).values
        if np.isfinite(ratio).any():
            low, high = np.nanmin(ratio), np.nanmax(ratio)
            words.append(f"whole runs of {rule} {low:.2f} to {high:.2f}")
    if not words:
        return "No run reached a target."
    return (
        "Of the noise scale averaged along the flow, the line's B_noise is: "
        + "; ".join(words)
        + "."
    )


ENTRY = Entry(
    name="se_line",
    experiment="se_line",
    title="Steps against samples",
    caption="Fewest steps, over constant learning rates, until the mean loss falls to L, with 95 % "
    "bars; curves: S = S_min (1 + B_noise/B), which is the line 1/S = 1/S_min − B_noise/E, fitted. "
    "Top: SGD with 2 % of each single step's best rate, exactly, times 2η − η²; there the line is "
    "exact and its B_noise the flow's mean tr(HΣ)/GᵀHG. Flow scales of signs: where ΔL*(B) is half "
    "of its largest.",
    not_claimed="One start, constant rates. What is fitted to whole runs is a smooth form to a "
    "curve with a sharper bend: its B_noise is where the curve bends, no mean of the local noise "
    "scale.",
    alt="Twelve panels of steps against batch size on logarithmic axes: falling lines that bend "
    "into a plateau. In the top row points lie on the curves; below they bend more sharply, and "
    "for sign descent on coherent problems they rise again at large batches.",
    draw=draw,
    reading=reading,
)

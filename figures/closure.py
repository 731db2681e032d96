"""Whole runs predicted: best rates of the closure and of the simulation, and where it fails."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import around, log_axis, panels
from figures.entry import Entry

NAMES = {"sgd": "SGD", "sign": "sign descent", "signum": "Signum", "adam": "Adam",
         "momentum": "SGD, momentum", "lion": "Lion", "rmsprop": "RMSProp"}  # fmt: skip
CALM = 1.5  # ε‖H‖√B/σ beyond which signs flip together
T15 = 2.13  # 95 % quantile of Student's t, 16 groups of seeds
SHOWN = 0.25  # of relative interval: what is known worse is not drawn
LIMITS = (0.5, 2.2)  # of the ratio in an error map
MOST = 4  # columns


def draw(dataset: xr.Dataset) -> Figure:
    """A column per rule: best rates by target, by horizon, and the error map of the loss."""
    rules = [str(rule) for rule in dataset["rule"].values][:MOST]
    with style.context():
        figure, grid = panels(
            3, len(rules), width=style.PAGE, height=1.5, margins=(0.55, 0.1, 0.25, 0.95),
            gaps=(0.42, 0.5),
        )  # fmt: skip
        for column, rule in enumerate(rules):
            part = dataset.sel(rule=rule)
            for row, (sense, axis) in enumerate(
                (("by_target", "target"), ("by_horizon", "horizon"))
            ):
                _rates(grid[row, column], part, sense, axis)
            grid[0, column].set_title(NAMES.get(rule, rule))
            grid[1, column].set_xlabel("batch size $B$ (samples)")
            _errors(grid[2, column], part)
        target, horizon = _middle(dataset, "target"), _middle(dataset, "horizon")
        grid[0, 0].set_ylabel(f"ε* to {target:g} of $L_0$")
        grid[1, 0].set_ylabel(f"ε* after {horizon:g} steps")
        grid[2, 0].set_ylabel("simulated/predicted loss")
        _legend(figure, dataset)
    return figure


def _middle(dataset: xr.Dataset, axis: str) -> float:
    return float(dataset[axis].values[dataset.sizes[axis] // 2])


def _series(dataset: xr.Dataset):
    """Each problem with its colour and marker."""
    names = [str(name) for name in np.atleast_1d(dataset["problem"].values)]
    return list(zip(names, style.SERIES, strict=False))


def _rates(axes: Axes, part: xr.Dataset, sense: str, axis: str) -> None:
    drawn, batch = [], part["batch"].values
    for name, (colour, marker) in _series(part):
        one = part.sel(problem=name).isel({axis: part.sizes[axis] // 2})
        law = one[f"{sense}_lr_law"].sel(law="closure").values
        known = (one[f"{sense}_refused"].values == 0) & np.isfinite(one[f"{sense}_lr"].values)
        lr, sem = one[f"{sense}_lr"].values[known], one[f"{sense}_log_lr_sem"].values[known]
        style.law(axes, batch, law, color=colour, lw=1.0)
        below, above = lr * (1 - np.exp(-T15 * sem)), lr * (np.exp(T15 * sem) - 1)
        style.interval(axes, batch[known], lr, (below, above), color=colour, fmt=marker)
        drawn += [law, lr]
    log_axis(axes, "x", batch[0] / 1.6, batch[-1] * 1.6, most=4)
    log_axis(axes, "y", *around(*drawn, pad=1.3), most=4)


def _errors(axes: Axes, part: xr.Dataset) -> None:
    ends = []
    for name, (colour, marker) in _series(part):
        index, ratio, half = _map(part.sel(problem=name))
        shown = np.clip(ratio, *LIMITS)
        style.interval(
            axes, index, shown, half, color=colour, fmt=marker, markersize=1.6, elinewidth=0.3,
            capsize=0, markeredgewidth=0, alpha=0.6,
        )  # fmt: skip
        ends.append(index)
    axes.axhline(1.0, color=style.INK, lw=0.6, zorder=1)
    axes.axvline(CALM, color=style.GREY, lw=0.8, ls="--", zorder=1)
    log_axis(axes, "x", *around(*ends, pad=1.3), most=4)
    log_axis(axes, "y", LIMITS[0] * 0.96, LIMITS[1] * 1.04, most=4)
    axes.set_xlabel("ε‖$H$‖√$B$/σ")


def _map(one: xr.Dataset):
    """Index, simulated over predicted loss and the half of its interval, where that is known."""
    late = one.isel(horizon=one.sizes["horizon"] // 2)
    index, mean, sem, law = (
        late[n].transpose("batch", "step").values.ravel().astype(float)
        for n in ("index", "loss", "loss_sem", "loss_law")
    )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio, half = mean / law, T15 * sem / law
    known = np.isfinite(ratio) & (half < SHOWN * ratio) & (law < 1e3)
    return index[known], ratio[known], half[known]


def _legend(figure: Figure, dataset: xr.Dataset) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, mec="white", label=name.replace("_", " "))
        for name, (colour, marker) in _series(dataset)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles))


def reading(dataset: xr.Dataset) -> str:
    """How far predicted and simulated best rates differ, and losses on either side of 1.5."""
    gaps = []
    for sense in ("by_target", "by_horizon"):
        law = dataset[f"{sense}_lr_law"].sel(law="closure", drop=True)
        known = (dataset[f"{sense}_refused"] == 0) & (dataset[f"{sense}_log_lr_sem"] < 0.05)
        ratio = np.abs(np.log((dataset[f"{sense}_lr"] / law).where(known).values)).ravel()
        gaps.append(ratio[np.isfinite(ratio)])
    joined = np.expm1(np.concatenate(gaps))
    if not joined.size:
        return "No best rate of this grid is known to 5 %."
    words = (
        f"Of {joined.size} best rates known to 5 % or better, {np.mean(joined <= 0.1):.0%} are "
        f"within 10 % of the predicted ones; the median gap is {np.median(joined):.1%}."
    )
    if "sign" not in dataset["rule"].values:
        return words
    calm, wild = [], []
    for problem in dataset["problem"].values:
        index, ratio, _ = _map(dataset.sel(rule="sign", problem=problem))
        gap = np.abs(ratio - 1)
        calm.append(gap[index <= CALM])
        wild.append(gap[index > CALM])
    worst = [float(np.max(np.concatenate(part), initial=0.0)) for part in (calm, wild)]
    return words + (
        f" Losses of sign descent differ by at most {worst[0]:.0%} where ε‖H‖√B/σ ≤ 1.5, and by up "
        f"to {worst[1]:.0%} beyond."
    )


ENTRY = Entry(
    name="closure",
    experiment="closure",
    title="Whole runs, predicted",
    caption="Best constant learning rates of whole runs on five quadratics, by fewest steps to a "
    "target and by least loss at a horizon: predicted (lines) and simulated (points, 95 %). Below, "
    "the simulated over the predicted loss of every cell of the (B × ε) grid against ε‖H‖√B/σ, how "
    "far one step moves a gradient in units of its noise; dashed: 1.5.",
    not_claimed="SGD is exact; the others are approximations. Where signs flip together from step "
    "to step (right of the dashed line) θ is bimodal and the Gaussian closure of sign descent "
    "misses part of the loss. Points at the panels' edge lie outside.",
    alt="Columns of panels, one per optimizer: points on lines of best learning rate against batch "
    "size, and below clouds of ratios around one that spread for sign descent at large index.",
    draw=draw,
    reading=reading,
)

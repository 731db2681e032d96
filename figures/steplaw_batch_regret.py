"""What each rule for the learning rate at a given batch size loses, leaving one cell out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.axes import empty, log_axis, panels
from figures.entry import Entry
from theory.rivals import RIVALS

WORDS = {name: rival.words for name, rival in RIVALS.items()} | {
    "step_law": "Step Law's rate",
    "step_law_root": "Step Law's × √(B/B*)",
    "step_law_linear": "Step Law's × B/B*",
    "nested": "chosen without the cell",
}
LOW, HIGH = 0.01, 30.0  # per cent
ASIDE = (0.27, 0.09, -0.09, -0.27)  # rows of one rule, by number of steps


def draw(dataset: xr.Dataset) -> Figure:
    """Two charts: the mean by number of steps; 95th percentile and largest at the main one."""
    if "batch_regret_mean" not in dataset:
        return empty("no rule was judged")
    steps = int(dataset["batch_main_steps"])
    mean = dataset["batch_regret_mean"].sel(least_steps=steps)
    there = mean["batch_rule"].values[np.isfinite(mean.values)]
    if not there.size:
        return empty("no rule was judged")
    rules = there[np.argsort(mean.sel(batch_rule=there).values)][::-1]
    with style.context():
        figure, grid = panels(
            1, 2, width=style.PAGE, height=3.3, margins=(1.75, 0.15, 0.25, 0.95), gaps=(0.25, 0.0)
        )
        left, right = grid[0]
        _means(left, dataset.sel(batch_rule=rules))
        _tails(right, dataset.sel(batch_rule=rules, least_steps=steps))
        for axes in (left, right):
            axes.set_ylim(-0.6, len(rules) - 0.4)
            axes.set_yticks(range(len(rules)), [])
            axes.tick_params("y", length=0)
            for place in range(len(rules)):
                axes.axhline(place, color=style.FAINT, lw=0.3, zorder=0.5)
        left.set_yticklabels([WORDS[name] for name in rules])
    return figure


def _means(axes: Axes, data: xr.Dataset) -> None:
    for (colour, marker), steps, aside in zip(
        style.SERIES, data["least_steps"].values, ASIDE, strict=False
    ):
        part = data.sel(least_steps=steps)
        places = np.arange(data.sizes["batch_rule"]) + aside
        value, half = part["batch_regret_mean"].values, style.Z95 * part["batch_regret_sem"].values
        below = np.minimum(half, value - LOW / 2)
        axes.errorbar(
            value, places, xerr=[below, half], fmt=marker, color=colour, ms=3.2, elinewidth=0.8,
            markeredgecolor="white", markeredgewidth=0.35, label=f"{steps:,}",
        )  # fmt: skip
    log_axis(axes, "x", LOW, 4.0, most=4)
    axes.set_xlabel("mean regret (% of the loss)")
    axes.set_title("a  mean, and 95 % over cells")
    axes.legend(
        title="at least so many steps", loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4,
        handletextpad=0.1, columnspacing=0.8,
    )  # fmt: skip


def _tails(axes: Axes, data: xr.Dataset) -> None:
    places = np.arange(data.sizes["batch_rule"])
    for name, marker, words in (("p95", "o", "95th percentile"), ("max", "D", "largest")):
        value = data[f"batch_regret_{name}"].values
        axes.plot(value, places, marker, color=style.INK, ms=3.6, label=words,
                  mfc=style.INK if name == "p95" else "white")  # fmt: skip
    log_axis(axes, "x", 0.03, HIGH, most=4)
    axes.set_xlabel("regret (% of the loss)")
    axes.set_title(f"b  the worst slices of at least {int(data['least_steps']):,} steps")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)


def reading(dataset: xr.Dataset) -> str:
    """The regret of the chosen law and of Step Law's rate."""
    if "batch_regret_mean" not in dataset or not np.isfinite(dataset["batch_regret_mean"]).any():
        return "No rule was judged."
    steps = int(dataset["batch_main_steps"])
    part = dataset.sel(least_steps=steps)

    def of(rule: str) -> str:
        row = part.sel(batch_rule=rule)
        mean, p95, most = (float(row[f"batch_regret_{name}"]) for name in ("mean", "p95", "max"))
        return f"{mean:.3f} % in the mean, {p95:.2f} % at the 95th percentile, {most:.2f} % at most"

    return (
        f"Chosen among {part.sizes['batch_law']} laws without the cell that judges: {of('nested')} "
        f"({int(part['batch_slices'])} slices of at least {steps:,} steps). "
        f"Step Law's rate, whatever the batch: {of('step_law')}; times √(B/B*): "
        f"{of('step_law_root')}."
    )


ENTRY = Entry(
    name="steplaw_batch_regret",
    experiment="steplaw",
    title="What a rule for the learning rate at a given batch size loses",
    caption="Loss lost by the rule's learning rate at every slice, relative to the slice's best "
    "smoothed loss; the rule's constants are fitted to all cells but the slice's own. Step Law's "
    "are as published (its fit has seen these cells).",
    not_claimed="Regret is read off a smooth curve through runs of one seed each; beyond the "
    "ladder of learning rates it is continued.",
    alt="A chart of rules against regret: laws with a plateau lose a few hundredths of a per cent, "
    "one learning rate for all batch sizes ten times as much.",
    draw=draw,
    reading=reading,
)

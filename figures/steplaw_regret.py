"""What the published rules lose: the comparison table, all cells, mixtures; the noise."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry
from theory.scaling import SCALINGS

WAYS = {  # where rules with a learning rate alone get their batch size
    "best for this rate": ("o", "best for the rate"),
    "best run's": ("s", "the best run's"),
    "Step Law's": ("^", "Step Law's"),
}
LEAST = 0.03  # per mille: the axis' lower end
READING, CONSTANTS = "bilinear", "corrected"
COUNTS = {"total": ("o", style.LAW, "all parameters"), "active": ("s", style.MEASURED, "active")}


def draw(dataset: xr.Dataset) -> Figure:
    """Four panels."""
    if "permille" not in dataset:
        return empty("the runs of Step Law were not read")
    with style.context():
        figure, grid = panels(
            2, 2, width=style.PAGE, height=1.95, margins=(0.8, 0.12, 0.28, 0.45), gaps=(0.8, 0.75)
        )
        _table(grid[0, 0], dataset)
        _all_cells(grid[0, 1], dataset)
        _experts(grid[1, 0], dataset)
        _noise(grid[1, 1], dataset)
    return figure


def printed(dataset: xr.Dataset) -> list[str]:
    """The rules of the comparison table, in its order."""
    return [name for name in SCALINGS if name in dataset["table_rule"].values]


def _table(axes: Axes, dataset: xr.Dataset) -> None:
    names = printed(dataset)
    places = np.arange(len(names))[::-1]
    stated = np.array([SCALINGS[name].permille or np.nan for name in names])
    gap = dataset["table_gap"].sel(reading=READING, constants=CONSTANTS, table_rule=names)
    for way, (marker, words) in WAYS.items():
        value = np.maximum(stated - gap.sel(lr_only_batch=way).values, LEAST)
        axes.plot(value, places, marker, ms=4.2, mfc="white", mec=style.INK, label=words, zorder=2)
    axes.plot(stated, places, "x", ms=5, mew=1.4, color=style.MEASURED, label="printed", zorder=3)
    _rules(axes, names, places)
    log_axis(axes, "x", 0.3, 30)
    axes.legend(fontsize=6.5, loc="lower right", handletextpad=0.2, title="batch size",
                title_fontsize=6.5, borderaxespad=0)  # fmt: skip
    axes.set_xlabel("loss above the best run, held-out cell (‰)")
    axes.set_title("a  the comparison table, and made again")


def _all_cells(axes: Axes, dataset: xr.Dataset) -> None:
    names = printed(dataset)
    places = np.arange(len(names))[::-1]
    part = dataset["permille"].sel(
        reading=READING, constants=CONSTANTS, batch_from="best for this rate", published_rule=names
    )
    spread = np.linspace(-0.28, 0.28, part.sizes["dense_cell"])
    for place, name in zip(places, names, strict=True):
        value = part.sel(published_rule=name).values
        order = np.argsort(value)
        axes.plot(np.maximum(value[order], LEAST), place + spread, ".", ms=2.6, color=style.GREY)
        half = style.Z95 * value.std(ddof=1) / np.sqrt(value.size)
        axes.errorbar(value.mean(), place, xerr=half, fmt="D", ms=4, color=style.MEASURED,
                      capsize=2, zorder=3)  # fmt: skip
    _rules(axes, names, places)
    log_axis(axes, "x", LEAST, 50)
    axes.set_xlabel("loss above the best run (‰)")
    axes.set_title("b  all 42 dense cells; red: mean")


def _rules(axes: Axes, names: list[str], places: np.ndarray) -> None:
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_yticks(places, [SCALINGS[name].words for name in names])
    axes.tick_params("y", length=0)


def _experts(axes: Axes, dataset: xr.Dataset) -> None:
    sparsity = dataset["moe_sparsity"].values
    for count, (marker, colour, words) in COUNTS.items():
        value = dataset["moe_permille"].sel(moe_count=count).values
        means = np.array([[s, *_mean(value[sparsity == s])] for s in np.unique(sparsity)])
        axes.plot(sparsity, value, ".", ms=3, color=colour, alpha=0.6)
        style.interval(axes, means[:, 0], means[:, 1], means[:, 2], fmt=marker, color=colour,
                       ms=4.5, label=words)  # fmt: skip
    log_axis(axes, "x", 0.075, 0.7)
    axes.set_ylim(0, None)
    axes.legend(title="$N$ counts", title_fontsize=7.5, loc="upper right")
    axes.set_xlabel("active share of the parameters")
    axes.set_ylabel("loss above the best run (‰)")
    axes.set_title("c  Step Law on mixtures of experts")


def _mean(value: np.ndarray) -> tuple[float, float]:
    return float(value.mean()), float(style.Z95 * value.std(ddof=1) / np.sqrt(value.size))


def _noise(axes: Axes, dataset: xr.Dataset) -> None:
    batch, noise = dataset["noise_batch"].values, 100 * dataset["curve_noise"].values
    many, half = dataset["curve_runs"].values, 100 * dataset["curve_noise_half"].values
    middle = np.exp(np.average(np.log(noise * np.sqrt(batch)), weights=many))
    line = np.array([batch[0] / 1.3, batch[-1] * 1.3])
    style.law(axes, line, middle / np.sqrt(line), label="$∝ 1/\\sqrt{B}$")
    style.interval(axes, batch, noise, half, label="one point of a curve")
    last = 100 * float(dataset["noise_by_excess"][0])
    axes.axhline(last, color=style.GREY, lw=0.9, ls="--", label="last losses, between rates")
    log_axis(axes, "x", line[0], line[-1])
    log_axis(axes, "y", *around(noise, last, pad=1.5))
    axes.legend(fontsize=7, loc="lower left")
    axes.set_xlabel("batch size (tokens)")
    axes.set_ylabel("noise of the loss (%)")
    axes.set_title("d  luck of the tokens")


def reading(dataset: xr.Dataset) -> str:
    """The numbers of the panels."""
    if "permille" not in dataset:
        return "The runs of Step Law were not read."
    names = printed(dataset)
    part = dataset["permille"].sel(
        reading=READING, constants=CONSTANTS, batch_from="best for this rate"
    )
    means = "; ".join(
        f"{SCALINGS[name].words} {float(part.sel(published_rule=name).mean()):.2g}"
        for name in names
    )
    shared = float(dataset["curve_shared"].isel(noise_group=0))
    return (
        f"Mean loss above the best run over the dense cells, each rate with its best batch size: "
        f"{means} ‰. The noise of two runs with the same tokens is correlated by {shared:.2f}."
    )


ENTRY = Entry(
    name="steplaw_regret",
    experiment="steplaw",
    title="What the published rules lose",
    caption="a: the comparison table's numbers (crosses) and the same read off the public runs of "
    "the held-out cell between neighbours, by where OpenAI's and Microsoft's rules get their batch "
    "size. b: all dense cells, each rule's learning rate with the batch size that suits it best; "
    "red: mean and 95 % interval. c: Step Law on 16 mixtures of experts, N counting all parameters "
    "or those active per token. d: scatter of smoothed losses about their decay, by batch size; "
    "dashed: scatter of last losses between neighbouring learning rates.",
    not_claimed="One seed a run: differences below 0.1 % at one cell are within the noise. A rule "
    "whose point lies off a cell's grid is read at its border: it loses no less than shown.",
    alt="A chart of printed and recomputed losses by rule, one of losses of every cell by rule, "
    "losses of mixtures against their sparsity, and noise falling with batch size.",
    draw=draw,
    reading=reading,
)

"""The advice as a picture: learning rate against batch size for a model and its tokens.

Line and band: the advised rate at each batch with its calibrated 90 % interval.  Cross: the advised
pair with its intervals.  Frame: the box within 0.25 % of the best loss.  Points: measured optima.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry

SCALED = {
    "step law": ("Step Law", "#d98200", "-"),
    "step law, square root": ("Step Law, √B", "#d98200", "--"),
    "step law, linear": ("Step Law, ∝ B", "#d98200", ":"),
}
LEVEL = {"openai": "OpenAI", "microsoft": "Microsoft", "deepseek": "DeepSeek", "porian": "Porian"}
APART = 0.16  # ln lr between two names that do not touch
FRAME = "#1b8a6b"


def draw(dataset: xr.Dataset) -> Figure:
    """One panel for each model that was asked about."""
    if "advice_drawn_value" not in dataset:
        return empty("no advice was found")
    with style.context():
        figure, grid = panels(
            1, 2, width=style.PAGE, height=2.5, margins=(0.62, 0.72, 0.25, 0.92), gaps=(1.15, 0.5)
        )
        for k, (axes, letter) in enumerate(zip(grid[0], "ab", strict=True)):
            row = dataset.isel(advice_drawn=k)
            _panel(axes, dataset, row)
            axes.set_title(f"{letter}  {_heading(row)}")
            axes.set_xlabel("batch size $B$ (tokens)")
        grid[0, 0].set_ylabel("learning rate η")
        handles, words = _legend()
        figure.legend(handles, words, loc="lower center", ncols=4, bbox_to_anchor=(0.5, 0.0))
    return figure


def _heading(row: xr.Dataset) -> str:
    n, d = float(row["advice_drawn_N"]), float(row["advice_drawn_D"])
    return f"{n / 1e9:.3g} B parameters, {d / 1e9:.4g} B tokens"


def _panel(axes: Axes, data: xr.Dataset, row: xr.Dataset) -> None:
    batch, value = row["advice_drawn_batch"].values, row["advice_drawn_value"].values
    low, high = (row[f"advice_drawn_{end}"].values for end in ("low", "high"))
    axes.fill_between(batch, low, high, color=style.LAW, alpha=0.15, lw=0)
    axes.plot(batch, value, color=style.LAW, lw=1.4)
    rivals = {str(n): row["advice_drawn_rival"].sel(advice_rival=n).values
              for n in row["advice_rival"].values}  # fmt: skip
    for name, (_, colour, dash) in SCALED.items():
        axes.plot(batch, rivals[name], color=colour, ls=dash, lw=1.0)
    log_axis(axes, "x", batch[0], batch[-1])
    box = [float(row[f"advice_drawn_box_lr_{end}"]) for end in ("low", "high")]
    levels = [rivals[name][0] for name in LEVEL]
    log_axis(axes, "y", *around(value, low, high, box, levels, _optima(data, row)[1], pad=1.3))
    _levels(axes, {LEVEL[name]: rivals[name][0] for name in LEVEL})
    _measured(axes, data, row)
    _advised(axes, row)


def _levels(axes: Axes, levels: dict[str, float]) -> None:
    """Rules that know no batch size: a line each, named at the right; near ones share a name."""
    groups: list[list[str]] = []
    for name in sorted(levels, key=lambda n: levels[n]):
        axes.axhline(levels[name], color=style.GREY, lw=0.6, zorder=1)
        if groups and np.log(levels[name] / levels[groups[-1][0]]) < APART:
            groups[-1].append(name)
        else:
            groups.append([name])
    for names in groups:
        place = float(np.exp(np.mean(np.log([levels[name] for name in names]))))
        axes.text(
            1.015, place, "\n".join(reversed(names)), transform=axes.get_yaxis_transform(),
            va="center", ha="left", color=style.GREY, fontsize=7, linespacing=1.0,
        )  # fmt: skip


def _optima(data: xr.Dataset, row: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Batch, rate and half the 95 % interval of ln rate, of this model's runs."""
    here = np.isclose(data["advice_slice_N"], row["advice_drawn_N"], rtol=0.01)
    here &= np.isclose(data["advice_slice_D"], row["advice_drawn_D"], rtol=0.01)
    here &= data["advice_lr_usable"].values.astype(bool)
    names = ("advice_slice_batch", "advice_lr_target", "advice_slice_error")
    batch, log, error = (data[name].values[here] for name in names)
    return batch, np.exp(log), style.Z95 * error


def _measured(axes: Axes, data: xr.Dataset, row: xr.Dataset) -> None:
    batch, rate, half = _optima(data, row)
    style.interval(axes, batch, rate, [rate * -np.expm1(-half), rate * np.expm1(half)])


def _advised(axes: Axes, row: xr.Dataset) -> None:
    def number(name: str) -> float:
        return float(row[f"advice_drawn_{name}"])

    x, y = number("best_batch_tokens_value"), number("best_lr_value")
    left, right = number("box_batch_tokens_low"), number("box_batch_tokens_high")
    down, up = number("box_lr_low"), number("box_lr_high")
    frame = Rectangle((left, down), right - left, up - down, fill=False, ec=FRAME, lw=1.0)
    axes.add_patch(frame)
    wide = [[x - number("best_batch_tokens_low")], [number("best_batch_tokens_high") - x]]
    tall = [[y - number("best_lr_low")], [number("best_lr_high") - y]]
    options: dict[str, Any] = {"fmt": "D", "ms": 4, "color": style.INK, "zorder": 4}
    axes.errorbar([x], [y], xerr=wide, yerr=tall, elinewidth=1.2, **options)


def _legend():
    handles = [
        Line2D([], [], color=style.LAW, lw=1.4),
        Patch(color=style.LAW, alpha=0.15),
        Line2D([], [], marker="D", ms=4, color=style.INK, ls="none"),
        Patch(fill=False, ec=FRAME),
        Line2D([], [], marker="o", color=style.MEASURED, ls="none"),
    ]
    words = [
        "advice at a given batch",
        "its 90 % interval",
        "advised pair",
        "within 0.25 %",
        "optima of runs",
    ]
    handles += [Line2D([], [], color=c, ls=dash, lw=1.0) for _, c, dash in SCALED.values()]
    return handles, words + [word for word, _, _ in SCALED.values()]


def reading(dataset: xr.Dataset) -> str:
    """The advice in numbers."""
    if "advice_drawn_value" not in dataset:
        return "No advice was found."
    words = []
    for k in range(dataset.sizes["advice_drawn"]):
        row = dataset.isel(advice_drawn=k)
        ends = [float(row[f"advice_drawn_best_lr_{end}"]) for end in ("value", "low", "high")]
        size = float(row["advice_drawn_best_batch_tokens_value"])
        words.append(
            f"{_heading(row)}: {ends[0]:.3g} ({ends[1]:.3g} to {ends[2]:.3g}) at {size:.3g} tokens"
        )
    return f"Advised learning rates: {'; '.join(words)}."


ENTRY = Entry(
    name="steplaw_advice",
    experiment="steplaw",
    title="Advice for two language models",
    caption="Advised learning rate against batch size with its 90 % interval, calibrated on cells "
    "left out; the advised pair; the box within which the loss stays within 0.25 % of the best "
    "(the rate at the advised batch, the batch at its own best rate). Orange: Step Law's rate, "
    "alone and scaled by the batch. Grey: rules that know no batch size. a: the paper's held-out "
    "cell, with the optima of its runs (bars of 95 %). b: far beyond the data.",
    not_claimed="The runs of a are among those the advice is fitted to; what it loses on cells "
    "left out stands in the claims. Nothing vouches for b: its interval holds what is not known "
    "within the data, and how shapes and resamples disagree beyond.",
    alt="A rising, bending line of learning rates within a band, with points of measured optima "
    "along it, a cross within a frame, and lines of rival rules above and below.",
    draw=draw,
    reading=reading,
)

"""The batch size above which the best learning rate is level, against tokens and against loss."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.axes import empty, log_axis, panels
from figures.entry import Entry
from theory.scaling import OPENAI_BATCH, STEP_BATCH


def draw(dataset: xr.Dataset) -> Figure:
    """Knees of the cells: a, against D with Step Law's B*; b, against the loss with Kaplan's."""
    if "noise_cell_log" not in dataset:
        return empty("no cell has a noise scale")
    there = np.isfinite(dataset["noise_cell_log"].values)
    data = dataset.isel(noise_cell=np.flatnonzero(there))
    if not data.sizes["noise_cell"]:
        return empty("no cell has a noise scale")
    with style.context():
        figure, grid = panels(
            1, 2, width=style.PAGE, height=2.6, margins=(0.62, 0.12, 0.25, 0.85), gaps=(0.35, 0.0)
        )
        tokens, loss = data["noise_cell_D"].values, data["noise_cell_loss"].values
        for axes, place in zip(grid[0], (tokens, loss), strict=True):
            _points(axes, data, place)
        left, right = grid[0]
        _sizes(left, data)
        fine = np.geomspace(tokens.min() / 1.3, tokens.max() * 1.3, 60)
        left.plot(fine, np.asarray(STEP_BATCH.jax(fine)), color=style.INK, dashes=(4, 2), lw=1.0)
        left.set_xlabel("tokens $D$")
        left.set_ylabel("knee $B_{noise}$ (tokens)")
        left.set_title("a  coloured: a power of N and D; dashed: Step Law's B*")
        fine = np.geomspace(loss.min() / 1.02, loss.max() * 1.02, 60)
        kaplan = np.asarray(OPENAI_BATCH.jax(fine))
        right.plot(fine, kaplan, color=style.INK, dashes=(4, 2), lw=1.0)
        right.set_xlabel("lowest loss of the cell $L$ (nats per token)")
        right.set_title("b  dashed: Kaplan's $B_{crit}$(L)")
        right.set_yticklabels([])
        log_axis(left, "x", tokens.min() / 1.4, tokens.max() * 1.4)
        right.set_xlim(loss.min() - 0.06, loss.max() + 0.06)
        for axes in (left, right):
            log_axis(axes, "y", 4e4, 6e6)
        right.tick_params("y", labelleft=False)
        handles, words = left.get_legend_handles_labels()
        figure.legend(handles, words, loc="lower center", ncols=7, bbox_to_anchor=(0.52, 0.0),
                      title="parameters $N$", handletextpad=0.2)  # fmt: skip
    return figure


def _points(axes: Axes, data: xr.Dataset, place: np.ndarray) -> None:
    params = data["noise_cell_N"].values
    value, half = data["noise_cell_log"].values, style.Z95 * data["noise_cell_sem"].values
    centre = np.exp(value)
    bars = centre * -np.expm1(-half), centre * np.expm1(half)
    for (colour, marker), size in zip(style.SERIES, np.unique(params), strict=False):
        keep = params == size
        label = f"{size / 1e6:.0f} M" if size < 1e9 else f"{size / 1e9:.2f} B"
        style.interval(
            axes, place[keep], centre[keep], [bar[keep] for bar in bars], fmt=marker, color=colour,
            ms=4, label=label,
        )  # fmt: skip


def _sizes(axes: Axes, data: xr.Dataset) -> None:
    """The joint law's noise scale of every size of model, over its tokens."""
    part = data["batch_value"].sel(batch_law="knee", least_steps=int(data["batch_main_steps"]))
    at, slope_n, slope_d = (float(part.sel(batch_parameter=n)) for n in ("b_0", "b_N", "b_D"))
    params, tokens = data["noise_cell_N"].values, data["noise_cell_D"].values
    for (colour, _), size in zip(style.SERIES, np.unique(params), strict=False):
        own = tokens[params == size]
        if own.size > 1:
            fine = np.array([own.min(), own.max()])
            line = at + slope_n * np.log(size / float(data["batch_middle_N"]))
            line = line + slope_d * np.log(fine / float(data["batch_middle_D"]))
            axes.plot(
                fine, float(data["batch_middle_B"]) * np.exp(line), color=colour, lw=0.9, zorder=1.5
            )


def reading(dataset: xr.Dataset) -> str:
    """The exponents, with their intervals."""
    if "noise_cell_log" not in dataset or not np.isfinite(dataset["noise_tokens_left"]):
        return "No cell has a noise scale."

    def span(name: str, k: int) -> str:
        value, low, high = (float(dataset[f"{name}{end}"][k]) for end in ("", "_low", "_high"))
        return f"{value:.2f} ({low:.2f} to {high:.2f})"

    return (
        f"Over {int(np.isfinite(dataset['noise_cell_log']).sum())} cells the knee goes as N to the "
        f"power {span('noise_tokens_slope', 0)} and D to the power "
        f"{span('noise_tokens_slope', 1)}, to within "
        f"{100 * float(dataset['noise_tokens_left']):.0f} %; as a power of the loss alone, "
        f"{span('noise_loss_slope', 0)}, it is off by "
        f"{100 * float(dataset['noise_loss_left']):.0f} % (rms of ln B)."
    )


ENTRY = Entry(
    name="steplaw_noise_scale",
    experiment="steplaw",
    title="The noise scale against tokens and loss",
    caption="The knee of η*(B) of every cell that has it inside its batch sizes, the exponent "
    "below it shared, with 95 % of its error. a: against the tokens of the run, and the joint "
    "fit. b: against the cell's lowest loss, with Kaplan's critical batch size (of another "
    "text and tokenizer).",
    not_claimed="The knee of a whole run's best learning rate is no measured gradient noise scale.",
    alt="Knees rise with the number of tokens and fall with the number of parameters; against the "
    "loss they scatter widely.",
    draw=draw,
    reading=reading,
)

"""How noise scales and the peak of ε*(B) move with the loss: of the runs of each rule, and of the
network at a checkpoint of that loss."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.cnn import EXPERIMENT, RULES, SENSES, reduction, rules
from figures.cnn_optima import falls
from figures.entry import Entry

PEAKS = {"further": "s", "target": "^", "fixed": "D", "one_step": "*"}
STEP = 0.12  # between the points of one loss
SCALES = {  # colour, marker, words
    "b_simple": (style.SEARCH, "P", "$B_\\mathrm{simple}$"),
    "b_noise": (style.INDEPENDENT, "X", "SGD's $B_\\mathrm{noise}$"),
}


def peaks(part: xr.Dataset) -> tuple[float, float, float, bool]:
    """Where ε* of one curve peaks, the batch sizes on either side of its largest value, and whether
    its fall to the largest batch is beyond chance; NaN without a peak inside."""
    lr, batch = part["lr_hat"].values, part["batch"].values.astype(float)
    place = float(part["b_peak"])
    top = int(np.where(np.isfinite(lr), lr, -np.inf).argmax())
    if not (np.isfinite(place) and 0 < top < len(lr) - 1):
        return float("nan"), float("nan"), float("nan"), False
    return place, batch[top - 1], batch[top + 1], falls(part)[0]


def law_peak(part: xr.Dataset) -> tuple[float, bool]:
    """The batch size of the largest ε* of the Gaussian law, and whether it is the last one, so that
    there is no peak up to it."""
    lr = part["lr_gaussian"].values
    if not np.isfinite(lr).any():
        return float("nan"), False
    top = int(np.nanargmax(lr))
    return float(part["law_batch"][top]), top == len(lr) - 1


def draw(dataset: xr.Dataset) -> Figure:
    """A panel per rule, and one of the checkpoints."""
    shown = rules(dataset)
    parts = [dataset.sel(rule=rule) for rule in shown]
    columns = ("b_noise_line", "b_peak", "b_simple", "b_noise", "b_noise_law",
               "b_noise_correlated")  # fmt: skip
    limits = around(*(dataset[name] for name in columns), dataset["batch"], dataset["law_batch"])
    if not shown or not any(np.isfinite(dataset[name]).any() for name in columns):
        return empty("no noise scale was found")
    with style.context():
        figure, grid = panels(
            1, len(parts) + 1, width=style.PAGE, height=2.2, margins=(0.6, 0.1, 0.28, 1.2),
            gaps=(0.16, 0),
        )  # fmt: skip
        for axes, part, rule, letter in zip(grid[0], parts, shown, "abc", strict=False):
            _runs(axes, part)
            axes.set_title(f"{letter}  runs of {RULES[rule]}")
        _checkpoint(grid[0, -1], dataset)
        grid[0, -1].set_title(f"{'abc'[len(parts)]}  network at a checkpoint")
        for axes in grid[0]:
            losses = dataset["target"].values
            axes.set_xlim(-0.5, len(losses) - 0.5)
            axes.set_xticks(range(len(losses)), [f"{target:g}" for target in losses])
            axes.set_xlabel("training loss (nats)")
            log_axis(axes, "y", limits[0] / 1.6, limits[1] * 1.6, most=6)
            axes.tick_params(axis="y", which="both", labelleft=axes is grid[0, 0])
        grid[0, 0].set_ylabel("batch size (samples)")
        _legend(figure)
    return figure


def _runs(axes: Axes, part: xr.Dataset) -> None:
    place = np.arange(part.sizes["target"], dtype=float)
    line = part["b_noise_line"].values
    spread = np.exp(style.Z95 * part["b_noise_line_sem"].values)
    there = np.isfinite(line) & np.isfinite(spread)
    style.interval(
        axes, place[there] - 2 * STEP, line[there],
        [(line - line / spread)[there], (line * spread - line)[there]], markersize=4.5,
    )  # fmt: skip
    for order, (sense, marker) in enumerate(PEAKS.items()):
        if sense not in part["sense"].values:
            continue
        for x in range(part.sizes["target"]):
            value, low, high, real = peaks(part.sel(sense=sense).isel(target=x))
            if np.isfinite(value):
                axes.errorbar(
                    x + (order - 1) * STEP, value, yerr=[[value - low], [high - value]],
                    fmt=marker, color=style.INK, mfc=style.INK if real else "white",
                    ms=6 if marker == "*" else 4, mew=0.8, elinewidth=0.5, zorder=3,
                )  # fmt: skip


def _checkpoint(axes: Axes, dataset: xr.Dataset) -> None:
    place = np.arange(dataset.sizes["target"], dtype=float)
    for shift, (name, (colour, marker, _)) in zip((-2, -1), SCALES.items(), strict=True):
        value = dataset[name].values
        half = style.Z95 * dataset[f"{name}_other_sem"].values
        there = np.isfinite(value) & (value > 0)
        below = np.minimum(half, 0.99 * value)
        style.interval(
            axes, place[there] + shift * STEP, value[there], [below[there], half[there]],
            color=colour, fmt=marker, markersize=5,
        )  # fmt: skip
    law = dataset["b_noise_law"].values
    marks: dict[str, Any] = {"marker": "_", "ms": 11, "mew": 1.6, "lw": 1.0, "zorder": 2.5}
    axes.plot(place, np.where(law > 0, law, np.nan), color=style.LAW, **marks)
    own = dataset["b_noise_correlated"].values
    half = style.Z95 * dataset["b_noise_correlated_mc"].values
    there = np.isfinite(own)
    style.interval(
        axes, place[there] + STEP, own[there],
        [np.minimum(half, 0.99 * own)[there], half[there]], color=style.LAW, fmt="v", markersize=5,
    )  # fmt: skip
    found = [law_peak(dataset.isel(target=x)) for x in range(len(place))]
    height = np.array([peak for peak, _ in found])
    last = np.array([end for _, end in found])
    axes.plot(place, np.where(last, np.nan, height), color=style.GAUSSIAN, **marks)
    axes.plot(
        place[last], height[last], "^", mfc="white", mec=style.GAUSSIAN, ms=6, zorder=3,
        clip_on=False,
    )  # fmt: skip


def _legend(figure: Figure) -> None:
    law: dict[str, Any] = {"marker": "_", "ms": 9, "mew": 1.6, "lw": 1.0}
    point: dict[str, Any] = {"ls": "", "mec": "white", "mew": 0.35}
    handles = [
        Line2D([], [], marker="o", ms=5, color=style.MEASURED, **point,
               label="$B_\\mathrm{noise}$ of the line of steps against samples"),
        *(
            Line2D([], [], marker=marker, ls="", color=style.INK, ms=6 if marker == "*" else 4,
                   label=f"ε* peaks: {SENSES[sense]}")
            for sense, marker in PEAKS.items()
        ),
        *(
            Line2D([], [], marker=marker, ms=5.5, color=colour, **point, label=words)
            for colour, marker, words in SCALES.values()
        ),
        Line2D([], [], color=style.LAW, **law, label="eq. (14), sign descent"),
        Line2D([], [], marker="v", ms=5.5, color=style.LAW, **point,
               label="D0/D1, its noise correlated"),
        Line2D([], [], color=style.GAUSSIAN, **law, label="the Gaussian law peaks"),
        Line2D([], [], marker="^", mfc="white", mec=style.GAUSSIAN, ls="", ms=6,
               label="it has no peak up to here"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="lower center", ncols=3, fontsize=7.5, columnspacing=1.2)


def reading(dataset: xr.Dataset) -> str:
    """The scales from the first loss to the last."""
    named = [
        *((dataset["b_noise_line"].sel(rule=rule), f"the line's B_noise of {RULES[rule]}")
          for rule in rules(dataset)),
        (dataset["b_simple"], "B_simple"),
        (dataset["b_noise"], "SGD's B_noise"),
        (dataset["b_noise_law"], "eq. (14)"),
        (dataset["b_noise_correlated"], "D0/D1"),
    ]  # fmt: skip
    words = [_path(values, name) for values, name in named]
    found = [law_peak(dataset.isel(target=x)) for x in range(dataset.sizes["target"])]
    heights = [f"none up to {b:.0f}" if end else f"{b:.0f}" for b, end in found if np.isfinite(b)]
    if heights:
        words.append(f"peak of the Gaussian law: {', '.join(heights)}")
    silent = int((dataset["S_law"] <= 0).sum())
    note = f" Eq. (14) gives none at {silent} of {len(found)} losses, for S ≤ 0." if silent else ""
    growth, half = dataset["corr_D1"].values, style.Z95 * dataset["corr_D1_sem"].values
    if (growth <= half).any():
        falls, open_ = int((growth < -half).sum()), int((np.abs(growth) <= half).sum())
        note += f" D1 is below zero, so that no peak is predicted, at {falls} and not told from "
        note += f"zero at {open_} of {len(found)}."
    losses = ", ".join(f"{target:g}" for target in dataset["target"].values)
    said = "; ".join(word for word in words if word)
    return f"At losses {losses}, in samples: {said or 'nothing'}.{note} {reduction(dataset)}"


def _path(values: xr.DataArray, name: str) -> str:
    """`name: 12, 34, –`, or nothing without a value."""
    if not np.isfinite(values).any():
        return ""
    shown = [f"{float(f'{v:.2g}'):g}" if np.isfinite(v) else "–" for v in values.values]
    return f"{name}: {', '.join(shown)}"


ENTRY = Entry(
    name="cnn_noise_scales",
    experiment=EXPERIMENT,
    title="Noise scales and the peak against the loss",
    caption="a, b: B_noise of the line of steps against samples with bars of 95 % (Student's t "
    "over rounds), and where ε*(B) peaks (thin bars: the batch sizes on either side; open: the "
    "fall to the largest batch is within chance; no mark: no peak inside). c, at a checkpoint of "
    "that loss: B_simple and SGD's B_noise with ±1.96 standard errors over samples, B_noise of "
    "sign descent by eq. (14), none where S ≤ 0, and by D0/D1 of the network's own correlated "
    "noise (bars: ±1.96 standard errors over rows of H), none where D1 is not above zero; and "
    "where the law of a Gaussian of the network's covariance peaks in B.",
    not_claimed="One path of Adam gives the checkpoints; runs of other (ε, B) pass elsewhere. The "
    "line's B_noise is where a curve of steps bends, no mean of local noise scales.",
    alt="Three panels of batch sizes on a logarithmic axis against training loss: coloured marks "
    "with bars, and laws as short horizontal strokes joined by lines.",
    draw=draw,
    reading=reading,
)

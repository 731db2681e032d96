"""Panels measured in inches, and logarithmic axes whose ticks can be read in a small panel."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(1 + 0.2 * k for k in range(45)))


def panels(
    rows: int,
    columns: int,
    *,
    width: float,
    height: float,
    margins: tuple[float, float, float, float],
    gaps: tuple[float, float] = (0.5, 0.5),
    ratios: Sequence[float] | None = None,
) -> tuple[Figure, np.ndarray]:
    """A figure `width` inches wide with panels `height` inches high, and its (rows, columns) axes.

    margins: left, right, top, bottom; gaps: between columns and between rows; all in inches.
    Nothing is fitted afterwards: what is drawn outside a panel has to fit its margin.
    """
    left, right, top, bottom = margins
    weights = np.ones(columns) if ratios is None else np.asarray(ratios, float)
    widths = (width - left - right - gaps[0] * (columns - 1)) * weights / weights.sum()
    total = top + bottom + rows * height + (rows - 1) * gaps[1]
    figure = Figure(figsize=(width, total))
    axes = np.empty((rows, columns), object)
    for row in range(rows):
        y = total - top - (row + 1) * height - row * gaps[1]
        for column in range(columns):
            x = left + widths[:column].sum() + column * gaps[0]
            box = (x / width, y / total, widths[column] / width, height / total)
            axes[row, column] = figure.add_axes(box)
    return figure, axes


def empty(message: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(3.4, 0.8))
    figure.text(0.5, 0.5, message, ha="center", va="center")
    return figure


def log_axis(axes: Axes, which: Literal["x", "y"], low: float, high: float, most: int = 5) -> None:
    """A logarithmic axis from `low` to `high`, with between three and `most` labelled ticks.

    Limits that are not positive and finite leave the axis alone: there is nothing on it.
    """
    if not (np.isfinite([low, high]).all() and 0 < low < high):
        return
    axis = axes.xaxis if which == "x" else axes.yaxis
    if which == "x":
        axes.set_xscale("log")
        axes.set_xlim(low, high)
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
    major = ticks(low, high, most)
    axis.set_major_locator(FixedLocator(major))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    decades = np.log10(high / low)
    if decades <= 2.5:
        floor = np.floor(np.log10(low))
        minor = [m * 10.0**e for e in np.arange(floor, floor + 4) for m in range(1, 10)]
        axis.set_minor_locator(FixedLocator([v for v in minor if low <= v <= high]))
    else:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers on a logarithmic axis, the coarsest kind of which there are at least three."""
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    chosen: list[float] = []
    for mantissas in MANTISSAS:
        chosen = [float(m * 10.0**e) for e in exponents for m in mantissas]
        chosen = [value for value in chosen if low * 0.999 <= value <= high * 1.001]
        if len(chosen) >= 3:
            break
    step = -(-len(chosen) // most) if chosen else 1
    return chosen[::step]


def number(value: float) -> str:
    """A tick's label: plain between 0.0001 and 99999, a power of ten beyond."""
    if value == 0 or 9.9e-5 <= abs(value) < 99999.5:
        return f"{value:.4g}" if abs(value) < 9999.5 else f"{value:.0f}"
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    mantissa = value / 10.0**exponent
    head = "" if abs(mantissa - 1) < 1e-6 else rf"{mantissa:.3g}\times"
    return rf"${head}10^{{{exponent}}}$"


def around(*values, pad: float = 1.15) -> tuple[float, float]:
    """Limits of a logarithmic axis that hold all positive finite values, with some room."""
    joined = np.concatenate([np.ravel(np.asarray(value, float)) for value in values])
    joined = joined[np.isfinite(joined) & (joined > 0)]
    if not joined.size:
        return float("nan"), float("nan")
    return float(joined.min() / pad), float(joined.max() * pad)

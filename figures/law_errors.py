"""Where is an approximate law near enough? Its error over batch size, correlation and spread.

One panel per approximation: batch size to the right, upwards the spread of |μ_i/σ_i| (for laws of
independent noise) or the noise's correlation (for the others, at one spread).
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import empty, log_axis, panels
from figures.entry import Entry

COLUMNS = 3
SPREAD = 1.0  # at which correlation is shown, or the nearest that there is
LEVELS = {0.01: ":", 0.1: "--", 1.0: "-"}  # |ln(law/exact)| of 1 %, 10 %, and a factor of two
MOST = np.log(4)
COLOURS = LinearSegmentedColormap.from_list("error", [style.LAW, "#f5f5f2", style.MEASURED])


def contours() -> list[float]:
    """The errors that are drawn, as |ln(law/exact)|."""
    return [float(np.log1p(level)) for level in LEVELS]


def draw(dataset: xr.Dataset) -> Figure:
    """Heat maps of ln(approximate/exact) with lines at 1 %, 10 % and a factor of two."""
    names = [str(name) for name in dataset["approximation"].values]
    if dataset.sizes["batch"] < 2 or not names:
        return empty("a map needs two batch sizes")
    with style.context():
        rows = -(-len(names) // COLUMNS)
        figure, grid = panels(
            *(rows, COLUMNS), width=style.PAGE, height=1.25, margins=(0.5, 0.1, 0.25, 1.2),
            gaps=(0.45, 0.5),
        )  # fmt: skip
        mesh = None
        for place, axes in enumerate(grid.flat):
            if place >= len(names):
                axes.set_axis_off()
                continue
            mesh = _map(axes, dataset.sel(approximation=names[place]))
            axes.set_title(str(dataset["title"].values[place]))
            if place + COLUMNS >= len(names):
                axes.set_xlabel("batch size $B$ (samples)")
        _bar(figure, mesh)
        handles = [
            Line2D([], [], color=style.INK, lw=0.8, ls=dash, label=label)
            for dash, label in zip(LEVELS.values(), ("1 %", "10 %", "factor 2"), strict=True)
        ]
        figure.legend(handles=handles, loc="lower right", ncols=3, bbox_to_anchor=(1, 0))
    return figure


def _slice(part: xr.Dataset) -> tuple[str, np.ndarray, np.ndarray]:
    """What runs upwards, its values, and the ratio (values, batch)."""
    ratio = part["ratio"]
    correlated = np.isfinite(ratio.isel(correlation=-1)).any() and ratio.sizes["correlation"] > 1
    if correlated:
        shown = ratio.sel(spread=SPREAD, method="nearest")
        return "correlation ρ", shown["correlation"].values, shown.values
    shown = ratio.isel(correlation=0)
    return "spread of ln|μ/σ|", shown["spread"].values, shown.values


def _edges(values: np.ndarray) -> np.ndarray:
    """Borders half-way between values; the outer ones as far beyond."""
    if len(values) < 2:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    inner = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - inner[0]], inner, [2 * values[-1] - inner[-1]]])


def _map(axes: Axes, part: xr.Dataset):
    label, values, ratio = _slice(part)
    batch = part["batch"].values.astype(float)
    error = np.log(ratio)
    mesh = axes.pcolormesh(
        np.exp(_edges(np.log(batch))), _edges(values), np.clip(error, -MOST, MOST),
        cmap=COLOURS, norm=Normalize(-MOST, MOST), rasterized=True,
    )  # fmt: skip
    if len(values) > 1:
        for level, dash in zip(contours(), LEVELS.values(), strict=True):
            size = np.abs(error)
            if (size < level).any() and (size > level).any():
                axes.contour(
                    batch, values, size, [level], colors=style.INK, linewidths=0.8, linestyles=dash
                )
    edges = np.exp(_edges(np.log(batch)))
    log_axis(axes, "x", edges[0], edges[-1], most=4)
    axes.set_ylim(*_edges(values)[[0, -1]])
    axes.set_ylabel(label)
    return mesh


def _bar(figure: Figure, mesh) -> None:
    height = figure.get_figheight()
    axes = figure.add_axes((0.5 / style.PAGE, 0.42 / height, 2.6 / style.PAGE, 0.1 / height))
    bar = figure.colorbar(mesh, cax=axes, orientation="horizontal")
    ticks = (0.25, 0.5, 1, 2, 4)
    bar.set_ticks([float(np.log(t)) for t in ticks], labels=[f"{t:g}" for t in ticks])
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    axes.set_title("approximate / exact ε* (beyond: as 4 or ¼)")


def reading(dataset: xr.Dataset) -> str:
    """The worst error of each approximation over the whole grid."""
    parts = []
    for name in dataset["approximation"].values:
        part = dataset.sel(approximation=name)
        ratio = part["ratio"].values[np.isfinite(part["ratio"].values)]
        if not ratio.size:
            continue
        worst = float(np.exp(np.abs(np.log(ratio)).max()))
        size = f"{100 * (worst - 1):.2g} %" if worst < 2 else f"a factor of {worst:.3g}"
        parts.append(f"{part['title'].item()} {size}")
    if not parts:
        return "No approximation was tried."
    return "Largest error over the whole grid: " + "; ".join(parts) + "."


ENTRY = Entry(
    name="law_errors",
    experiment="law_errors",
    title="Approximate laws: where they are near enough",
    caption="ε* of an approximate law over that of the exact one, on d = 32 coordinates, H with 1 "
    "on the diagonal and ½ off it, the root mean square of |μ/σ| being 0.1. Noise is independent "
    "where the spread runs upwards; else it is equicorrelated and the spread is 1. The lines are "
    "errors of 1 %, 10 % and a factor of two.",
    not_claimed="Another Hessian or another scale of |μ/σ| moves the lines: B counts in units of "
    "(σ/μ)².",
    alt="Heat maps, one per approximation, of its error over batch size and spread or "
    "correlation, with contour lines.",
    draw=draw,
    reading=reading,
)

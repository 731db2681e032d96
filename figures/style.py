"""One style for every figure: colours, sizes, fonts and the two ways to show a number.

A law is a line, a measurement a point with a bar of 95 % (mean ± 1.96 standard errors).  Colours
are told apart by the colour-blind and, by their lightness and by marker or dash, on a grey print.
Fonts are those that matplotlib carries, so that bytes do not depend on the machine.
"""

import io
from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

COLUMN, PAGE = 3.4, 7.1  # inches: one column, the width of a page
Z95 = 1.959963984540054  # two-sided 95 %

INK, GREY, FAINT = "#1a1a1a", "#767676", "#c9c9c9"
LAW = "#00468b"
MEASURED = "#d1492e"
INDEPENDENT = "#767676"
GAUSSIAN = "#2ea582"
SEARCH = "#8a5ba6"
BAND = "#e9edf2"

# one per problem or network: colour and marker together
SERIES = (
    ("#00468b", "o"),
    ("#d1492e", "s"),
    ("#1b8a6b", "^"),
    ("#c98a00", "D"),
    ("#8a5ba6", "v"),
    ("#4aa3df", "P"),
    ("#7a3b1d", "X"),
    ("#5c5c5c", "<"),
    ("#b5327a", ">"),
)

FAMILIES = {
    "serif": {"font.family": ["STIXGeneral"], "mathtext.fontset": "stix"},
    "sans": {"font.family": ["DejaVu Sans"], "mathtext.fontset": "dejavusans"},
}
SETTINGS: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 2.0,
    "legend.columnspacing": 1.6,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 4.0,
    "axes.labelpad": 2.5,
    "axes.unicode_minus": True,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.4,
    "ytick.minor.size": 1.4,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.2,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.hashsalt": "surge",
    "text.usetex": False,
    "path.simplify": True,
}


def context(family: Literal["serif", "sans"] = "serif") -> AbstractContextManager[None]:
    """The style, for the length of a `with` block; the reader's own settings play no part."""
    settings: Any = {**mpl.rcParamsDefault, **SETTINGS, **FAMILIES[family], "backend": "agg"}
    return mpl.rc_context(settings)


def render(figure: Figure, kind: Literal["pdf", "png"]) -> bytes:
    """The figure's file, the same bytes for the same figure: no date, no name of a machine."""
    metadata = {"CreationDate": None, "Producer": None, "Creator": None}
    buffer = io.BytesIO()
    with context():
        figure.savefig(
            buffer,
            format=kind,
            dpi=200,
            metadata=metadata if kind == "pdf" else {"Software": None},
        )
    return buffer.getvalue()


def law(axes: Axes, x, y, **options: Any) -> None:
    """A law: a solid line, above the points' bars and below the points."""
    axes.plot(x, y, **({"color": LAW, "zorder": 2.2, "label": "law"} | options))


def measured(axes: Axes, x, mean, sem, **options: Any) -> ErrorbarContainer:
    """Measurements: points with bars of 95 %."""
    return interval(axes, x, mean, Z95 * sem, **options)


def interval(axes: Axes, x, value, half, **options: Any) -> ErrorbarContainer:
    """Points with bars: `half` is their half-width, or a pair (below, above)."""
    chosen: dict[str, Any] = {
        "fmt": "o",
        "color": MEASURED,
        "markeredgecolor": "white",
        "markeredgewidth": 0.35,
        "elinewidth": 0.9,
        "capsize": 1.6,
        "capthick": 0.9,
        "zorder": 3,
    } | options
    return axes.errorbar(x, value, yerr=half, **chosen)

"""Is the agreement real, and how fine? What is left of measurement minus law, twice.

Left in standard errors, where a wrong law would leave the band; right in per cent of the law,
where the bars show the smallest error that could have been seen.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.special import ndtri

from figures import quadratics, style
from figures.axes import empty, log_axis, panels
from figures.entry import Entry

FAMILY_WISE = 1e-4  # false alarms of all points together
ROUNDING = 1e-5  # of the law: sums in float32
RULES = {"sign": (style.MEASURED, "o", 1 / 1.12), "sgd": (style.LAW, "s", 1.12)}
LABELS = {"sign": "sign descent", "sgd": "SGD"}


def standardised(part: xr.Dataset) -> np.ndarray:
    """(measured − law)/sem with the rounding of float32 sums, 1e-5 of the law, taken off."""
    law, sem = part["lr_star_law"].values, part["lr_star_sem"].values
    gap = part["lr_star_mean"].values - law
    beyond = np.sign(gap) * np.maximum(np.abs(gap) - ROUNDING * np.abs(law), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(beyond == 0, 0.0, beyond / sem)


def critical(dataset: xr.Dataset) -> float:
    """|z| that all points together exceed by chance with probability 1e-4 (Bonferroni)."""
    count = dataset["lr_star_mean"].size
    return float(-ndtri(FAMILY_WISE / (2 * max(count, 1))))


def draw(dataset: xr.Dataset) -> Figure:
    """One row per problem: standardised residuals, and relative deviations with their bars."""
    names = quadratics.names(dataset)
    rules = [rule for rule in RULES if quadratics.has(dataset, rule)]
    if not names or not rules:
        return empty("neither sign descent nor SGD was run")
    with style.context():
        figure, grid = panels(
            len(names),
            2,
            width=style.PAGE,
            height=0.52,
            margins=(1.45, 0.1, 0.25, 0.85),
            gaps=(0.55, 0.1),
        )
        edge, widest = critical(dataset), _widest(dataset, rules)
        for row, name in enumerate(names):
            for axes in grid[row]:
                _axis(axes, dataset, last=row == len(names) - 1)
            left, right = grid[row]
            _lines(left, edge)
            right.axhline(0, color=style.INK, lw=0.6)
            right.set_ylim(-1.15 * widest, 1.15 * widest)
            step = 0.5 if widest < 1.2 else float(f"{0.5 * widest:.0e}")
            right.set_yticks([-step, 0, step])
            for rule in rules:
                _points(left, right, dataset.sel(problem=name, rule=rule), rule)
            label = quadratics.title(name)
            left.text(-0.13, 0.5, label, transform=left.transAxes, ha="right", va="center")
        grid[0, 0].set_title("(measured − law) / standard error")
        grid[0, 1].set_title("(measured − law) / law, in %")
        for axes in grid[-1]:
            axes.set_xlabel("batch size $B$ (samples)")
        _legend(figure, rules, edge)
    return figure


def _axis(axes: Axes, dataset: xr.Dataset, *, last: bool) -> None:
    batch = dataset["batch"].values
    log_axis(axes, "x", batch[0] / 1.6, batch[-1] * 1.6)
    axes.tick_params(axis="x", which="both", labelbottom=last, bottom=last)
    axes.spines["bottom"].set_visible(last)


def _lines(axes: Axes, edge: float) -> None:
    axes.axhspan(-style.Z95, style.Z95, color=style.BAND, lw=0, zorder=0)
    axes.axhline(0, color=style.INK, lw=0.6)
    for z in (-edge, edge):
        axes.axhline(z, color=style.INK, lw=0.8, ls=(0, (4, 2)))
    axes.set_ylim(-1.35 * edge, 1.35 * edge)
    axes.set_yticks([-4, 0, 4])


def _points(left: Axes, right: Axes, part: xr.Dataset, rule: str) -> None:
    colour, marker, shift = RULES[rule]
    batch = part["batch"].values * shift
    law, mean, sem = (part[f"lr_star_{kind}"].values for kind in ("law", "mean", "sem"))
    shown = np.clip(standardised(part), *left.get_ylim())
    left.plot(
        *(batch, shown, marker), color=colour, mec="white", mew=0.3, markersize=3.2, clip_on=False
    )
    style.interval(
        *(right, batch, 100 * (mean / law - 1), 100 * style.Z95 * sem / np.abs(law)),
        fmt=marker,
        color=colour,
        markersize=2.6,
        elinewidth=0.7,
        capsize=0,
    )


def _widest(dataset: xr.Dataset, rules: list[str]) -> float:
    part = dataset.sel(rule=rules)
    law, mean, sem = (part[f"lr_star_{kind}"].values for kind in ("law", "mean", "sem"))
    reach = 100 * (np.abs(mean / law - 1) + style.Z95 * sem / np.abs(law))
    return float(np.nanmax(reach)) if np.isfinite(reach).any() else 1.0


def _legend(figure: Figure, rules: list[str], edge: float) -> None:
    handles: list = [
        Line2D(
            [], [], color=RULES[r][0], marker=RULES[r][1], ls="none", mec="white", label=LABELS[r]
        )
        for r in rules
    ]
    handles.append(Patch(color=style.BAND, label="where 95 % should lie"))
    words = f"critical |z| = {edge:.2f}: by chance beyond in one figure in 10 000"
    handles.append(Line2D([], [], color=style.INK, lw=0.8, ls=(0, (4, 2)), label=words))
    figure.legend(handles=handles, loc="lower center", ncols=2)


def reading(dataset: xr.Dataset) -> str:
    """Share of points inside 95 %, the largest |z|, and the resolution."""
    shown = dataset.sel(rule=[rule for rule in RULES if quadratics.has(dataset, rule)])
    z = np.abs(standardised(shown))
    z = z[np.isfinite(z)]
    relative = 100 * style.Z95 * (shown["lr_star_sem"] / np.abs(shown["lr_star_law"])).values
    if not z.size:
        return "No point was measured."
    return (
        f"{100 * (z <= style.Z95).mean():.1f} % of {z.size} points lie within 1.96 standard errors "
        f"of the law; the largest |z| is {z.max():.2f}, against {critical(dataset):.2f}. Bars are "
        f"at most ±{np.nanmax(relative):.2f} %, half of them below ±{np.nanmedian(relative):.2f} %."
    )


ENTRY = Entry(
    name="residuals",
    experiment="onestep_quadratic",
    title="What is left of measurement minus law",
    caption="Each point is one batch size on one problem. Left: the residual in standard errors, "
    "less the rounding of float32 sums (1e-5 of the law, which is all that is left at the largest "
    "batches). Right: the same in per cent of the law, with bars of 95 %.",
    not_claimed="An error smaller than the bars on the right would not have been seen.",
    alt="Rows of points scattered about zero, per problem: left in standard errors inside a band "
    "of critical values, right in per cent of the law.",
    draw=draw,
    reading=reading,
)

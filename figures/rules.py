"""Every update rule: its law against Monte Carlo on problems drawn at random, a panel per rule.

Three problems in each, over the law's value at the largest batch: independent noise, noise shaped
like the Hessian, and noise of low rank.  Dashed: the law that takes the noise as independent.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.entry import Entry

SHOWN = {
    "dense_independent": ("independent noise, dense H", *style.SERIES[0]),
    "dense_shaped": ("noise shaped like H, dense H", *style.SERIES[1]),
    "low_rank_low_rank": ("low-rank noise and H", *style.SERIES[2]),
}
COLUMNS = 4
COARSE = "one_ratio"  # measured to see a surge, not to compare
LIMIT = 1.2  # per cent: half the height of the panel of residuals
ROUNDING = 2e-5  # of the law: averages in float32
TITLES = {
    "sgd": "SGD",
    "sign": "sign descent",
    "soft_sign": "soft sign",
    "normalised_sgd": "normalised SGD",
    "rmsprop": "RMSProp",
}


def title(case: str) -> str:
    """`adam(0.9,0.95)` as Adam (0.9, 0.95)."""
    rule, bracket, values = case.partition("(")
    words = TITLES.get(rule, rule.replace("_", " ").capitalize())
    return f"{words} ({values.replace(',', ', ')}" if bracket else words


def names(dataset: xr.Dataset) -> list[str]:
    """The cases of which something was measured."""
    means = dataset["lr_star_mean"].transpose("case", "problem", "batch").values
    return [
        str(case)
        for case, part in zip(dataset["case"].values, means, strict=True)
        if np.isfinite(part).any()
    ]


def draw(dataset: xr.Dataset) -> Figure:
    """ε*(B) over its last value, a panel per rule, and below all that is left of the laws."""
    cases = names(dataset)
    if not cases:
        return empty("no rule was measured")
    with style.context():
        rows, last = -(-len(cases) // COLUMNS), 1.35
        figure, grid = panels(
            rows,
            COLUMNS,
            width=style.PAGE,
            height=1.2,
            margins=(0.5, 0.1, 0.25, 0.95 + last + 0.75),
            gaps=(0.38, 0.45),
        )
        limits = _limits(dataset, cases)
        for place, axes in enumerate(grid.flat):
            if place >= len(cases):
                axes.set_axis_off()
                continue
            _panel(axes, dataset.sel(case=cases[place]))
            axes.set_title(title(cases[place]))
            log_axis(axes, "y", *limits, most=4)
            if place % COLUMNS == 0:
                axes.set_ylabel("ε* / its last")
            if place + COLUMNS >= len(cases):
                axes.set_xlabel("batch size $B$")
        height = figure.get_figheight()
        wide = (style.PAGE - 0.6) / style.PAGE
        bottom = figure.add_axes((0.5 / style.PAGE, 1.15 / height, wide, last / height))
        _residuals(bottom, dataset, cases)
        _legend(figure)
    return figure


def _parts(part: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """The problems of a panel that were measured, each at its batch sizes."""
    for problem in SHOWN:
        if problem in part["problem"].values:
            d = part.sel(problem=problem)
            known = np.flatnonzero(np.isfinite(d["lr_star_mean"].values))
            if known.size:
                yield problem, d.isel(batch=known)


def _curves(d: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Batch sizes, law and independent law: on the fine grid, or where it was compared."""
    if np.isfinite(d["lr_star_fine"].values).all():
        fine = ("batch_fine", "lr_star_fine", "lr_star_independent_fine")
        return tuple(d[name].values for name in fine)  # type: ignore[return-value]
    law = d["lr_star_law"].values
    other = d["lr_star_control"].sel(control="independence").values
    return d["batch"].values, law, np.where(np.isfinite(other), other, law)


def _limits(dataset: xr.Dataset, cases: list[str]) -> tuple[float, float]:
    """One vertical axis for all panels."""
    values = [np.ones(1)]
    for case in cases:
        for _, d in _parts(dataset.sel(case=case)):
            _, law, independent = _curves(d)
            values += [law / law[-1], independent / law[-1]]
    return around(*values, pad=1.25)


def _panel(axes: Axes, part: xr.Dataset) -> None:
    for problem, d in _parts(part):
        _, colour, marker = SHOWN[problem]
        batch, law, independent = _curves(d)
        scale = law[-1]
        style.law(axes, batch, law / scale, color=colour, lw=1.0)
        if (np.abs(independent / law - 1) > 1e-6).any():
            axes.plot(batch, independent / scale, color=colour, lw=0.9, dashes=(3.2, 1.6))
        style.measured(
            *(axes, d["batch"].values, d["lr_star_mean"] / scale, d["lr_star_sem"] / scale),
            fmt=marker,
            color=colour,
            capsize=0,
        )
    batch = part["batch"].values
    log_axis(axes, "x", batch[0] / 1.8, batch[-1] * 1.8, most=4)


def _relative(dataset: xr.Dataset, case: str) -> tuple[np.ndarray, np.ndarray]:
    """100 (measured/law − 1) of ε* on all problems, and half the 95 % bars."""
    d = dataset.sel(case=case, problem=dataset["problem"] != COARSE)
    law = d["lr_star_law"].values
    error = np.sqrt((d["lr_star_sem"].values / law) ** 2 + d["law_sem"].values ** 2 + ROUNDING**2)
    gap = d["lr_star_mean"].values / law - 1
    known = np.isfinite(gap)
    return 100 * gap[known], 100 * style.Z95 * error[known]


def _residuals(axes: Axes, dataset: xr.Dataset, cases: list[str]) -> None:
    axes.axhspan(-1, 1, color=style.BAND, lw=0, zorder=0)
    axes.axhline(0, color=style.INK, lw=0.6)
    for place, case in enumerate(cases):
        gap, half = _relative(dataset, case)
        x = place + np.linspace(-0.36, 0.36, gap.size)
        style.interval(
            *(axes, x, np.clip(gap, -LIMIT, LIMIT), half),
            color=style.MEASURED,
            markersize=1.6,
            markeredgewidth=0.0,
            elinewidth=0.4,
            capsize=0,
        )
    axes.set_xlim(-0.6, len(cases) - 0.4)
    axes.set_ylim(-LIMIT, LIMIT)
    axes.set_xticks(range(len(cases)), [title(c) for c in cases], rotation=28, ha="right")
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("measured / law − 1, %")
    axes.set_title("what is left: every problem and batch size, smallest batch of a problem first")


def _legend(figure: Figure) -> None:
    point: dict[str, Any] = {"markeredgecolor": "white", "markersize": 4}
    handles: list[Any] = [
        Line2D([], [], color=colour, marker=marker, label=words, **point)
        for words, colour, marker in SHOWN.values()
    ]
    handles.append(
        Line2D([], [], color=style.INK, lw=0.9, dashes=(3.2, 1.6), label="law, noise independent")
    )
    handles.append(Patch(color=style.BAND, label="± 1 %"))
    figure.legend(handles=handles, loc="lower center", ncols=3)


def reading(dataset: xr.Dataset) -> str:
    """How near the laws are, and over how many comparisons."""
    gaps = [_relative(dataset, case) for case in names(dataset)]
    if not any(gap.size for gap, _ in gaps):
        return "Nothing was measured."
    gap, half = (np.concatenate(part) for part in zip(*gaps, strict=True))
    inside = 100 * (np.abs(gap) <= half).mean()
    return (
        f"{gap.size} comparisons of ε* over {len(gaps)} rules and parameters: the largest "
        f"difference from the law is {np.abs(gap).max():.2f} %, half of them are below "
        f"{np.median(np.abs(gap)):.1g} %; {inside:.0f} % of the 95 % bars cover the law."
    )


ENTRY = Entry(
    name="rules",
    experiment="onestep_rules",
    title="One step of every update rule: the law against Monte Carlo",
    caption="ε* over the law's value at the largest batch, on three of the problems drawn at "
    "random. Lines are laws, points Monte Carlo with bars of 95 %. Dashed: the same law with the "
    "noise's correlation left out. Below: the difference on all problems; the largest batches, "
    "where nothing varies, have no visible bars (an average in float32 is right to 2e-5).",
    not_claimed="One step at a frozen gradient, Gaussian noise: nothing about whole runs. Rules "
    "with memory are stationary (Adagrad: at the step in brackets).",
    alt="Small multiples, one per update rule: points lie on curves of learning rate against "
    "batch size; dashed curves, which ignore correlation, lie well above at small batches.",
    draw=draw,
    reading=reading,
)

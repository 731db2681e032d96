"""ε*(B) of the seed paper's CNN in four senses, by rule and loss: what is left of a peak when the
history of a run is taken away, K steps become one, and the law is given the noise it needs."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.axes import around, empty, log_axis, panels
from figures.cnn import EXPERIMENT, RULES, SENSES, TARGETS, bars, ends, reduction, rules
from figures.entry import Entry

ASIDE = 1.2  # factor in B between the points of two losses, which would hide each other


def draw(dataset: xr.Dataset) -> Figure:
    """A row per rule, a column per sense."""
    rows = rules(dataset)
    if not rows or not np.isfinite(dataset["lr_hat"]).any():
        return empty("no best learning rate was found")
    with style.context():
        figure, grid = panels(
            len(rows), len(SENSES), width=style.PAGE, height=1.6,
            margins=(0.62, 0.1, 0.28, 0.95), gaps=(0.14, 0.32),
        )  # fmt: skip
        for axes in grid.flat:
            axes.set_axis_off()
        for row, rule in zip(grid, rows, strict=True):
            part = dataset.sel(rule=rule)
            limits = _range(part, rule)
            for axes, sense in zip(row, SENSES, strict=True):
                if sense in dataset["sense"].values and (sense, rule) != ("one_step", "adam"):
                    axes.set_axis_on()
                    _panel(axes, part.sel(sense=sense), sense, limits)
            row[0].set_ylabel(f"{RULES[rule]}: ε*")
            row[0].tick_params(axis="y", which="both", labelleft=True)
        for axes, words in zip(grid[0], SENSES.values(), strict=True):
            axes.set_title(words)
        last = grid[-1, -1] if "sign" in rows else grid[0, -1]
        if len(rows) > 1:
            grid[0, -1].set_title("")
            last.set_title(SENSES["one_step"])
        for axes in grid[-1]:
            axes.set_xlabel("batch size $B$")
        _legend(figure, dataset)
    return figure


def _range(part: xr.Dataset, rule: str) -> tuple[float, float]:
    laws = [part[name] for name in ("lr_independent", "lr_gaussian")] if rule == "sign" else []
    return around(part["lr_hat"], part["lr_end"], *laws, pad=1.6)


def _panel(axes: Axes, part: xr.Dataset, sense: str, limits: tuple[float, float]) -> None:
    targets = part["target"].values
    for place, (colour, marker) in enumerate(TARGETS[: len(targets)]):
        one = part.isel(target=place)
        if sense == "one_step":
            wide = one["law_batch"].values
            law, half = one["lr_gaussian"].values, style.Z95 * one["lr_gaussian_sem"].values
            lowest = np.maximum(law - half, limits[0])
            axes.fill_between(wide, lowest, law + half, color=colour, alpha=0.2, lw=0)
            style.law(axes, wide, law, color=colour, lw=1.1)
            style.law(axes, wide, one["lr_independent"].values, color=colour, lw=0.7, alpha=0.55)
        factor = ASIDE ** (place - (len(targets) - 1) / 2) if sense != "one_step" else 1.0
        aside = one.assign_coords(batch=one["batch"] * factor)
        lr, below, above = bars(aside)
        there = np.isfinite(lr)
        style.interval(
            axes, aside["batch"].values[there], lr[there], [below[there], above[there]],
            color=colour, fmt=marker, markersize=3.8,
        )  # fmt: skip
        ends(axes, aside, ms=4.5, mec=colour, ls="")
    batch = part["law_batch" if sense == "one_step" else "batch"].values
    log_axis(axes, "x", *around(batch, pad=1.7), most=4)
    log_axis(axes, "y", *limits, most=5)
    axes.tick_params(axis="y", which="both", labelleft=False)


def _legend(figure: Figure, dataset: xr.Dataset) -> None:
    point = {"mec": "white", "mew": 0.35, "ls": "", "ms": 4.5}
    handles = [
        Line2D([], [], color=colour, marker=marker, **point, label=f"loss {target:g}")
        for target, (colour, marker) in zip(dataset["target"].values, TARGETS, strict=False)
    ]
    mark = {"color": style.GREY, "ls": "", "ms": 4.5, "mfc": "white"}
    handles += [
        Line2D([], [], marker="^", **mark, label="beyond this end of the grid"),
        Line2D([], [], color=style.GREY, lw=1.1, label="Gaussian, the network's covariance"),
        Line2D([], [], color=style.GREY, lw=0.7, alpha=0.55, label="independent coordinates"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=3)


def falls(part: xr.Dataset) -> tuple[bool, float]:
    """Of one curve: whether ε* has a fall beyond chance (95 %) from its largest value to the
    largest batch, and by what share; the largest of noisy values is taken, which overstates it.
    No fall is seen where a later optimum lies beyond the grid."""
    lr, sem = part["lr_hat"].values, part["log_lr_sem"].values
    known = np.flatnonzero(np.isfinite(lr))
    if not known.size:
        return False, 0.0
    top, last = known[lr[known].argmax()], known[-1]
    if np.isfinite(part["lr_end"].values[top:]).any():
        return False, 0.0
    drop = float(np.log(lr[top] / lr[last]))
    return bool(drop > style.Z95 * np.hypot(sem[top], sem[last])), -float(np.expm1(-drop))


def reading(dataset: xr.Dataset) -> str:
    """Per sense: in how many curves ε* falls after its largest value."""
    words, beyond = [], int(np.isfinite(dataset["lr_end"]).sum())
    broad = int((dataset["broad"] == 1).sum())
    for sense in (name for name in SENSES if name in dataset["sense"].values):
        parts = [
            dataset.sel(rule=rule, sense=sense).isel(target=place)
            for rule in rules(dataset)
            for place in range(dataset.sizes["target"])
        ]
        found = [falls(one) for one in parts if np.isfinite(one["lr_hat"]).sum() > 1]
        shares = [share for really, share in found if really]
        if found:
            most = f", by at most {100 * max(shares):.0f} %" if shares else ""
            words.append(f"{SENSES[sense]}: at {len(shares)} of {len(found)}{most}")
    if not words:
        return "No curve has two optima."
    return (
        "Beyond chance, ε* falls from its largest value to the largest batch, by rule and loss; "
        f"{'; '.join(words)}. {beyond} optima lie "
        f"beyond the grid, {broad} are too broad to be told."
    )


def story(dataset: xr.Dataset) -> str:
    """The reading, and what was run."""
    return f"{reading(dataset)} {reduction(dataset)}"


ENTRY = Entry(
    name="cnn_optima",
    experiment=EXPERIMENT,
    title="The best learning rate of the CNN in four senses",
    caption="ε*(B) by rule (rows) and training loss (colours), with bars of 95 %: Student's t over "
    "rounds, or over seeds of K steps; for one step, over its draws. The paper's protocol: largest "
    "decrease over K further steps after a run of the same (ε, B). Fewest steps: to that loss. "
    "K steps, and one step: from one checkpoint, the same for all rates; one step to second order, "
    "of sign descent, which Adam's first step without memory is, with the law of a Gaussian of the "
    "network's covariance (strong; Monte-Carlo error shaded) and that of independent coordinates "
    "(faint). Open triangles: the best rate is that end of the grid. Missing points: none, or "
    "a standard error of ln ε* above ½ (before Student's t widens it). Where no law is shown, the "
    "points of several losses stand side by side.",
    not_claimed="A checkpoint is one point of one run, and rules start there anew; a batch "
    "size where every rate fails has no point at all.",
    alt="Seven panels of best learning rate against batch size on logarithmic axes, coloured by "
    "loss; open triangles at an end of the grid; in the last panel two families of lines.",
    draw=draw,
    reading=story,
)

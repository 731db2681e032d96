"""Rival laws against every measured ε*(B) of the seed paper's CNN: which describe it, which do not.

A law is excluded on a curve if its ΔAICc is above 10, or if at some batch size it misses ε* by more
than the band even at the nearer end of the 95 % interval of ε*.  With too few points for the
criterion the misfit alone decides.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import style
from figures.axes import empty, panels
from figures.cnn import EXPERIMENT, RULES, reduction
from figures.entry import Entry
from theory.rivals import RIVALS

LIMIT = 10.0  # of ΔAICc
SHORT = {"further": "paper's", "target": "to loss", "fixed": "K steps", "one_step": "one step"}
COLOURS = LinearSegmentedColormap.from_list("misfit", ["#eef4f9", "#9fbfdc", "#d9a28f", "#b5533c"])
LEAST, MOST = 0.03, 3.0  # misfits at the ends of the colours
DARK = 0.9  # misfit from which numbers are white
GREYED = "#5a5a5a"


class Verdicts(NamedTuple):
    """By law and curve, (l, c): ΔAICc, the largest misfit, and whether the law is excluded."""

    laws: list[str]
    curves: list[str]
    delta: np.ndarray
    worst: np.ndarray
    excluded: np.ndarray


def verdicts(dataset: xr.Dataset) -> Verdicts | None:
    """Of all fits; none without a curve that was fitted."""
    if "fit_worst" not in dataset or not np.isfinite(dataset["fit_worst"]).any():
        return None
    fitted = dataset["law"].values.tolist()
    laws = [name for name in RIVALS if name in fitted]
    part = dataset.sel(law=laws)
    delta, worst = (
        part[f"fit_{name}"].transpose("law", "curve").values for name in ("delta_aicc", "worst")
    )
    known = np.isfinite(delta)
    with np.errstate(invalid="ignore"):
        excluded = (known & (delta > LIMIT)) | ~(_surely(part) <= part["fit_band"].values)
    return Verdicts(laws, [str(c) for c in part["curve"].values], delta, worst, excluded)


def _surely(part: xr.Dataset) -> np.ndarray:
    """The largest misfit (l, c) over batch sizes, each less the half-width of its interval."""
    ratio = part["fit_lr_star_fit"] / part["fit_lr_star_mean"]
    half = style.Z95 * ratio * part["fit_lr_star_sem"] / part["fit_lr_star_mean"]
    return (abs(ratio - 1) - half).max("fit_batch").transpose("law", "curve").values


def draw(dataset: xr.Dataset) -> Figure:
    """A row per law, a column per curve: colour, the largest misfit; number, ΔAICc."""
    found = verdicts(dataset)
    if found is None:
        return empty("no ε*(B) has the four optima that a fit needs")
    with style.context():
        count = len(found.curves)
        column = min(0.4, (style.PAGE - 1.75) / count)
        width = max(style.COLUMN + 1.6, 1.75 + count * column)
        figure, grid = panels(
            1, 1, width=width, height=0.2 * len(found.laws), margins=(1.6, 0.15, 0.45, 1.1)
        )
        _cells(grid[0, 0], found, 6.0 if column > 0.28 else 5.2)
        _names(grid[0, 0], dataset, found)
        _bar(figure, dataset)
    return figure


def _cells(axes: Axes, found: Verdicts, size: float) -> None:
    colours = COLOURS.with_extremes(bad="#a9a9a9")
    rows, columns = found.worst.shape
    axes.imshow(
        np.ma.masked_invalid(np.maximum(found.worst, LEAST)),
        cmap=colours,
        norm=LogNorm(LEAST, MOST),
        aspect="auto",
    )
    for row in range(rows):
        for column in range(columns):
            out, dark = found.excluded[row, column], found.worst[row, column] > DARK
            axes.text(
                column, row, _number(found.delta[row, column]), ha="center", va="center",
                fontsize=size, color="white" if dark else GREYED if out else style.INK,
                weight="normal" if out else "bold",
            )  # fmt: skip
            if not out:
                axes.add_patch(Rectangle((column - 0.42, row - 0.42), 0.84, 0.84, fill=False,
                                         ec=style.INK, lw=0.8))  # fmt: skip


def _number(delta: float) -> str:
    """ΔAICc in three characters."""
    if not np.isfinite(delta):
        return "–"
    return f"{delta:.0f}" if delta < 999.5 else ">1k"


def _names(axes: Axes, dataset: xr.Dataset, found: Verdicts) -> None:
    axes.set_yticks(range(len(found.laws)), [RIVALS[name].words for name in found.laws])
    losses = [f"{float(loss):g}" for loss in dataset["fit_loss"].values]
    axes.set_xticks(range(len(losses)), losses, rotation=90 if len(losses) > 12 else 0)
    axes.tick_params(length=0)
    axes.set_xlabel("training loss (nats)")
    for side in axes.spines.values():
        side.set_visible(False)
    groups = [
        (str(rule), str(sense))
        for rule, sense in zip(
            dataset["fit_rule"].values, dataset["fit_problem"].values, strict=True
        )
    ]
    starts = [k for k, group in enumerate(groups) if k == 0 or group != groups[k - 1]]
    for start, end in zip(starts, [*starts[1:], len(groups)], strict=True):
        rule, sense = groups[start]
        words = f"{RULES[rule].split()[0]}:\n{SHORT[sense]}"
        axes.text((start + end - 1) / 2, -0.75, words, ha="center", va="bottom", fontsize=7)
        if start:
            axes.axvline(start - 0.5, color="white", lw=2.5)


def _bar(figure: Figure, dataset: xr.Dataset) -> None:
    width, height = figure.get_size_inches()
    bar = figure.add_axes((1.6 / width, 0.38 / height, 1.5 / width, 0.09 / height))
    scale = ScalarMappable(norm=LogNorm(LEAST, MOST), cmap=COLOURS)
    figure.colorbar(scale, cax=bar, orientation="horizontal")
    bar.minorticks_off()
    bar.set_xticks([0.03, 0.1, 0.3, 1, 3], ["3 %", "10", "30", "100", "300"])
    bar.set_xlabel("largest misfit", labelpad=1)
    band = 100 * float(dataset["fit_band"].max())
    words = f"number: ΔAICc;\nframe: it is at most {LIMIT:.0f}, no\nmisfit surely over {band:.0f} %"
    figure.text((1.6 + 1.75) / width, 0.08 / height, words, fontsize=7.5, va="bottom")


def reading(dataset: xr.Dataset) -> str:
    """Which laws these data exclude, and which they cannot tell apart."""
    found = verdicts(dataset)
    if found is None:
        return f"No curve has the four optima that a fit needs. {reduction(dataset)}"
    return f"{sentence(found)} {reduction(dataset)}"


def sentence(found: Verdicts) -> str:
    """The verdict over all curves."""
    words = [RIVALS[name].words for name in found.laws]
    count = len(found.curves)
    out = [word for word, row in zip(words, found.excluded, strict=True) if row.all()]
    never = [word for word, row in zip(words, found.excluded, strict=True) if not row.any()]
    some = [
        f"{word} (stands on {int((~row).sum())})"
        for word, row in zip(words, found.excluded, strict=True)
        if row.any() and not row.all()
    ]
    return (
        f"Of {len(words)} laws these data exclude on every one of {count} curves: {_list(out)}. "
        f"They exclude on some: {_list(some)}. They exclude on none: {_list(never)}. "
        + _together(~found.excluded, words)
    )


def _together(stands: np.ndarray, words: list[str]) -> str:
    """Which laws stand on the same curves, so that these do not tell them apart."""
    several = int((stands.sum(0) > 1).sum())
    if not several:
        return "On no curve do two laws stand."
    joint = np.triu(stands.astype(int) @ stands.T.astype(int), 1)
    one, other = np.unravel_index(int(joint.argmax()), joint.shape)
    return (
        f"On {several} of {stands.shape[1]} curves they cannot tell apart two laws or more, most "
        f"often “{words[one]}” and “{words[other]}”, on {joint.max()}."
    )


def _list(words: list[str]) -> str:
    return "; ".join(words) or "none"


ENTRY = Entry(
    name="cnn_laws",
    experiment=EXPERIMENT,
    title="Which laws describe the CNN's ε*(B)",
    caption="Every rival law fitted to every ε*(B) with four optima or more, by rule, sense and "
    "loss. Colour: largest misfit at any batch size; number: ΔAICc above the best law of the curve "
    "(a dash: too few points for it). A framed law is not excluded on the curve; the others are, "
    "by ΔAICc above 10 or by an ε* that they miss by more than the band even at the nearer end of "
    "its 95 % interval.",
    not_claimed="ΔAICc takes standard errors over few rounds, though widened by Student's t, as "
    "exact and optima as independent, so that it may exclude too easily; several laws that stand "
    "are no evidence for any of them.",
    alt="A table of coloured cells, laws by curves, with numbers; a few cells are framed.",
    draw=draw,
    reading=reading,
)

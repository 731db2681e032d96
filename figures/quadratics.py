"""The datasets of one-step experiments on quadratics, one problem and one rule at a time.

Everything is chosen by label, never by place; a problem or rule that was not run is not there.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from figures.style import SERIES

TITLES = {
    "diagonal": "diagonal H",
    "rank_one": "rank one + diagonal",
    "power_law": "power law, rotated",
    "wishart": "Wishart, d = 4096",
    "negative_s": "S < 0",
    "negative_s_surge": "S < 0, yet a surge",
    "hessian_noise": "noise ∝ H",
    "equicorrelated": "equicorrelated noise",
    "silent": "half without gradient",
}


def title(problem: str) -> str:
    """What a panel is called."""
    return TITLES.get(problem, problem.replace("_", " "))


def series(problem: str) -> tuple[str, str]:
    """Colour and marker of a problem, the same in every figure."""
    place = list(TITLES).index(problem) if problem in TITLES else len(problem)
    return SERIES[place % len(SERIES)]


def handle(problem: str, **options: Any) -> Line2D:
    """A problem's line in a legend."""
    colour, marker = series(problem)
    chosen: dict[str, Any] = {
        "color": colour,
        "marker": marker,
        "linestyle": "none",
        "markersize": 4,
    } | options
    return Line2D([], [], label=title(problem), **chosen)


def names(dataset: xr.Dataset) -> list[str]:
    """The problems that were run, those known in the order of `TITLES`."""
    present = [str(name) for name in dataset["problem"].values]
    known = [name for name in TITLES if name in present]
    return known + [name for name in present if name not in TITLES]


def has(dataset: xr.Dataset, rule: str) -> bool:
    """Whether the rule was run."""
    return rule in [str(name) for name in dataset["rule"].values]


def each(dataset: xr.Dataset, rule: str = "sign") -> Iterator[tuple[str, xr.Dataset]]:
    """(name, its part of the dataset) of every problem, for one rule."""
    if has(dataset, rule):
        for name in names(dataset):
            yield name, dataset.sel(problem=name, rule=rule)


def scalar(part: xr.Dataset, name: str) -> float:
    """A number of a problem; NaN where the dataset has none."""
    return float(part[name]) if name in part else float("nan")


def correlated(part: xr.Dataset) -> bool:
    """Whether the noise is correlated: then the independent law is another curve."""
    law, independent = part["lr_star_fine"].values, part["lr_star_independent_fine"].values
    return bool((np.abs(law - independent) > 1e-9 * np.abs(law)).any())

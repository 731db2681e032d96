"""Choosing a shape, and intervals that cover: both with one cell left out, and one more within.

`chosen` takes the shape with the smallest root mean square regret over points whose cell was left
out.  For the cell left out by the row the choice is made without it.  `calibrated` finds how many
deviations the interval must have to cover a nominal share of the other cells' optima, and what
share of the cell's own it then covers (split conformal, which holds for exchangeable cells).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments.steplaw.points import Points, pair_fits, pair_predictions
from experiments.steplaw.shapes import Shape
from experiments.steplaw.slices import regret


class Choice(NamedTuple):
    """`name`: the shape chosen on all cells; `rms` (H,) of every shape, left out; `regrets` (H, P)
    left out; `by_cell` (C,) the shape's index chosen without that cell; `pairs` (H, C, P) ln of
    the optimum without the row's cell and the point's; `fits`: name → (C, C, p)."""

    name: str
    rms: np.ndarray
    regrets: np.ndarray
    by_cell: np.ndarray
    pairs: np.ndarray
    fits: dict[str, np.ndarray]

    def nested(self) -> np.ndarray:
        """(C, P): row c by the shape chosen without cell c."""
        return self.pairs[self.by_cell, np.arange(len(self.by_cell))]


def own(points: Points, table: np.ndarray) -> np.ndarray:
    """Of a table (…, C, P) the entries in which the row's cell is the point's, (…, P)."""
    return table[..., points.cell, np.arange(len(points.cell))]


def choose(points: Points, shapes: Mapping[str, Shape]) -> Choice:
    """The shape with the smallest root mean square regret, leaving one cell out."""
    fits = {name: pair_fits(shape, points) for name, shape in shapes.items()}
    pairs = np.array([pair_predictions(shapes[name], points, fits[name]) for name in shapes])
    lost = regret(points.slices, pairs)
    regrets = own(points, lost)
    others = points.cell != np.arange(points.cells)[:, None]
    inner = np.sqrt((lost**2 * others).sum(-1) / others.sum(-1))
    rms = np.sqrt((regrets**2).mean(-1))
    return Choice(list(shapes)[rms.argmin()], rms, regrets, inner.argmin(0), pairs, fits)


class Calibration(NamedTuple):
    """`centre`, `half` (P,): the interval of each point from the other cells; `factor`: deviations
    of half an interval, from all cells; `scatter`: between cells; `covered`: the share."""

    centre: np.ndarray
    half: np.ndarray
    factor: float
    scatter: float
    covered: float


def calibrate(cell, target, usable, pairs, variance, nominal: float) -> Calibration:
    """cell, target, usable, variance: (P,); pairs: (C, P) predictions without the row's cell and
    the point's; `variance`: of the prediction by resampling and among estimators."""
    cells, rows = len(pairs), np.arange(len(target))
    gap = np.abs(target - pairs)
    fair = usable & (cell != np.arange(cells)[:, None])
    scatter = np.sqrt((gap**2 * fair).sum(-1) / fair.sum(-1))
    deviation = np.sqrt(variance + scatter[:, None] ** 2)
    ratio = np.where(fair, gap / deviation, np.nan)
    factor = np.nanquantile(ratio, nominal, axis=-1, method="higher")
    half = (factor[:, None] * deviation)[cell, rows]
    centre = pairs[cell, rows]
    inside = np.abs(target - centre) <= half
    all_scatter = float(np.sqrt(np.mean((target - centre)[usable] ** 2)))
    final = np.abs(target - centre) / np.sqrt(variance + all_scatter**2)
    return Calibration(
        centre,
        half,
        float(np.quantile(final[usable], nominal, method="higher")),
        all_scatter,
        float(inside[usable].mean()),
    )

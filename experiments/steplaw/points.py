"""Optima along slices or cells, as points to which a law of N, D and B is fitted.

A point weighs the curvature of its curve in percent of the loss, so that least squares of ln lr
make regret small, and not an error of ln lr where the loss is flat.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.steplaw.shapes import POWER, Shape, design, fitted, log_lr, monomials
from experiments.steplaw.slices import optima, regret

BOUND = 0.1  # weight of an optimum at the end of the ladder, which is but a bound
RANGE = (0.2, 6.0)  # percent per (ln lr)²: curvatures beyond count as these
WIDE = (*POWER, "B")  # what the plateau's width goes with
PLATEAU = 0.25  # percent of loss: the paper's threshold, and half the height of the box


class Points(NamedTuple):
    """P optima: N, D, batch, and `cell` (0 … C−1); `target`, ln of the optimum; `weight`; `bound`:
    it is at an end of its ladder; `slices`, whence regrets are read."""

    n: np.ndarray
    d: np.ndarray
    batch: np.ndarray
    cell: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    bound: np.ndarray
    slices: xr.Dataset

    @property
    def cells(self) -> int:
        return int(self.cell.max()) + 1

    def without(self, *cells: np.ndarray) -> np.ndarray:
        """Weights (K, P) with copy k lacking `cells[…][k]`."""
        kept = np.all([self.cell != gone[:, None] for gone in cells], 0)
        return self.weight * kept


def points_of(slices: xr.Dataset) -> Points:
    """The optima of `slices.optima`."""
    _, cell = np.unique(slices["cell"].values, return_inverse=True)
    bound = slices["edge"].values != 0
    weight = np.clip(100 * slices["curvature"].values, *RANGE) * np.where(bound, BOUND, 1.0)
    n, d, batch = (slices[name].values for name in ("N", "D", "batch"))
    target = np.log(slices["lr_star"].values)
    return Points(n, d, batch, cell.ravel(), target, weight, bound, slices)


def valleys(slices: xr.Dataset) -> Points:
    """The best batch of every cell: where the smooth curve along ln B of its slices' lowest losses
    is lowest; `target` is ln B* (tokens)."""
    table = {name: ("run", slices[name].values) for name in ("N", "D", "cell")}
    table["lr"] = ("run", slices["batch"].values)
    table["batch"] = ("run", np.ones(slices.sizes["slice"]))
    table["loss"] = ("run", slices["loss_star"].values)
    return points_of(optima(xr.Dataset(table)))


def pair_fits(shape: Shape, points: Points) -> np.ndarray:
    """Parameters (C, C, p) fitted without the cells of row and column; on the diagonal without
    one."""
    at, cells = design(shape, points.n, points.d, points.batch), points.cells
    start = fitted(at, points.target, points.weight)[0]
    first, second = np.triu_indices(cells)
    found = np.empty((cells, cells, len(start)))
    found[first, second] = fitted(at, points.target, points.without(first, second), start)
    found[second, first] = found[first, second]
    return found


def pair_predictions(shape: Shape, points: Points, fits: np.ndarray) -> np.ndarray:
    """ln of the optimum at every point, (C, P), from the fit that has seen neither the row's cell
    nor the point's."""
    at = design(shape, points.n, points.d, points.batch)
    first, second = np.triu_indices(points.cells)
    which = np.empty((points.cells, points.cells), int)
    which[first, second] = which[second, first] = np.arange(len(first))
    value = log_lr(at, fits[first, second])
    return value[which[:, points.cell], np.arange(len(points.target))]


def widths(points: Points) -> np.ndarray:
    """ln of how far below and above the optimum the loss is `PLATEAU` percent worse, as linear
    functions of the monomials `WIDE`: coefficients (2, 4).  Bounds say nothing here."""
    columns = monomials(WIDE, points.n, points.d, points.batch)[~points.bound]
    gaps, found = np.geomspace(0.05, 4.0, 300), []
    for side in (-1, 1):
        worse = np.array([regret(points.slices, points.target + side * gap) for gap in gaps]).T
        over = worse >= PLATEAU
        reached = np.where(over.any(-1), gaps[over.argmax(-1)], gaps[-1])
        found.append(np.linalg.lstsq(columns, np.log(reached[~points.bound]), rcond=None)[0])
    return np.array(found)


def width_at(coefficients: np.ndarray, n, d, batch) -> np.ndarray:
    """How far in ln below and above the optimum the loss is `PLATEAU` percent worse, (2, P)."""
    return np.exp(coefficients @ monomials(WIDE, n, d, batch).T)


def expected_loss(width: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Percent of loss on average over normal distances in ln from the optimum, (P,): a parabola."""
    return PLATEAU * variance * (width**-2.0).mean(0)

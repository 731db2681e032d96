"""A cell's losses as a grid over ln lr and ln B, and what a rule loses there.

Runs that are missing are filled in along their slice, linearly in ln lr (at its ends by the
neighbour), and are nobody's best.  A rule's point is read off in one of the `READINGS`; a point
beyond the grid is moved to its border, so that its regret is a lower bound.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.interpolate import RectBivariateSpline

READINGS = ("nearest", "bilinear", "bilinear in lr and B", "spline")


class Grid(NamedTuple):
    """`log_lr` (l,), `log_batch` (b,), `log_loss` (b, l) filled, `there` (b, l) before that."""

    log_lr: np.ndarray
    log_batch: np.ndarray
    log_loss: np.ndarray
    there: np.ndarray

    @property
    def best(self) -> float:
        """ln of the least loss of a run."""
        return float(self.log_loss[self.there].min())

    @property
    def best_batch(self) -> float:
        """ln of that run's batch size."""
        lowest = np.where(self.there, self.log_loss, np.inf).min(1)
        return float(self.log_batch[lowest.argmin()])


def grid_of(lr, batch, loss) -> Grid:
    """The grid of runs (n,); of two at one point the later one counts."""
    log_lr, column = np.unique(np.log(lr), return_inverse=True)
    log_batch, row = np.unique(np.log(batch), return_inverse=True)
    table = np.full((len(log_batch), len(log_lr)), np.nan)
    table[row, column] = np.log(loss)
    there = np.isfinite(table)
    filled = [np.interp(log_lr, log_lr[k], line[k]) for line, k in zip(table, there, strict=True)]
    return Grid(log_lr, log_batch, np.array(filled), there)


def grids(runs: xr.Dataset) -> dict[int, Grid]:
    """Every cell's grid."""
    columns = [runs[name].values for name in ("lr", "batch", "loss")]
    cell = runs["cell"].values
    return {int(k): grid_of(*(values[cell == k] for values in columns)) for k in np.unique(cell)}


def outside(grid: Grid, log_lr, log_batch) -> np.ndarray:
    """Whether points lie beyond the grid's border."""
    return np.asarray(
        (log_lr < grid.log_lr[0]) | (log_lr > grid.log_lr[-1])
        | (log_batch < grid.log_batch[0]) | (log_batch > grid.log_batch[-1])
    )  # fmt: skip


def read_off(grid: Grid, log_lr, log_batch, reading: str) -> np.ndarray:
    """ln loss at points of one shape."""
    x, y = np.broadcast_arrays(np.asarray(log_lr, float), np.asarray(log_batch, float))
    x = np.clip(x, grid.log_lr[0], grid.log_lr[-1])
    y = np.clip(y, grid.log_batch[0], grid.log_batch[-1])
    if reading == "nearest":
        i = np.abs(grid.log_batch - y[..., None]).argmin(-1)
        return grid.log_loss[i, np.abs(grid.log_lr - x[..., None]).argmin(-1)]
    if reading == "spline":
        degree = [min(3, len(axis) - 1) for axis in (grid.log_batch, grid.log_lr)]
        found = RectBivariateSpline(
            grid.log_batch, grid.log_lr, grid.log_loss, kx=degree[0], ky=degree[1]
        )
        return found.ev(y, x)
    plain = reading == "bilinear"
    columns, rows = (axis if plain else np.exp(axis) for axis in (grid.log_lr, grid.log_batch))
    table = grid.log_loss if plain else np.exp(grid.log_loss)
    j, s = _between(columns, x if plain else np.exp(x))
    i, t = _between(rows, y if plain else np.exp(y))
    low = (1 - s) * table[i, j] + s * table[i, j + 1]
    high = (1 - s) * table[i + 1, j] + s * table[i + 1, j + 1]
    value = (1 - t) * low + t * high
    return value if plain else np.log(value)


def _between(axis: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The interval of an axis that holds a value, and how far in it lies, from 0 to 1."""
    place = np.clip(np.searchsorted(axis, value, side="right") - 1, 0, len(axis) - 2)
    return place, (value - axis[place]) / (axis[place + 1] - axis[place])

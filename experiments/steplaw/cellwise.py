"""Rival laws fitted to one cell's η*(B) at a time: two or three parameters per cell.

All cells are copies of one fit: on the batch sizes of any cell, with weight 0 where a cell has no
optimum. A law that is not positive everywhere (the lower bound) is so at a disadvantage: it has to
be positive at the smallest batch size of any cell.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments.fit import aicc
from experiments.least_squares import descend, deviance, model_of, start
from theory.rivals import Rival

FEWEST = 5  # optima of a cell: more than any law has parameters by two


class Cellwise(NamedTuple):
    """chi2 (C,), and parameters in logarithms (C, p) by the law's own names."""

    names: tuple[str, ...]
    parameters: np.ndarray
    chi2: np.ndarray


class Table(NamedTuple):
    """Optima of all cells side by side: `batch` (M,), `log_rate` and `weight` (C, M)."""

    batch: np.ndarray
    log_rate: np.ndarray
    weight: np.ndarray
    cell: np.ndarray


def table(*, cell, batch, log_rate, weight) -> Table:
    """Cells with at least FEWEST optima (weight > 0), of slices (n,)."""
    there = weight > 0
    cell, batch, log_rate, weight = (np.asarray(x)[there] for x in (cell, batch, log_rate, weight))
    names, row, count = np.unique(cell, return_inverse=True, return_counts=True)
    grid, column = np.unique(batch, return_inverse=True)
    rates, weights = np.zeros((2, len(names), len(grid)))
    rates[row, column], weights[row, column] = log_rate, weight
    many = count >= FEWEST
    return Table(grid, rates[many], weights[many], names[many])


def fit_cells(rival: Rival, data: Table) -> Cellwise:
    """The best parameters in every cell, from the deepest of several valleys."""
    model = model_of(rival, data.batch)
    starts = start(model, data.log_rate, data.weight)[:4]
    valleys, cells, count = starts.shape
    rates, weights = (np.tile(x, (valleys, 1)) for x in (data.log_rate, data.weight))
    found = descend(model, starts.reshape(-1, count), rates, weights)
    depth = deviance(model, found, rates, weights).reshape(valleys, cells)
    best, rows = depth.argmin(0), np.arange(cells)
    return Cellwise(model.names, found.reshape(starts.shape)[best, rows], depth[best, rows])


def compare(rivals: Mapping[str, Rival], data: Table) -> dict[str, tuple[float, int, float]]:
    """By law: χ² summed over the cells, the number of parameters, and AICc of the whole."""
    points, found = int((data.weight > 0).sum()), {}
    for name, rival in rivals.items():
        fitted = fit_cells(rival, data)
        total, count = float(fitted.chi2.sum()), fitted.parameters.size
        found[name] = total, count, aicc(total, points, count, known=True)
    return found

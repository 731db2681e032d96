"""The paper's estimator of Step Law, for many weighted copies of the runs at once.

Every run within a threshold (0.25 %) of its cell's best is kept; over all kept runs together,
ln lr is regressed on (1, ln N, ln D) and ln B on (1, ln D) by least squares.  Cells with a wide
plateau have more runs and more weight.  Resampling draws kept runs (as the paper does), whole
cells, or all cells of one number of tokens together: runs of one cell share its N and D, and runs
of one D and batch size share the order of their tokens.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

THRESHOLD = 0.0025
SINGULAR = 1e-10  # determinant of a normal matrix with ones on its diagonal
COEFFICIENTS = ("lr_constant", "lr_N", "lr_D", "batch_constant", "batch_D", "batch_N")
RESAMPLINGS = ("points", "cells", "tokens")


class Points(NamedTuple):
    """Optima to be regressed, (n,) each: ln of N, D, lr and B, the cell, and a weight."""

    log_n: np.ndarray
    log_d: np.ndarray
    log_lr: np.ndarray
    log_batch: np.ndarray
    cell: np.ndarray
    weight: np.ndarray


def near_best(runs: xr.Dataset, threshold: float = THRESHOLD) -> Points:
    """The runs with a loss of at most (1 + threshold) times their cell's best."""
    cell, loss = runs["cell"].values, runs["loss"].values
    best = np.full(cell.max() + 1, np.inf)
    np.minimum.at(best, cell, loss)
    kept = loss <= (1 + threshold) * best[cell]
    columns = [np.log(runs[name].values[kept]) for name in ("N", "D", "lr", "batch")]
    return Points._make([*columns, cell[kept], np.ones(kept.sum())])


def by_cell(points: Points) -> Points:
    """One point a cell: the geometric mean of its runs."""
    cells, place, count = np.unique(points.cell, return_inverse=True, return_counts=True)
    means = [np.bincount(place, values) / count for values in points[:4]]
    return Points._make([*means, cells, np.ones(len(cells))])


def regress(points: Points, copies: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Coefficients (K, 6) where group g of the points is drawn copies[:, g] times; the last is that
    of ln N where it is let into the regression of ln B.  NaN for draws that do not determine them.

    copies: (K, G); groups: (n,), of each point.  Only sums over the points matter.
    """
    n, d = points.log_n - points.log_n.mean(), points.log_d - points.log_d.mean()
    columns = np.stack([np.ones_like(n), n, d], 1)
    values = np.stack([points.log_lr, points.log_batch], 1)
    terms = [columns[:, :, None] * columns[:, None], columns[:, :, None] * values[:, None]]
    flat = points.weight[:, None] * np.concatenate([t.reshape(len(n), -1) for t in terms], 1)
    sums = np.stack([np.bincount(groups, term, copies.shape[1]) for term in flat.T], 1)
    drawn = copies.astype(float) @ sums
    normal, right = drawn[:, :9].reshape(-1, 3, 3), drawn[:, 9:].reshape(-1, 3, 2)
    both = _solve(normal, right)
    alone = _solve(normal[:, [0, 2]][:, :, [0, 2]], right[:, [0, 2], 1:])
    lr, batch = both[..., 0], alone[..., 0]
    origin = points.log_n.mean(), points.log_d.mean()
    constant = lr[:, 0] - lr[:, 1] * origin[0] - lr[:, 2] * origin[1]
    return np.stack(
        [constant, lr[:, 1], lr[:, 2], batch[:, 0] - batch[:, 1] * origin[1], batch[:, 1],
         both[:, 1, 1]], 1,
    )  # fmt: skip


def _solve(normal: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of many small systems; NaN for those that are singular."""
    scale = np.sqrt(np.einsum("kii->ki", normal))
    scale = np.where(scale > 0, scale, 1.0)
    even = normal / (scale[:, :, None] * scale[:, None])
    known = np.linalg.det(even) > SINGULAR
    even = np.where(known[:, None, None], even, np.eye(normal.shape[-1]))
    found = np.linalg.solve(even, right / scale[..., None]) / scale[..., None]
    return np.where(known[:, None, None], found, np.nan)


def drawn_by(points: Points, how: str) -> np.ndarray:
    """The group (n,) in which each point is drawn; `how` is one of `RESAMPLINGS`."""
    groups = {"cells": points.cell, "tokens": points.log_d, "points": np.arange(len(points.cell))}
    return np.unique(groups[how], return_inverse=True)[1]


def resampled(count: int, copies: int, seed: int) -> np.ndarray:
    """How often each of so many groups is drawn, (copies, count)."""
    drawn = np.random.default_rng(seed).integers(count, size=(copies, count))
    places = drawn + count * np.arange(copies)[:, None]
    return np.bincount(places.ravel(), minlength=copies * count).reshape(copies, count)


def fitted(points: Points, copies: int, seed: int) -> xr.Dataset:
    """`value` by coefficient (NaN where the points do not determine all), with `low` and `high`,
    95 % by each resampling."""
    one = np.zeros(len(points.cell), int)
    value = regress(points, np.ones((1, 1)), one)[0]
    ends = []
    for how in RESAMPLINGS:
        groups = drawn_by(points, how)
        drawn = regress(points, resampled(groups.max() + 1, copies, seed), groups)
        known = drawn[np.isfinite(drawn).all(1)]
        nothing = np.full((2, len(COEFFICIENTS)), np.nan)
        ends.append(np.quantile(known, (0.025, 0.975), 0) if len(known) else nothing)
    low, high = np.stack(ends, 1)
    return xr.Dataset(
        {
            "value": ("coefficient", value),
            "low": (("resampling", "coefficient"), low),
            "high": (("resampling", "coefficient"), high),
            "points": ((), len(points.cell)),
            "cells": ((), len(np.unique(points.cell))),
        },
        {"coefficient": list(COEFFICIENTS), "resampling": list(RESAMPLINGS)},
    )

"""Is the loss convex in (ln lr, ln B), and has it one valley, as far as the noise lets one say?

Noise: third differences of ln loss along the ladder of learning rates at one batch size, over √20,
by how far the worst of the four runs lies above the cell's best; the farther, the noisier.
Convex along the ladder: a second difference below −z √6 noise is a dent.  One valley: the depth of
a local minimum is how far one must climb from it over neighbouring runs (also diagonal ones) to
reach a lower run; it is a second valley if deeper than z √2 noise.  z corrects for the number of
comparisons.  Power: a dent or a valley beyond the threshold by 1.64 of its standard errors is seen
19 times of 20.
"""

import numpy as np
import xarray as xr

from experiments.steplaw.grid import Grid

LEVELS = np.array([0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, np.inf])  # of excess, above the best
ZONES = (0.01, 0.02, 0.05)  # excess of the worst of three runs, up to which dents are counted
SECOND, THIRD = np.array([1, -2, 1]), np.array([1, -3, 3, -1])


def _differences(grid: Grid, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences along neighbouring rungs where all runs are there, and their worst excess."""
    count, rungs = len(weights), np.round(2 * grid.log_lr / np.log(2)).astype(int)
    found, worst = [], []
    for row, there in zip(grid.log_loss, grid.there, strict=True):
        for k in range(len(row) - count + 1):
            part = slice(k, k + count)
            if there[part].all() and rungs[k + count - 1] - rungs[k] == count - 1:
                found.append(weights @ row[part])
                worst.append(row[part].max() - grid.best)
    return np.array(found), np.array(worst)


def noise_of(grids: dict[int, Grid]) -> np.ndarray:
    """Noise of ln loss by level of excess, from medians of |third differences|, (levels,); a level
    without any has the noise of the one below it (the lowest: of the next)."""
    both = [_differences(grid, THIRD) for grid in grids.values()]
    size = np.abs(np.concatenate([found for found, _ in both])) / np.sqrt((THIRD**2).sum())
    level = np.digitize(np.concatenate([worst for _, worst in both]), LEVELS) - 1
    there = np.unique(level)
    found = np.array([np.median(size[level == k]) / 0.6745 for k in there])
    place = np.searchsorted(there, np.arange(len(LEVELS) - 1), side="right") - 1
    return found[np.maximum(place, 0)]


def dents(grids: dict[int, Grid], noise: np.ndarray, z: float) -> xr.Dataset:
    """By zone: second differences at hand, those below zero, those below −z √6 noise, the deepest
    in standard errors, and the curvature per ln lr squared that would have been seen."""
    both = [_differences(grid, SECOND) for grid in grids.values()]
    found = np.concatenate([values for values, _ in both])
    worst = np.concatenate([values for _, values in both])
    error = np.sqrt((SECOND**2).sum()) * noise[np.digitize(worst, LEVELS) - 1]
    rows = []
    for zone in ZONES:
        mine = worst <= zone
        ratio = found[mine] / error[mine]
        rung = np.log(2) / 2
        rows.append(
            (mine.sum(), (ratio < 0).sum(), (ratio < -z).sum(), ratio.min(),
             (z + 1.64) * np.median(error[mine]) / rung**2, np.median(found[mine]) / rung**2)
        )  # fmt: skip
    names = ("triples", "negative", "dents", "deepest", "visible", "curvature")
    columns = {
        f"convex_{name}": ("zone", values)
        for name, values in zip(names, np.array(rows).T, strict=True)
    }
    return xr.Dataset(columns, {"zone": list(ZONES)})


def valleys(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Depths of all local minima but the lowest, and the excess of each, largest depth first."""
    value = np.where(grid.there, grid.log_loss, np.inf)
    rows, columns = value.shape
    owner: dict[int, int] = {}  # run → the minimum of its basin, by a chain
    depths, excess = [], []

    def root(k: int) -> int:
        while owner[k] != k:
            k = owner[k]
        return k

    flat = value.ravel()
    for k in np.argsort(flat, kind="stable"):
        if not np.isfinite(flat[k]):
            break
        i, j = divmod(int(k), columns)
        around = [
            a * columns + b
            for a in range(max(i - 1, 0), min(i + 2, rows))
            for b in range(max(j - 1, 0), min(j + 2, columns))
        ]
        basins = sorted({root(n) for n in around if n in owner}, key=lambda n: flat[n])
        owner[int(k)] = basins[0] if basins else int(k)
        for other in basins[1:]:  # two basins meet here: the shallower one ends
            depths.append(flat[k] - flat[other])
            excess.append(flat[other] - grid.best)
            owner[other] = basins[0]
    order = np.argsort(depths)[::-1].astype(int)
    return np.array(depths)[order], np.array(excess)[order]


def second_valleys(grids: dict[int, Grid], noise: np.ndarray, z: float) -> xr.Dataset:
    """By cell: local minima beside the lowest, those deeper than z √2 noise at their own excess,
    the deepest (ln loss), and the depth that would have been seen near the optimum."""
    rows = []
    for grid in grids.values():
        depth, excess = valleys(grid)
        error = np.sqrt(2) * noise[np.digitize(excess + depth, LEVELS) - 1]
        rows.append((len(depth), (depth > z * error).sum(), depth[0] if len(depth) else 0.0))
    names = ("minima", "valleys", "valley_depth")
    found = dict(zip(names, np.array(rows).T, strict=True))
    columns = {name: ("cell", values) for name, values in found.items()}
    visible = (z + 1.64) * np.sqrt(2) * noise[0]
    return xr.Dataset({**columns, "valley_visible": ((), visible)}, {"cell": list(grids)})

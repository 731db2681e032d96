"""Other estimates of the same optima, to see how much depends on the estimator.

`lowest run`: that of the lowest loss.  `plateau`: the mean ln of all runs within 0.25 % of it, the
paper's.  `unweighted`: the optimum itself, all points alike.  `long`: slices of ≥ 4,000 steps.
"""

import numpy as np
import xarray as xr

from experiments.steplaw.points import PLATEAU, Points

ENOUGH = 4000  # steps from which a run is more than its warm-up
Others = dict[str, tuple[np.ndarray, np.ndarray]]


def other_rates(runs: xr.Dataset, points: Points) -> Others:
    """Of the best learning rate of every slice: name → (ln lr, weight), (P,)."""
    keys = np.stack([runs["cell"].values, runs["batch"].values], 1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    found = _others(group.ravel(), np.log(runs["lr"].values), runs["loss"].values, points)
    found["long"] = (points.target, points.weight * (points.d >= ENOUGH * points.batch))
    return found


def other_batches(runs: xr.Dataset, valley: Points) -> Others:
    """Of the best batch of every cell: name → (ln B, weight), (C,)."""
    _, group = np.unique(runs["cell"].values, return_inverse=True)
    return _others(group.ravel(), np.log(runs["batch"].values), runs["loss"].values, valley)


def _others(group, log, loss, points: Points) -> Others:
    count = group.max() + 1
    least = np.full(count, np.inf)
    np.minimum.at(least, group, loss)

    def mean(kept: np.ndarray) -> np.ndarray:
        total = np.bincount(group[kept], minlength=count)
        return np.bincount(group[kept], log[kept], minlength=count) / total

    return {
        "lowest run": (mean(loss == least[group]), points.weight),
        "plateau": (mean(loss <= (1 + PLATEAU / 100) * least[group]), points.weight),
        "unweighted": (points.target, np.where(points.bound, points.weight, 1.0)),
    }

"""Are the exponents constant?  Step Law's regressions with second-degree terms let in.

With ν = ln N − mean and δ = ln D − mean over the cells, the mean ln lr (and ln B) of a cell's best
runs is regressed on (1, ν, δ, ν², νδ, δ²).  A power law has none of the last three: 2·coefficient
of δ² is the change of the exponent of D per e-fold of D.  Errors by resampling cells.
"""

import numpy as np
import xarray as xr

from experiments.steplaw.power_law import Points, resampled

TERMS = ("1", "N", "D", "NN", "ND", "DD")
SINGULAR = 1e-12


def bending(points: Points, copies: int, seed: int) -> xr.Dataset:
    """`bending` by axis and term with `bending_low` and `_high` (95 %); points: one a cell.  Draws
    of too few different cells are left out."""
    n, d = points.log_n - points.log_n.mean(), points.log_d - points.log_d.mean()
    columns = np.stack([np.ones_like(n), n, d, n * n, n * d, d * d], 1)
    columns /= np.sqrt((columns**2).mean(0))
    scale = np.sqrt((np.stack([n**0, n, d, n * n, n * d, d * d], 1) ** 2).mean(0))
    values = np.stack([points.log_lr, points.log_batch], 1)
    weights = np.vstack([np.ones(len(n)), resampled(len(n), copies, seed)])
    normal = np.einsum("kc,ci,cj->kij", weights, columns, columns, optimize=True)
    right = np.einsum("kc,ci,ca->kia", weights, columns, values, optimize=True)
    known = np.linalg.det(normal / len(n)) > SINGULAR
    found = np.linalg.solve(normal[known], right[known]) / scale[:, None]
    low, high = np.quantile(found[1:], (0.025, 0.975), 0)
    dims = ("term", "axis")
    return xr.Dataset(
        {"bending": (dims, found[0]), "bending_low": (dims, low), "bending_high": (dims, high)},
        {"term": list(TERMS), "axis": ["lr", "batch"]},
    )

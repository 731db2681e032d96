"""Step Law on mixtures of experts: is N all parameters, or those active per token?

In each cell the law is read with either N, and its loss against the cell's best run is compared,
pairwise; by sparsity, N_active/N.  The optimum of the cell's surface says which N the law would
have needed for the learning rate: N_needed = (lr*/(1.79 D^0.307))^(−1/0.713).
"""

import numpy as np
import xarray as xr

from experiments.steplaw.comparison import predicted
from experiments.steplaw.grid import Grid, outside, read_off
from theory.scaling import STEP_BATCH, STEP_LR
from theory.symbols import N_par

COUNTS = ("total", "active")
READING = "bilinear"


def experts(
    grids: dict[int, Grid], n: np.ndarray, active: np.ndarray, d: np.ndarray, optimum: np.ndarray
) -> xr.Dataset:
    """`moe_permille` by cell and count of N, whether the point is `moe_beyond` the grid, the
    sparsity, and N_needed over N; the mean difference active − total with a 95 % interval."""
    regret, beyond = np.zeros((len(grids), 2)), np.zeros((len(grids), 2), bool)
    for c, grid in enumerate(grids.values()):
        batch = float(np.log(predicted(STEP_BATCH, n=n[c], d=d[c], least=1.0)))
        for k, count in enumerate((n[c], active[c])):
            rate = float(np.log(predicted(STEP_LR, n=count, d=d[c], least=1.0)))
            regret[c, k] = 1000 * np.expm1(read_off(grid, rate, batch, READING) - grid.best)
            beyond[c, k] = outside(grid, rate, batch)
    gap = regret[:, 1] - regret[:, 0]
    exponent = float(STEP_LR.expr.as_powers_dict()[N_par])
    unit = predicted(STEP_LR, n=1.0, d=d, least=1.0)
    needed = np.exp((optimum[:, 0] - np.log(unit)) / exponent)
    return xr.Dataset(
        {
            "moe_permille": (("moe_cell", "moe_count"), regret),
            "moe_beyond": (("moe_cell", "moe_count"), beyond),
            "moe_sparsity": ("moe_cell", active / n),
            "moe_N_needed": ("moe_cell", needed / n),
            "moe_gap": ((), gap.mean()),
            "moe_gap_half": ((), 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))),
        },
        {
            "moe_cell": list(grids), "moe_count": list(COUNTS),
            "moe_N": ("moe_cell", n), "moe_D": ("moe_cell", d),
        },
    )  # fmt: skip

"""The comparison table of Step Law, in each way it could have been made.

A rule's point in a cell is its learning rate with a batch size: its own, that of Step Law, that of
the best run, or that at which its learning rate does best (`BATCHES`); its constants are those of
the paper it comes from or those printed in the table (`CONSTANTS`); the loss there is read off the
cell's grid (`grid.READINGS`) and set against the best run's.  A rule without a learning rate is
given Step Law's; one of the loss is given the cell's best.
"""

import numpy as np
import xarray as xr

from experiments.steplaw.grid import READINGS, Grid, outside, read_off
from theory.law import Law
from theory.scaling import COMPUTE, SCALINGS, STEP_BATCH, STEP_LR
from theory.symbols import C_flop, D_tok, N_par, loss

BATCHES = ("own", "Step Law's", "best run's", "best for this rate")
CONSTANTS = ("corrected", "printed")
LR_ONLY = ("openai", "microsoft")  # in the table: OpenAI's batch size is critical, not best


def predicted(law: Law, *, n, d, least) -> np.ndarray:
    """A scaling law's value for n parameters, d tokens and a loss, whichever it takes."""
    known = {N_par: n, D_tok: d, loss: least, C_flop: COMPUTE.jax(n, d)}
    return np.asarray(law.jax(*(known[arg] for arg in law.args)), float)


def comparison(grids: dict[int, Grid], n: np.ndarray, d: np.ndarray) -> xr.Dataset:
    """`permille` of relative loss (cell, rule, constants, batch_from, reading), and `beyond`,
    whether the rule's point lies off the cell's grid; NaN where the rule has no such point, or a
    learning rate that is not positive.  n, d: parameters and tokens by cell."""
    shape = (len(grids), len(SCALINGS), len(CONSTANTS), len(BATCHES), len(READINGS))
    permille, beyond = np.full(shape, np.nan), np.full(shape[:-1], np.nan)
    places = np.full((*shape[:-1], 2), np.nan)
    for c, grid in enumerate(grids.values()):
        known = {"n": n[c], "d": d[c], "least": np.exp(grid.best)}
        step = float(predicted(STEP_BATCH, **known))
        for r, rule in enumerate(SCALINGS.values()):
            for k, laws in enumerate(
                ((rule.lr, rule.batch), (rule.lr_printed, rule.batch_printed))
            ):
                lr, own = (
                    np.nan if law is None else float(predicted(law, **known)) for law in laws
                )
                rate = float(predicted(STEP_LR, **known)) if rule.lr is None else lr
                if not rate > 0:
                    continue
                x = np.log(rate)
                for b, y in enumerate((np.log(own), np.log(step), grid.best_batch, None)):
                    if y is None:
                        places[c, r, k, b] = x, np.nan
                        beyond[c, r, k, b] = outside(grid, x, grid.log_batch[0])
                    elif np.isfinite(y):
                        places[c, r, k, b] = x, y
                        beyond[c, r, k, b] = outside(grid, x, y)
        _read(grid, places[c], permille[c])
    dims = ("rule", "constants", "batch_from")
    return xr.Dataset(
        {
            "permille": (("cell", *dims, "reading"), permille),
            "beyond": (("cell", *dims), beyond),
            "point": (("cell", *dims, "axis"), places),
        },
        {
            "cell": list(grids), "rule": list(SCALINGS), "constants": list(CONSTANTS),
            "batch_from": list(BATCHES), "reading": list(READINGS), "axis": ["lr", "batch"],
        },
    )  # fmt: skip


def table(permille: xr.DataArray) -> xr.Dataset:
    """How near each way comes to the printed table, at one cell: `permille` (rule, constants,
    batch_from, reading).

    `table_gap`, printed less recomputed, of the rules that are printed, by constants, reading and
    by where the rules that have only a learning rate (`LR_ONLY`) get their batch size; all others
    take their own.  `table_rms`, its root mean square; `table_shift` its mean and `table_scatter`
    the rest: a common shift is another zero than the best run.
    """
    printed = {name: rule.permille for name, rule in SCALINGS.items() if rule.permille}
    kept = permille.sel(rule=list(printed))
    alone = xr.DataArray([name in LR_ONLY for name in printed], {"rule": list(printed)})
    gaps = xr.DataArray(list(printed.values()), {"rule": list(printed)}) - xr.where(
        alone, kept.rename(batch_from="lr_only_batch"), kept.sel(batch_from="own", drop=True)
    )
    shift = gaps.mean("rule")
    names = {"rule": "table_rule"}
    return xr.Dataset(
        {
            "table_gap": gaps.rename(names),
            "table_rms": np.sqrt((gaps**2).mean("rule")),
            "table_shift": shift,
            "table_scatter": np.sqrt(((gaps - shift) ** 2).mean("rule")),
        }
    )


def _read(grid: Grid, places: np.ndarray, into: np.ndarray) -> None:
    """Fill in the losses of one cell at (…, 2) points; a missing ln B means the best one."""
    x, y = places[..., 0], places[..., 1]
    fixed, free = np.isfinite(x) & np.isfinite(y), np.isfinite(x) & ~np.isfinite(y)
    for k, reading in enumerate(READINGS):
        if fixed.any():
            into[fixed, k] = read_off(grid, x[fixed], y[fixed], reading) - grid.best
        if free.any():
            table = read_off(grid, x[free][:, None], grid.log_batch, reading)
            into[free, k] = table.min(1) - grid.best
    into[:] = 1000 * np.expm1(into)

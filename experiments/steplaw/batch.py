"""The part `slices`: the best learning rate for a given batch size, and which law explains it.

The dense cells decide between the laws; the mixtures of experts, whose N may be the total or the
active parameters, are strangers on which the laws of the dense cells are tried.
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from experiments.errors import InputError
from experiments.steplaw.decline import falls, slope_above
from experiments.steplaw.joint import B_0, D_0, N_0, best, joint
from experiments.steplaw.noise_scales import by_loss, lowest_losses, of_cells
from experiments.steplaw.raw_shapes import shapes
from experiments.steplaw.slices import optima, regret
from experiments.steplaw.verdicts import LAWS, Long, long_slices, verdicts
from theory.rivals import RIVALS

if TYPE_CHECKING:
    from experiments.steplaw import Spec

MAIN = 4000  # steps: of the figures, and of what is looked at once
FEWEST, FEWEST_CELLS = 20, 5  # optima and cells that a law of seven parameters needs
FINE = 40  # batch sizes of a drawn law
TABLE = ("kind", "cell", "N", "N_active", "D", "batch", "steps", "held_out", "lr_star", "log_sem",
         "loss_star", "curvature", "lr_low", "lr_high", "points", "edge", "few")  # fmt: skip


def measure(runs: xr.Dataset, spec: "Spec") -> xr.Dataset:
    """Slice optima (`slice_…`), verdicts by law and rule (`batch_…`), declines (`decline_…`),
    noise scales (`noise_…`) and shapes from raw losses (`raw_…`), along `least_steps`.
    Errors: InputError for a number of steps that too few slices have."""
    slices = optima(runs)
    dense = slices.isel(slice=np.flatnonzero(slices["kind"].values == "dense"))
    own = runs.isel(run=np.flatnonzero(runs["kind"].values == "dense"))
    cells, losses = np.unique(dense["cell"].values), lowest_losses(dense)
    parts, scatters, values = [], [], []
    for least in spec.steps:
        _check(dense, least)
        counts = _counts(dense, least, spec)
        part = verdicts(dense, own, least, counts)
        scatters.append(float(part["batch_scatter"]))
        values.append(part["batch_value"])
        data = long_slices(dense, least, scatters[-1])
        declined = _declines(data, cells, spec.seed)
        parts.append(part.merge(by_loss(data, losses, counts)).merge(declined))
    found = xr.concat(parts, xr.IndexVariable("least_steps", list(spec.steps)), data_vars="all")
    main = spec.steps.index(MAIN) if MAIN in spec.steps else len(spec.steps) - 1
    data, value = long_slices(dense, spec.steps[main], scatters[main]), values[main]
    draws = np.random.default_rng(spec.seed)
    found = found.merge(of_cells(data, losses, draws)).merge(_curves(data, value))
    found = found.merge(shapes(data, own)).merge(_strangers(slices, spec.steps[main], value))
    found["batch_main_steps"] = spec.steps[main]
    for name, middle in (("N", N_0), ("D", D_0), ("B", B_0)):
        found[f"batch_middle_{name}"] = middle
    return found.merge(slices[list(TABLE)].rename({name: f"slice_{name}" for name in TABLE}))


def _check(dense: xr.Dataset, least: int) -> None:
    data = long_slices(dense, least, 0.0)
    if data.known.sum() < FEWEST or len(np.unique(data.cell[data.known])) < FEWEST_CELLS:
        raise InputError(f"steps: too few slices of at least {least} steps to fit a law to")


def _counts(dense: xr.Dataset, least: int, spec: "Spec") -> np.ndarray:
    """How often each cell with slices long enough comes in each resample of the cells."""
    count = len(np.unique(dense["cell"].values[dense["steps"].values >= least]))
    draws = np.random.default_rng(spec.seed)
    return draws.multinomial(count, np.full(count, 1 / count), size=spec.resamples).astype(float)


def _declines(data: Long, cells: np.ndarray, seed: int) -> xr.Dataset:
    keep = data.known
    known = data.slices.isel(slice=keep)
    rate, weight, cell = (x[keep] for x in (data.log_rate, data.weight, data.cell))
    found = falls(rate, weight**-0.5, known["batch"].values, cell, seed=seed)
    row = np.searchsorted(cells, np.unique(cell))
    columns = {}
    for name, values in found._asdict().items():
        column = np.full(len(cells), np.nan)
        column[row] = values
        columns[f"decline_{name}"] = ("decline_cell", column)
    law = joint(RIVALS["knee"], known)
    at = best(law, RIVALS["knee"], rate, weight)
    names = ("decline_slope", "decline_slope_sem", "decline_above")
    columns |= {
        n: ((), x) for n, x in zip(names, slope_above(law, at, rate, weight, cell), strict=True)
    }
    return xr.Dataset(columns, {"decline_cell": cells})


def _curves(data: Long, value: xr.DataArray) -> xr.Dataset:
    """Every joint law over the batch sizes of every cell, for figures: (law, cell, fine)."""
    first = [np.flatnonzero(data.cell == c)[0] for c in data.cells]
    batch = data.slices["batch"].values
    ends = np.array(
        [(batch[data.cell == c].min(), batch[data.cell == c].max()) for c in data.cells]
    )
    fine = np.geomspace(ends[:, 0], ends[:, 1], FINE, axis=1)
    grid = (
        data.slices[["N", "D"]]
        .isel(slice=np.repeat(first, FINE))
        .assign(batch=("slice", fine.ravel()))
    )
    rates = [_rate(name, grid, value).reshape(fine.shape) for name in LAWS]
    columns = {
        "drawn_lr": (("batch_law", "drawn_cell", "drawn_fine"), np.array(rates, np.float32)),
        "drawn_batch": (("drawn_cell", "drawn_fine"), fine),
    }
    return xr.Dataset(columns, {"batch_law": list(LAWS), "drawn_cell": data.cells})


def _rate(name: str, slices: xr.Dataset, value: xr.DataArray) -> np.ndarray:
    at = value.sel(batch_law=name).values
    return np.exp(joint(RIVALS[name], slices).log(at[np.isfinite(at)]))


def _strangers(slices: xr.Dataset, least: int, value: xr.DataArray) -> xr.Dataset:
    """Mean regret (%) of the dense cells' laws on mixtures of experts, N counted in two ways."""
    long = (slices["kind"].values == "moe") & (slices["steps"].values >= least)
    moe = slices.isel(slice=np.flatnonzero(long))
    ways = {"total": moe, "active": moe.assign(N=moe["N_active"])}
    lost = [[regret(moe, np.log(_rate(n, w, value))).mean() for w in ways.values()] for n in LAWS]
    columns = {
        "moe_regret": (("batch_law", "moe_counted"), np.array(lost)),
        "moe_slices": ((), len(moe.cell)),
    }
    return xr.Dataset(columns, {"batch_law": list(LAWS), "moe_counted": list(ways)})

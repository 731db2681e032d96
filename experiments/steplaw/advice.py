"""The model behind the advice: the best learning rate given N, D and B, the best B, their errors.

From slice optima (`slices`), by weighted least squares of ln lr over all slices.  Of the shapes of
`shapes` the one with the smallest root mean square regret, leaving one cell out, is taken; what is
reported as left out is nested: for each cell the shape is chosen without it.  The best batch of a
cell is the lowest point along its slices' lowest losses; ln B* goes with ln D, or ln N and ln D.

Intervals: variance of the cell bootstrap, over estimators of the optimum and over shapes about as
good, and between cells; the half-width is so many of these deviations as cover 90 % of the other
cells' optima (split conformal).

Chosen by hand while looking at regrets left out: the weights (of 3), all steps and not only ≥ 4k
(of 2), the shapes of the list (of about 35), the root mean square as the measure (of 2).
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from experiments.steplaw.advice_drawn import drawn
from experiments.steplaw.estimates import other_batches, other_rates
from experiments.steplaw.family import Family, family, joint, stored, variance
from experiments.steplaw.points import Points, expected_loss, points_of, valleys, width_at, widths
from experiments.steplaw.selection import Calibration, Choice, calibrate, choose, own
from experiments.steplaw.shapes import BATCH_SHAPES, RATE_SHAPES, design, log_lr
from experiments.steplaw.slices import optima, regret
from theory.scaling import STEP_BATCH, STEP_LR

if TYPE_CHECKING:
    from experiments.steplaw import Spec

NOMINAL = 0.9  # of the intervals
SLICE, CELL = "advice_slice", "advice_cell"
RULES = ("advice", "step law", "step law, square root", "step law, linear")


def measure(runs: xr.Dataset, spec: "Spec") -> xr.Dataset:
    """The part `advice`: every variable and axis is called `advice_…`."""
    dense = runs.isel(run=np.flatnonzero(runs["kind"].values == "dense"))
    points = points_of(optima(dense))
    valley = valleys(points.slices)
    rate, size = choose(points, RATE_SHAPES), choose(valley, BATCH_SHAPES)
    cells, rng = points.cells, np.random.default_rng(spec.seed)
    draws = rng.multinomial(cells, np.full(cells, 1 / cells), size=spec.resamples).astype(float)
    rates = family("lr", points, rate, draws, other_rates(dense, points))
    sizes = family("batch", valley, size, draws, other_batches(dense, valley))
    found = stored("lr", rates) | stored("batch", sizes) | _choices(rate)
    found |= _given_batch(points, rate, rates, draws)
    found |= _optimum(points, valley, rate, size, rates, sizes, draws)
    found |= _widths("lr", points, found, found["advice_regret"][1][0])
    found |= _widths("batch", valley, found, found["advice_batch_regret"][1])
    found |= _mixtures(runs, rates) | _profile(valley)
    found["advice_range"] = (("advice_end", "advice_axis"), _ranges(points))
    coordinates = {"advice_rule": list(RULES), "advice_side": ["below", "above"],
                   "advice_axis": ["N", "D", "D/N", "batch", "steps"]}  # fmt: skip
    part = xr.Dataset(found, coordinates)
    return part.merge(drawn(part))


def _ranges(points: Points) -> np.ndarray:
    n, d, batch = points.n, points.d, points.batch
    return np.array([[end(v) for v in (n, d, d / n, batch, d / batch)] for end in (np.min, np.max)])


def _widths(kind: str, points: Points, found: dict, regrets: np.ndarray) -> dict:
    """The plateau's width, and what the expected loss has to be multiplied by to have the mean of
    the regrets left out."""
    width = widths(points)
    at = width_at(width, points.n, points.d, points.batch)
    expected = expected_loss(at, found[f"advice_{kind}_deviation"][1] ** 2)
    return {
        f"advice_{kind}_width": (("advice_side", "advice_wide"), width),
        f"advice_{kind}_share": float(regrets.mean() / expected.mean()),
    }


def _choices(rate: Choice) -> dict:
    """Every shape's regrets left out, and for how many cells it is the choice."""
    count = np.bincount(rate.by_cell, minlength=len(RATE_SHAPES))
    return {
        "advice_shape": ("advice_tried", list(RATE_SHAPES)),
        "advice_shape_rms": ("advice_tried", rate.rms),
        "advice_shape_regret": (("advice_tried", SLICE), rate.regrets.astype(np.float32)),
        "advice_shape_chosen": ("advice_tried", count),
    }


def _interval(kind: str, axis: str, target, usable, found: Calibration, error) -> dict:
    key = f"advice_{kind}"
    return {
        f"{key}_target": (axis, target),
        f"{key}_usable": (axis, usable),
        f"{key}_left_out": (axis, found.centre),
        f"{key}_half": (axis, found.half),
        f"{key}_deviation": (axis, np.sqrt(error + found.scatter**2)),
        f"{key}_factor": found.factor,
        f"{key}_scatter": found.scatter,
        f"{key}_covered": found.covered,
    }


def _given_batch(points: Points, rate: Choice, rates: Family, draws: np.ndarray) -> dict:
    """ln lr given B: left out, with interval; regrets of the rules at every slice, in percent."""
    where = (points.n, points.d, points.batch)
    error = variance(rates.predict(*where), draws[:, points.cell] == 0)
    nested, usable = rate.nested(), ~points.bound
    found = calibrate(points.cell, points.target, usable, nested, error, NOMINAL)
    step_lr = np.log(np.asarray(STEP_LR.jax(points.n, points.d)))
    beside = np.log(points.batch) - np.log(np.asarray(STEP_BATCH.jax(points.d)))
    logs = np.array([own(points, nested), step_lr, step_lr + beside / 2, step_lr + beside])
    return _interval("lr", SLICE, points.target, usable, found, error) | {
        "advice_slice_N": (SLICE, points.n),
        "advice_slice_D": (SLICE, points.d),
        "advice_slice_batch": (SLICE, points.batch),
        "advice_slice_cell": (SLICE, points.cell),
        "advice_slice_error": (SLICE, points.slices["log_sem"].values),
        "advice_regret": (("advice_rule", SLICE), regret(points.slices, logs)),
    }


def _optimum(points, valley, rate, size, rates, sizes, draws) -> dict:
    """ln B* and ln lr* of every cell: left out, with intervals."""
    cells = np.arange(valley.cells)
    out_of_bag = draws[:, cells] == 0
    error = variance(sizes.predict(valley.n, valley.d, valley.batch), out_of_bag)
    nested = size.nested()
    best = calibrate(cells, valley.target, ~valley.bound, nested, error, NOMINAL)
    target, usable = _rate_at(points, valley.target)
    usable &= ~valley.bound
    pairs = np.array([_row(c, rate, nested[c], valley) for c in cells])
    joint_error = variance(joint(rates, sizes, valley.n, valley.d), out_of_bag)
    star = calibrate(cells, target, usable, pairs, joint_error, NOMINAL)
    return (
        _interval("batch", CELL, valley.target, ~valley.bound, best, error)
        | _interval("star", CELL, target, usable, star, joint_error)
        | {
            "advice_cell_N": (CELL, valley.n),
            "advice_cell_D": (CELL, valley.d),
            "advice_batch_regret": (CELL, regret(valley.slices, own(valley, nested))),
        }
    )


def _profile(valley: Points) -> dict:
    """What a batch beside the best costs, in percent: the mean over cells that have runs there."""
    beside = np.round(np.arange(-3.0, 3.01, 0.1), 10)
    logs = valley.target + beside[:, None]
    ends = [np.log(valley.slices[name].values) for name in ("lr_low", "lr_high")]
    there = (logs >= ends[0]) & (logs <= ends[1])
    there |= ~there.any(-1, keepdims=True)
    cost = (regret(valley.slices, logs) * there).sum(-1) / there.sum(-1)
    below = np.maximum.accumulate(np.where(beside < 0, cost, 0.0)[::-1])[::-1]
    above = np.maximum.accumulate(np.where(beside > 0, cost, 0.0))
    rising = np.where(beside < 0, below, above)
    return {"advice_cost": ("advice_beside", rising), "advice_cost_at": ("advice_beside", beside)}


def _rate_at(points: Points, log_batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slices' ln lr, linearly in ln B at every cell's best batch, and whether neither
    neighbour is a bound."""
    value, usable = np.empty(len(log_batch)), np.empty(len(log_batch), bool)
    for cell, place in enumerate(log_batch):
        mine = np.flatnonzero(points.cell == cell)
        logs = np.log(points.batch[mine])
        value[cell] = np.interp(place, logs, points.target[mine])
        right = np.clip(np.searchsorted(logs, place), 1, len(mine) - 1)
        usable[cell] = not points.bound[mine[[right - 1, right]]].any()
    return value, usable


def _row(cell: int, rate: Choice, log_batch: np.ndarray, valley: Points) -> np.ndarray:
    """ln lr at the best batch of every cell, by fits that have seen neither it nor `cell`."""
    name = list(RATE_SHAPES)[rate.by_cell[cell]]
    at = design(RATE_SHAPES[name], valley.n, valley.d, np.exp(log_batch))
    return np.diagonal(log_lr(at, rate.fits[name][cell]))


def _mixtures(runs: xr.Dataset, rates: Family) -> dict:
    """Mean regret on mixtures of experts, with N all parameters or those active, in percent."""
    slices = optima(runs.isel(run=np.flatnonzero(runs["kind"].values == "moe")))
    slices = slices.isel(slice=np.flatnonzero(slices["edge"].values == 0))
    d, batch = slices["D"].values, slices["batch"].values
    logs = [rates.predict(slices[n].values, d, batch)[1][0] for n in ("N", "N_active")]
    mean = regret(slices, np.array(logs)).mean(-1)
    return {
        "advice_moe_regret": ("advice_counted", mean),
        "advice_moe_slices": slices.sizes["slice"],
    }

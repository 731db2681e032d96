"""All rival laws of the batch size, fitted and judged on the slices of runs that are long enough.

By law: χ² and AICc cell by cell; jointly, with parameters and their intervals from a bootstrap
over cells; on the raw losses; and by regret leaving one cell out, beside rules that are not fitted
here and beside the law chosen without the cell that judges it (`nested`).

An optimum scatters about every law by more than its own error: `scatter` of ln η*, found from the
best law (χ² equal to its degrees of freedom), is added in squares for all laws alike. An AICc is so
a comparison between laws; that the best of them describes the slices to within their own errors
is not said.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.fit import aicc
from experiments.least_squares import deviance
from experiments.steplaw.cellwise import compare, table
from experiments.steplaw.joint import B_0, Joint, best, copies, joint, reweighted
from experiments.steplaw.left_out import nested, predicted, without_each, without_pairs
from experiments.steplaw.raw_losses import STEEP, near_minima, raw_losses
from experiments.steplaw.slices import regret
from theory.rivals import RIVALS
from theory.scaling import STEP_BATCH, STEP_LR

LAWS = tuple(RIVALS)
NEVER = ("lower_bound",)  # not positive at small batches: no likelihood on raw losses
BASELINES = {"step_law": 0.0, "step_law_root": 0.5, "step_law_linear": 1.0}  # powers of B/B*
RULES = (*LAWS, *BASELINES, "nested")
PARAMETERS = ("a_0", "a_N", "a_D", "b_0", "b_N", "b_D", "shape")
FIRST_SCATTER = 0.12  # of ln η*, to start from
QUANTILES = (0.025, 0.975)


class Long(NamedTuple):
    """Slices long enough: all of them (n,), which have a `known` optimum, ln η*, weights (0 where
    it is not known), and the cells."""

    slices: xr.Dataset
    known: np.ndarray
    log_rate: np.ndarray
    weight: np.ndarray
    cell: np.ndarray
    cells: np.ndarray


def long_slices(slices: xr.Dataset, steps: int, scatter: float) -> Long:
    """Slices of at least so many steps; bounds and slices of few runs have no optimum."""
    kept = slices.isel(slice=np.flatnonzero(slices["steps"].values >= steps))
    known = (kept["edge"].values == 0) & ~kept["few"].values
    weight = np.where(known, 1 / (kept["log_sem"].values ** 2 + scatter**2), 0.0)
    cell = kept["cell"].values
    return Long(kept, known, np.log(kept["lr_star"].values), weight, cell, np.unique(cell))


def scatter_of(slices: xr.Dataset, steps: int) -> float:
    """The scatter of ln η* about the best joint law, beyond the optima's own errors."""
    data = long_slices(slices, steps, FIRST_SCATTER)
    own, rate = data.slices["log_sem"].values[data.known], data.log_rate[data.known]
    found = []
    for rival in (RIVALS[name] for name in ("knee", "coherent")):
        model = joint(rival, data.slices.isel(slice=data.known))
        at = best(model, rival, rate, data.weight[data.known])
        gap, free = (rate - model.log(at)) ** 2, len(rate) - len(at)
        tried = np.linspace(0, 0.5, 501)
        misfit = (gap / (own**2 + tried[:, None] ** 2)).sum(1)
        found.append(float(tried[np.abs(misfit - free).argmin()]))
    return min(found)


def verdicts(slices: xr.Dataset, runs: xr.Dataset, steps: int, counts: np.ndarray) -> xr.Dataset:
    """Every law on the slices of at least `steps` steps; `counts` (K, C'): how often each of the
    cells comes in a resample, by columns of which the first C are used."""
    scatter = scatter_of(slices, steps)
    data = long_slices(slices, steps, scatter)
    near, counts = near_minima(runs, data.slices), counts[:, : len(data.cells)]
    by_cell = table(
        cell=data.cell, batch=data.slices["batch"].values / B_0,
        log_rate=data.log_rate, weight=data.weight,
    )  # fmt: skip
    found = {"cell": compare(RIVALS, by_cell)}
    rows, lost, pairs, at = [], [], [], {}
    for name, rival in RIVALS.items():
        every = joint(rival, data.slices)
        law, rate, weight, cell = _known(every, data)
        start = best(law, rival, rate, weight)
        at[name] = start
        chi2 = float(deviance(law, start[None], rate, weight)[0])
        again = reweighted(law, start, rate, weight, cell, counts, data.cells)
        single = without_each(law, start, rate, weight, cell, data.cells)
        double = without_pairs(law, single, rate, weight, cell, data.cells)
        lost.append(regret(data.slices, predicted(every, single, data.cell, data.cells)))
        pairs.append(regret(data.slices, predicted(every, double, data.cell, data.cells)))
        raw = np.nan if name in NEVER else _raw(every, start, near, data.slices)
        low, high = np.quantile(again, QUANTILES, axis=0)
        cell_chi2, cell_count, cell_aicc = found["cell"][name]
        rows.append({
            "batch_cell_chi2": cell_chi2, "batch_cell_parameters": cell_count,
            "batch_cell_aicc": cell_aicc, "batch_chi2": chi2, "batch_parameters": len(start),
            "batch_aicc": aicc(chi2, len(rate), len(start), known=True), "batch_raw_chi2": raw,
            "batch_value": _padded(start, law), "batch_low": _padded(low, law),
            "batch_high": _padded(high, law),
        })  # fmt: skip
    columns = {
        key: (("batch_law", "batch_parameter") if np.ndim(rows[0][key]) else "batch_law",
              np.array([row[key] for row in rows]))
        for key in rows[0]
    }  # fmt: skip
    chosen, choice = nested(np.array(lost), np.array(pairs), data.cell, data.cells)
    rules = np.array([*lost, *baselines(data.slices), chosen])
    columns |= scores(rules, data, counts)
    columns |= {
        "batch_scatter": ((), scatter),
        "batch_slices": ((), len(data.cell)),
        "batch_optima": ((), int(data.known.sum())),
        "batch_raw_points": ((), len(near.slice)),
        "batch_chosen": ("batch_law", np.bincount(choice, minlength=len(LAWS)) / len(choice)),
    }
    labels = {
        "batch_law": list(LAWS),
        "batch_parameter": list(PARAMETERS),
        "batch_rule": list(RULES),
    }
    return xr.Dataset(columns, labels)


def _known(law: Joint, data: Long):
    keep = data.known
    return law.at(keep), data.log_rate[keep], data.weight[keep], data.cell[keep]


def _raw(law: Joint, start: np.ndarray, near, slices: xr.Dataset) -> float:
    model = raw_losses(law, near, slices)
    at = copies(model, np.append(start, np.log(STEEP)), near.log_loss, near.weight)
    return float(deviance(model, at, near.log_loss, near.weight)[0])


def _padded(values: np.ndarray, law: Joint) -> np.ndarray:
    """Values in the order of PARAMETERS, NaN where a law has none."""
    names = [name if name in PARAMETERS else "shape" for name in law.names]
    found = dict(zip(names, values, strict=True))
    return np.array([found.get(name, np.nan) for name in PARAMETERS])


def baselines(slices: xr.Dataset) -> list[np.ndarray]:
    """Regret of Step Law's own learning rate, as it stands and scaled by powers of B/B*."""
    params, tokens = slices["N"].values, slices["D"].values
    rate = np.log(np.asarray(STEP_LR.jax(params, tokens), float))
    ratio = np.log(slices["batch"].values / np.asarray(STEP_BATCH.jax(tokens), float))
    return [regret(slices, rate + power * ratio) for power in BASELINES.values()]


def scores(rules: np.ndarray, data: Long, counts: np.ndarray) -> dict:
    """Mean, 95th percentile and maximum of regret (rules, n), in %; and how much more than the rule
    of least mean each loses. Standard errors are those of a bootstrap over cells."""
    belongs = (data.cell == data.cells[:, None]).astype(float)
    size = counts @ belongs.sum(1)
    finite = np.where(np.isfinite(rules), rules, np.nan)
    mean = rules.mean(1)
    gap = finite - finite[mean[:-1].argmin()]
    spread, own = (((x @ belongs.T) @ counts.T / size).std(1) for x in (gap, finite))
    return {
        "batch_regret_mean": ("batch_rule", mean),
        "batch_regret_sem": ("batch_rule", own),
        "batch_regret_p95": ("batch_rule", np.quantile(finite, 0.95, axis=1)),
        "batch_regret_max": ("batch_rule", rules.max(1)),
        "batch_regret_gap": ("batch_rule", gap.mean(1)),
        "batch_regret_gap_sem": ("batch_rule", spread),
    }

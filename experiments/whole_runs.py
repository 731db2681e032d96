"""Whole runs on quadratics: the best constant learning rate by batch size, in three senses.

By *target*: fewest steps until the mean loss first falls to a fraction of its start (interpolated
between steps).  By *horizon*: least mean loss after so many steps.  After a *branch*: all train to
one loss at one batch size and rate, then least loss so many steps on (the seed paper's protocol;
the rule's state begins anew).  The three differ: at a fixed horizon even a diagonal Hessian makes
ε*(B) fall.  Beside each curve where it peaks and how far it falls, and by target how the peak
drifts as the loss falls.  All runs of a problem and a rule share their random numbers.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from experiments import run_cells, run_problems, run_rules
from experiments.errors import InputError
from experiments.progress import Report, progress
from experiments.run_cells import GROUPS, branched, measured
from experiments.run_peaks import T95, drift, peak
from experiments.run_problems import KINDS
from experiments.run_rules import RULES
from experiments.run_valleys import wide_best
from experiments.spec import (
    Experiment,
    check_batches,
    check_groups,
    check_names,
    check_positive,
    check_seed,
)
from experiments.store import Store

BLOCK = 4  # batch sizes in a cell
UNSURE = 0.4  # a standard error of ln B_peak above this shows no place
SHORT = 8.0  # steps: to targets met in fewer at the largest batch no drift is followed
CODE = (run_problems, run_rules, run_cells)
PEAK = ("batch", "log_batch_sem", "lr", "log_lr_sem", "fall", "fall_sem", "rise", "rise_sem")


@dataclass(frozen=True)
class Spec:
    """Settings. `more_rules` run on `more_problems` at every second batch size and half the seeds,
    to half the last horizon.  `targets`: fractions of the starting loss; `horizons`, `after`: in
    steps; `ratio`: between learning rates; `branch_loss`, `branch_batch`: where runs branch off."""

    problems: tuple[str, ...] = tuple(KINDS)  # scientific
    rules: tuple[str, ...] = ("sign", "adam", "sgd")  # scientific
    more_problems: tuple[str, ...] = ("coherent", "power_law")  # scientific
    more_rules: tuple[str, ...] = tuple(r for r in RULES if r not in ("sign", "adam", "sgd"))
    batches: tuple[int, ...] = tuple(2**k for k in range(16))  # scientific
    targets: tuple[float, ...] = (0.5, 0.35, 0.25, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.0125)
    horizons: tuple[int, ...] = (50, 100, 200, 400)  # scientific
    after: tuple[int, ...] = (4, 16, 64)  # scientific
    branch_loss: float = 0.2  # scientific
    branch_batch: int = 64  # scientific
    ratio: float = 1.13  # nuisance
    seeds: int = 64  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(
        problems=("coherent", "diagonal"), rules=("sign",), more_rules=(), more_problems=(),
        batches=(1, 16, 64, 128, 256, 512, 2048, 16384), targets=(0.5, 0.2, 0.1),
        horizons=(50, 100), after=(16,), seeds=32,
    ),
    "default": Spec(),
    "paper": Spec(seeds=256, ratio=1.08, horizons=(50, 100, 200, 400, 1000)),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_seed(spec.seed)
    check_positive(branch_loss=spec.branch_loss, branch_batch=spec.branch_batch)
    check_names("problem", spec.problems, KINDS)
    check_names("rule", spec.rules, RULES)
    if spec.more_problems:
        check_names("more-problem", spec.more_problems, KINDS)
    if spec.more_rules:
        check_names("more-rule", spec.more_rules, RULES)
    if set(spec.rules) & set(spec.more_rules) or not set(spec.more_problems) <= set(spec.problems):
        raise InputError("more-rules must be other rules, more-problems among the problems")
    if not 1 < spec.ratio <= 1.5:
        raise InputError(f"ratio must be above 1 and at most 1.5, not {spec.ratio}")
    check_groups(spec.seeds, 2 * GROUPS)
    for name, values, sign in (
        ("targets", spec.targets, -1), ("horizons", spec.horizons, 1), ("after", spec.after, 1),
    ):  # fmt: skip
        if not values or min(values) <= 0 or any(sign * np.diff(values) <= 0):
            way = "increase" if sign > 0 else "decrease"
            raise InputError(f"{name} must be positive and {way}: {list(values)}")
    if max(*spec.targets, spec.branch_loss) >= 1:
        raise InputError("targets and branch-loss must be below 1")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """Cells of measurement by problem, rule and block of batch sizes; then optima and peaks."""
    pairs = [(problem, rule, True) for problem in spec.problems for rule in spec.rules]
    pairs += [(problem, rule, False) for problem in spec.more_problems for rule in spec.more_rules]
    parts: list[xr.Dataset] = []
    with progress("whole_runs", len(pairs)) as report:
        for problem, rule, full in pairs:
            part = _pair(spec, problem, rule, full, store, report)
            parts.append(part.expand_dims(problem=[problem], rule=[rule]))
    joined = xr.merge(parts, join="outer", compat="no_conflicts")
    result: xr.Dataset = joined.sel(
        problem=list(spec.problems), rule=[*spec.rules, *spec.more_rules]
    )
    return with_units(result).assign_attrs(seeds=spec.seeds, groups=GROUPS, t95=T95)


def _pair(
    spec: Spec, problem: str, rule: str, full: bool, store: Store, report: Report
) -> xr.Dataset:
    batches = spec.batches if full else spec.batches[::2]
    horizons = spec.horizons
    if not full:
        horizons = tuple(h for h in horizons if 2 * h <= horizons[-1])
    recalled = True
    grids: list[xr.Dataset] = []
    branches: list[xr.Dataset] = []
    for first in range(0, len(batches), BLOCK):
        asked = {
            "problem": problem, "rule": rule, "batches": batches[first : first + BLOCK],
            "ratio": spec.ratio, "seed": spec.seed,
            "seeds": spec.seeds if full else spec.seeds // 2,
        }  # fmt: skip
        question = asked | {"targets": spec.targets, "horizons": horizons}
        cell, known = store.cell(
            f"whole_runs-{problem}-{rule}", question, CODE, partial(measured, question)
        )
        grids.append(cell)
        recalled &= known
        if not full or RULES[rule].reference is None:
            continue
        question = asked | {
            "after": spec.after, "loss": spec.branch_loss, "batch": spec.branch_batch,
        }  # fmt: skip
        cell, known = store.cell(
            f"whole_runs-{problem}-{rule}-branch", question, CODE, partial(branched, question)
        )
        branches.append(cell)
        recalled &= known
    report(f"{problem}, {rule}", recalled=recalled)
    grid = xr.concat(grids, "batch", join="exact", data_vars="minimal")
    found = [optima(grid["by_target"]), optima(grid["by_horizon"])]
    if branches:
        after = xr.concat(branches, "batch", join="exact", data_vars="minimal", compat="equals")
        found += [optima(after["by_branch"]), after[["branch_step"]]]
    return xr.merge(found, join="exact", compat="no_conflicts")


def optima(value: xr.DataArray) -> xr.Dataset:
    """Best rates by batch size and target (or horizon), their peaks, and the peaks' drift.

    `refused`: 0 where there is an optimum, 1 where it lies at the grid's end, 2 where no rate
    reaches; `cliff`: beside it runs diverge, or never reach.
    """
    sense = str(value.name)
    axis = str(value.dims[-1])
    value = value.transpose("batch", axis, "lr", "replicate")
    best = wide_best(value["lr"].values, value.values)
    refused = np.where(best.unreached, 2, np.where(best.edge, 1, 0))
    columns = {
        "lr": best.lr, "log_lr_sem": best.log_lr_sem, "value": best.value,
        "log_value_sem": best.log_value_sem, "refused": refused.astype(np.int8),
        "cliff": best.cliff.astype(np.int8),
    }  # fmt: skip
    result = xr.Dataset(
        {f"{sense}_{name}": (("batch", axis), column) for name, column in columns.items()},
        {"batch": value["batch"].values, axis: value[axis].values},
    )
    batches = result["batch"].values
    peaks = [peak(batches, best.lr_r[:, m], best.log_lr_sem[:, m]) for m in range(best.lr.shape[1])]
    for name in PEAK:
        result[f"{sense}_peak_{name}"] = (axis, [getattr(one, name) for one in peaks])
    if axis == "target":
        sure = np.array([one.log_batch_sem < UNSURE for one in peaks])
        long = sure & (best.value[-1] >= SHORT)
        places = np.where(long[:, None], np.stack([one.batch_r for one in peaks]), np.nan)
        for name, number in zip(("", "_sem", "_n"), drift(value[axis].values, places), strict=True):
            result[f"drift{name}"] = ((), float(number))
    return result


def with_units(result: xr.Dataset) -> xr.Dataset:
    units = {"batch": "samples", "target": "loss/start", "horizon": "steps", "after": "steps"}
    for name in map(str, result.variables):
        if name in units:
            result[name].attrs["units"] = units[name]
        elif name.endswith(("_lr", "peak_lr")):
            result[name].attrs["units"] = "θ²/loss for rules linear in the gradient, else θ"
        elif name.endswith("peak_batch"):
            result[name].attrs["units"] = "samples"
    result["by_target_value"].attrs["units"] = result["branch_step"].attrs["units"] = "steps"
    result["by_horizon_value"].attrs["units"] = "loss/start"
    result["by_branch_value"].attrs["units"] = "loss/loss at the branch"
    return result


EXPERIMENT = Experiment(
    name="whole_runs",
    title="Whole runs on quadratics: ε* by target, by horizon and after a branch",
    core=False,
    budget_seconds=300,
    presets=PRESETS,
    validate=validate,
    run=run,
)

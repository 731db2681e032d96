"""Momentum over whole runs: the best constant learning rate by horizon and by target, for every β1,
beside what the one-step and the long-run noise factors say of it; and what β2 of Adam changes.

By horizon: least loss K steps after the rule's averages became stationary at the start (`warm`), so
that K = 1 is the one step of the laws.  By target: fewest steps to a loss, of runs from new state.
The predictions take the measured ε* of the rule without momentum and move it by a factor.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
import xarray as xr

from experiments import run_problems
from experiments.errors import InputError
from experiments.momentum_predictions import KINDS, PLAIN, predicted
from experiments.progress import Report, progress
from experiments.run_problems import KINDS as PROBLEMS
from experiments.spec import Experiment, check_batches, check_groups, check_names, check_seed
from experiments.store import Store
from sim import Quadratic, best_lr, trajectory, warm
from sim import quadratic as q
from sim.best_lr import best_lrs, jackknife

CODE = (run_problems, trajectory, best_lr, warm, sys.modules[__name__])
GROUPS = 8
RATES = {"sgd": (1e-3, 20.0, 44), "sign": (3e-4, 3.0, 40)}  # over λ_max; of signs
CLIFF = np.log(RATES["sign"][1] / RATES["sign"][0]) / (RATES["sign"][2] - 1) / 3**0.5
PLAIN_BATCHES = tuple(2.0**k for k in range(2, 18))
BETA2 = (0.9, 0.95, 0.99, 0.999)
HALF_LIFE = (0.99, 256.0)  # β2 of the schedule of one half-life in samples, and at which batch


@dataclass(frozen=True)
class Spec:
    """Settings. `betas`: β1; `horizons`: K, in steps; `targets`: losses over the start's;
    `longest`: most steps of a run to a target; `batches_beta2`: of Adam with several β2."""

    problems: tuple[str, ...] = ("coherent", "power_law")  # scientific
    betas: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)  # scientific
    batches: tuple[int, ...] = (4, 32, 256, 2048)  # scientific
    horizons: tuple[int, ...] = (1, 3, 10, 30, 100, 300, 1000)  # scientific
    targets: tuple[float, ...] = (0.2, 0.05)  # scientific
    batches_beta2: tuple[int, ...] = (4, 16, 64, 256, 1024, 4096)  # scientific
    longest: int = 1000  # fixed
    seeds: int = 32  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(problems=("coherent",), betas=(0.9,), batches=(16, 256), horizons=(1, 10, 100),
                  targets=(0.2,), batches_beta2=(16, 256), longest=150, seeds=8),
    "default": Spec(),
    "paper": Spec(problems=tuple(PROBLEMS), seeds=128),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_batches(spec.batches_beta2)
    check_seed(spec.seed)
    check_names("problem", spec.problems, PROBLEMS)
    if not spec.betas or not all(0 < beta < 1 for beta in spec.betas):
        raise InputError(f"betas must lie between 0 and 1: {list(spec.betas)}")
    if not spec.horizons or spec.horizons[0] < 1 or not (np.diff(spec.horizons) > 0).all():
        raise InputError(f"horizons must be at least 1 and increase: {list(spec.horizons)}")
    if not spec.targets or not all(0 < target < 1 for target in spec.targets):
        raise InputError(f"targets must lie between 0 and 1: {list(spec.targets)}")
    check_groups(spec.seeds, GROUPS)
    if spec.longest < 1:
        raise InputError("a run has at least one step")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """Cells by problem, rule, β and criterion; predictions are computed anew."""
    parts = len(PLAIN) * (1 + len(spec.betas)) * 2 + len(BETA2) + 1
    with progress("momentum_runs", len(spec.problems) * parts) as report:
        rows = [_problem(spec, name, store, report) for name in spec.problems]
    result = xr.concat(rows, "problem", join="exact", data_vars="all")
    result = result.assign_coords(problem=list(spec.problems))
    for name in ("batch", "batch_beta2"):
        result[name].attrs["units"] = "samples"
    return result


def _problem(spec: Spec, name: str, store: Store, report: Report) -> xr.Dataset:
    rules = []
    for rule, plain in PLAIN.items():
        many = spec.batches if rule == "adam" else PLAIN_BATCHES
        base = _both(spec, store, report, name, plain, many, {})
        betas = []
        for beta1 in spec.betas:
            found = _both(spec, store, report, name, rule, spec.batches, {"beta1": beta1})
            betas.append(_beside(spec, name, rule, beta1, found, base))
        joined = xr.concat(betas, "beta1", join="exact", data_vars="all")
        same = base.sel(batch=list(spec.batches))
        joined["plain_lr"], joined["plain_sem"] = same.lr, same.sem
        rules.append(joined.assign_coords(beta1=list(spec.betas)))
    whole = xr.concat(rules, "rule", join="exact", data_vars="all")
    whole = whole.assign_coords(rule=list(PLAIN), kind=list(KINDS))
    return xr.merge([whole, _beta2(spec, store, report, name)], join="exact")


def _beside(spec: Spec, name: str, rule: str, beta1: float, found, base) -> xr.Dataset:
    """The predictions of each factor beside what was found, and the error of ln(one/other), from
    paired replicates; K by target is the steps it took."""
    problem = run_problems.make(name)
    predictions, errors = [], []
    for place, criterion in enumerate(found.criterion.values):
        steps = found.value.values[:, place]
        if place < len(spec.horizons):
            steps = np.full(len(spec.batches), float(spec.horizons[place]))
        plain = base.sel(criterion=criterion)
        lr_kbr = predicted(
            rule, beta1, spec.batches, steps, base.batch.values, plain.lr_r.values, problem
        )
        here = found.isel(criterion=place)
        error = jackknife(np.log(lr_kbr) - np.log(here.lr_r.values))
        own = plain.cliff.values if rule == "adam" else np.zeros(len(spec.batches), bool)
        errors.append(np.hypot(error, CLIFF * (here.cliff.values | own)))
        predictions.append(lr_kbr[..., 0])
    both = ("criterion", "kind", "batch")
    return found.drop_vars("lr_r").assign(
        predicted=(both, np.array(predictions)), ratio_sem=(both, np.array(errors))
    )


def _both(spec, store, report, name, rule, batches, parameters) -> xr.Dataset:
    """ε* by horizon and by target, on one axis."""
    asked = {"problem": name, "rule": rule, "batches": list(batches), "seeds": spec.seeds,
             "seed": spec.seed, **parameters}  # fmt: skip
    given = (spec, name, rule, batches, parameters)
    cells = []
    for kind, more, measure in (
        ("warm", {"horizons": spec.horizons}, _by_horizon),
        ("fresh", {"targets": spec.targets, "longest": spec.longest}, _by_target),
    ):
        cell, recalled = store.cell(
            f"momentum_runs-{name}-{rule}-{kind}", asked | more, CODE, partial(measure, *given)
        )
        report(f"{name}, {rule}, {kind}", recalled=recalled)
        cells.append(cell)
    both = xr.concat(cells, "criterion", join="exact", data_vars="all")
    criteria = [f"K = {k}" for k in spec.horizons] + [f"L/L0 = {x:g}" for x in spec.targets]
    return both.assign_coords(criterion=criteria, batch=np.asarray(batches, float))


def _lrs(rule: str, problem: Quadratic) -> np.ndarray:
    linear = rule in ("sgd", "momentum")
    low, high, count = RATES["sgd" if linear else "sign"]
    unit = np.linalg.eigvalsh(np.asarray(q.dense(problem.hessian), float))[-1] if linear else 1.0
    return np.geomspace(low, high, count) / unit


def _key(spec: Spec):
    return jax.random.key(spec.seed + 1)


def _by_horizon(spec: Spec, name: str, rule: str, batches, parameters) -> xr.Dataset:
    problem = run_problems.make(name)
    lrs = _lrs(rule, problem)
    loss = warm.run_warm(
        rule, problem, batches=batches, lrs=lrs.tolist(), steps=spec.horizons, seeds=spec.seeds,
        groups=GROUPS, key=_key(spec), **parameters,
    )  # fmt: skip
    return _dataset(lrs, np.moveaxis(loss, -1, 1))


def _by_target(spec: Spec, name: str, rule: str, batches, parameters) -> xr.Dataset:
    problem = run_problems.make(name)
    lrs = _lrs(rule, problem)
    start = 0.5 * float(q.quadratic_form(problem.hessian, problem.theta))
    grid = trajectory.run_grid(
        rule, problem, batches=batches, lrs=lrs.tolist(), steps=[spec.longest],
        targets=[start * share for share in spec.targets], seeds=spec.seeds, groups=GROUPS,
        key=_key(spec), **parameters,
    )  # fmt: skip
    return _dataset(lrs, np.moveaxis(grid.passage_berm, -1, 1))


def _dataset(lrs, value_bker) -> xr.Dataset:
    best = best_lrs(lrs, value_bker)
    columns = {"lr": best.lr, "sem": best.log_lr_sem, "value": best.value, "cliff": best.cliff}
    columns["lr"] = np.where(best.edge, np.nan, best.lr)  # an edge optimum is none
    found = xr.Dataset({key: (("batch", "criterion"), x) for key, x in columns.items()})
    each = np.where(best.edge[..., None], np.nan, best.lr_r)
    return found.assign(lr_r=(("batch", "criterion", "replicate"), each))


def _beta2(spec: Spec, store: Store, report: Report, name: str) -> xr.Dataset:
    """ε* of Adam by target, for each β2 and for one half-life in samples, β2^(B/B')."""
    rows = []
    beta2, at = HALF_LIFE
    schedules = {
        **{f"{value:g}": [(spec.batches_beta2, value)] for value in BETA2},
        "half-life": [((batch,), float(beta2 ** (batch / at))) for batch in spec.batches_beta2],
    }
    for label, parts in schedules.items():
        cells = []
        for batches, value in parts:
            parameters = {"beta1": 0.9, "beta2": value}
            cell, recalled = store.cell(
                f"momentum_runs-{name}-beta2",
                {"problem": name, "batches": list(batches), "targets": spec.targets,
                 "longest": spec.longest, "seeds": spec.seeds, "seed": spec.seed, **parameters},
                CODE,
                partial(_by_target, spec, name, "adam", batches, parameters),
            )  # fmt: skip
            cells.append(cell)
        report(f"{name}, adam, β2 {label}", recalled=recalled)
        rows.append(xr.concat(cells, "batch", data_vars="all"))
    joined = xr.concat(rows, "beta2", join="exact", data_vars="all")
    joined = joined.rename(
        batch="batch_beta2", criterion="target", lr="beta2_lr", sem="beta2_sem",
        value="beta2_steps", cliff="beta2_cliff", lr_r="beta2_lr_r",
    )  # fmt: skip
    return joined.assign_coords(
        beta2=list(schedules), batch_beta2=list(spec.batches_beta2), target=list(spec.targets)
    )


EXPERIMENT = Experiment(
    name="momentum_runs",
    title="Momentum over whole runs",
    core=False,
    budget_seconds=300,
    presets=PRESETS,
    validate=validate,
    run=run,
)

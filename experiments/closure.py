"""Whole runs predicted and simulated: expected loss and best learning rate over a (B × ε) grid.

The prediction is `theory.closure`: exact for SGD and momentum, the Gaussian closure for signs, a
mean second moment for Adam and RMSProp. The best rates of both are found by the same parabola, by
target and by horizon. `index` is ε‖H‖√B/σ: how far a step moves a gradient, in units of its noise.
Wrong laws beside: half the noise, and signs whose remainders are independent.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from experiments import closure_laws, run_cells, run_problems, run_rules
from experiments.closure_laws import predicted
from experiments.errors import InputError
from experiments.progress import Report, progress
from experiments.run_cells import GROUPS, measured
from experiments.run_problems import KINDS
from experiments.run_rules import RULES
from experiments.spec import (
    Experiment,
    check_batches,
    check_groups,
    check_names,
    check_seed,
)
from experiments.store import Store
from sim.best_lr import best_lrs, jackknife
from theory import closure, closure_rules, closure_sign, closure_step, mehler, moments
from theory.closure_rules import MAKERS

CODE = (run_problems, run_rules, run_cells)
LAWS = (*CODE, closure_laws, closure, closure_rules, closure_step, closure_sign, mehler, moments)
SENSES = {"by_target": "target", "by_horizon": "horizon"}


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: each four times the one before, for the control with half the noise;
    `targets`: fractions of the starting loss; `horizons`: in steps; `ratio`: between rates."""

    problems: tuple[str, ...] = tuple(KINDS)  # scientific
    rules: tuple[str, ...] = ("sgd", "sign", "signum", "adam")  # scientific
    batches: tuple[int, ...] = tuple(4**k for k in range(8))  # scientific
    targets: tuple[float, ...] = (0.5, 0.2, 0.05)  # scientific
    horizons: tuple[int, ...] = (30, 80, 240)  # scientific
    ratio: float = 1.25  # nuisance
    seeds: int = 64  # nuisance
    seed: int = 7  # nuisance


PRESETS = {
    "smoke": Spec(
        problems=("coherent", "diagonal"), rules=("sgd", "sign"), batches=(16, 64, 256),
        targets=(0.5,), horizons=(10, 30), ratio=1.4, seeds=32,
    ),
    "default": Spec(),
    "paper": Spec(rules=("sgd", "momentum", "sign", "signum", "lion", "rmsprop", "adam"),
                  ratio=1.15, seeds=512),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_seed(spec.seed)
    if any(4 * b != c for b, c in zip(spec.batches, spec.batches[1:], strict=False)):
        raise InputError("each batch size must be four times the one before")
    check_names("problem", spec.problems, KINDS)
    check_names("rule", spec.rules, sorted(set(RULES) & set(MAKERS)))
    if not 1 < spec.ratio <= 1.5:
        raise InputError(f"ratio must be above 1 and at most 1.5, not {spec.ratio}")
    check_groups(spec.seeds, GROUPS)
    if spec.seeds == GROUPS:
        raise InputError(f"seeds must be more than {GROUPS}")
    for name, values, way in (("targets", spec.targets, -1), ("horizons", spec.horizons, 1)):
        if not values or min(values) <= 0 or (way * np.diff(values) <= 0).any():
            raise InputError(f"{name} must be positive and in order: {list(values)}")
    if spec.targets[0] >= 1:
        raise InputError("targets must be below 1")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """A cell of measurement and one of laws by problem and rule; then best rates of both."""
    pairs = [(problem, rule) for problem in spec.problems for rule in spec.rules]
    parts: list[xr.Dataset] = []
    with progress("closure", 2 * len(pairs)) as report:
        for problem, rule in pairs:
            part = _pair(spec, problem, rule, store, report)
            parts.append(part.expand_dims(problem=[problem], rule=[rule]))
    joined: xr.Dataset = xr.merge(parts, join="outer", compat="no_conflicts")
    result = joined.sel(problem=list(spec.problems), rule=list(spec.rules))
    for name, unit in (("batch", "samples"), ("target", "loss/start"), ("horizon", "steps")):
        result[name].attrs["units"] = unit
    result["rate"].attrs["units"] = "θ²/loss for rules linear in the gradient, else θ"
    return result.assign_attrs(seeds=spec.seeds, groups=GROUPS)


def _pair(spec: Spec, problem: str, rule: str, store: Store, report: Report) -> xr.Dataset:
    question = {
        "problem": problem, "rule": rule, "batches": spec.batches, "ratio": spec.ratio,
        "seed": spec.seed, "seeds": spec.seeds, "targets": spec.targets, "horizons": spec.horizons,
    }  # fmt: skip
    cell, recalled = store.cell(
        f"closure-{problem}-{rule}", question, CODE, partial(measured, question)
    )
    report(f"{problem}, {rule}", recalled=recalled)
    laws, recalled = store.cell(
        f"closure-{problem}-{rule}-laws", question, LAWS, partial(predicted, question)
    )
    report(f"{problem}, {rule}, predicted", recalled=recalled)
    return joined(cell, laws)


def joined(cell: xr.Dataset, laws: xr.Dataset) -> xr.Dataset:
    """Losses of one horizon after the other and best rates of one problem and rule, simulated
    beside predicted."""
    found = [_best(cell[sense], laws[f"{sense}_law"]) for sense in SENSES]
    losses = cell["by_horizon"].transpose("batch", "lr", "horizon", "replicate")
    columns = {
        "loss": losses[..., 0].values, "loss_sem": jackknife(losses.values),
        "loss_law": laws["by_horizon_law"].sel(law="closure").transpose("batch", "lr", "horizon"),
        "index": laws["index"],
    }  # fmt: skip
    whole = xr.merge(found, join="exact").assign(
        {
            name: (("batch", "step", "horizon")[: np.ndim(x)], _single(x))
            for name, x in columns.items()
        }
    )
    return whole.assign(
        rate=("step", cell["lr"].values), seconds=laws["seconds"], norm=laws["norm"]
    ).assign_coords(step=np.arange(cell.sizes["lr"]))


def _single(x) -> np.ndarray:
    """In float32, where a loss that has diverged may be infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(x).astype(np.float32)


def _best(value: xr.DataArray, law: xr.DataArray) -> xr.Dataset:
    """Best rates by batch size and target (or horizon), measured and by law; `refused` where the
    measured one has no optimum inside the grid, or runs beside it never reach."""
    sense, axis = str(value.name), SENSES[str(value.name)]
    found = best_lrs(value["lr"].values, value.transpose("batch", axis, "lr", "replicate").values)
    exact = law.transpose("law", "batch", axis, "lr").values
    ours = best_lrs(value["lr"].values, np.repeat(exact[..., None], 3, axis=-1))
    columns = {
        "lr": found.lr, "log_lr_sem": found.log_lr_sem, "value": found.value,
        "log_value_sem": found.log_value_sem,
        "refused": (found.unreached | found.edge | found.cliff).astype(np.int8),
    }  # fmt: skip
    result = xr.Dataset(
        {f"{sense}_{name}": (("batch", axis), column) for name, column in columns.items()},
        {"batch": value["batch"].values, axis: value[axis].values, "law": law["law"].values},
    )
    result[f"{sense}_lr_law"] = (("law", "batch", axis), ours.lr)
    result[f"{sense}_value_law"] = (("law", "batch", axis), ours.value)
    return result


EXPERIMENT = Experiment(
    name="closure",
    title="Whole runs on quadratics: predicted against simulated",
    core=False,
    budget_seconds=300,
    presets=PRESETS,
    validate=validate,
    run=run,
)

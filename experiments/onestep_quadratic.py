"""The one-step laws on quadratics with known Hessians: ε*(B) for B = 1 … 65536 on nine problems.

Measured by Monte Carlo: E[VᵀG], E[VᵀHV], ε* and ΔL* of SGD and sign descent.  Beside it the laws
(Lemma 1, Theorems 2 to 5; with the noise's correlation where there is one) and deliberately wrong
laws, the negative controls.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
import xarray as xr

import theory
from experiments import problems, quadratic_laws
from experiments.errors import InputError
from experiments.problems import PROBLEMS, make_problem
from experiments.progress import Report, progress
from experiments.quadratic_laws import QUANTITIES, problem_laws
from experiments.spec import (
    Experiment,
    check_batches,
    check_names,
    check_resolution,
    check_seed,
)
from experiments.store import Store
from sim import onestep
from sim.rules import RULES

CODE = (problems, sys.modules[__name__])
UNITS = {"lr_star": "θ²/loss", "decrease": "loss", "numerator": "loss/θ", "denominator": "loss/θ²"}


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: batch sizes in samples; `resolution`: relative standard error aimed at;
    `limit`: most pairs of draws per batch size; `seed`: of problems and draws."""

    problems: tuple[str, ...] = tuple(PROBLEMS)  # scientific
    rules: tuple[str, ...] = ("sign", "sgd")  # scientific
    batches: tuple[int, ...] = tuple(2**k for k in range(17))  # scientific
    resolution: float = 0.00125  # nuisance
    limit: int = 2**22  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(problems=("diagonal", "rank_one"), batches=(1, 16, 256, 65536)),
    "default": Spec(),
    "paper": Spec(resolution=0.0005, limit=2**25),
}


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_resolution(spec.resolution)
    check_seed(spec.seed)
    if spec.limit < 2:
        raise InputError(f"limit must be at least 2, not {spec.limit}")
    check_names("problem", spec.problems, PROBLEMS)
    check_names("rule", spec.rules, ("sign", "sgd"))


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """One cell of measurement per problem and rule, over all batch sizes, and one of laws per
    problem; together, with units."""
    with progress("onestep_quadratic", len(spec.problems) * (1 + len(spec.rules))) as report:
        rows = [_problem(spec, name, store, report) for name in spec.problems]
    result = xr.concat(rows, "problem", join="exact", data_vars="all")
    result = result.assign_coords(problem=list(spec.problems))
    for quantity, unit in UNITS.items():
        for variable in result.data_vars:
            if str(variable).startswith(quantity):
                result[variable].attrs["units"] = unit
    result["batch"].attrs["units"] = "samples"
    return result


def _problem(spec: Spec, name: str, store: Store, report: Report) -> xr.Dataset:
    cells = []
    asked = {"problem": name, "seed": spec.seed, "batches": spec.batches}
    for rule in spec.rules:
        cell, recalled = store.cell(
            f"onestep_quadratic-{name}-{rule}",
            asked | {"rule": rule, "resolution": spec.resolution, "limit": spec.limit},
            CODE,
            partial(_measure_cell, spec, name, rule),
        )
        cells.append(cell)
        report(f"{name}, {rule}", recalled=recalled)
    laws, recalled = store.cell(
        f"onestep_quadratic-{name}-laws",
        asked | {"rules": spec.rules},
        (*CODE, theory, quadratic_laws),
        partial(problem_laws, name, spec.seed, spec.rules, spec.batches),
    )
    report(f"{name}, laws", recalled=recalled)
    measured = xr.concat(cells, "rule", join="exact", data_vars="all")
    measured = measured.assign_coords(rule=list(spec.rules))
    return xr.merge([measured, laws], join="exact", compat="no_conflicts")


def _measure_cell(spec: Spec, name: str, rule: str) -> xr.Dataset:
    key = jax.random.fold_in(jax.random.key(spec.seed + 1), list(PROBLEMS).index(name))
    steps = onestep.measure_to(
        spec.resolution,
        rule,
        make_problem(name, spec.seed),
        batches=spec.batches,
        limit=spec.limit,
        key=jax.random.fold_in(key, list(RULES).index(rule)),
    )
    columns: dict[str, list] = {"covariance": [step.covariance for step in steps]}
    columns["draws"] = [step.numerator.n for step in steps]
    columns["heavy"] = [any(part.heavy for part in step.estimates) for step in steps]
    for quantity in QUANTITIES:
        parts = [getattr(step, quantity) for step in steps]
        columns[f"{quantity}_mean"] = [part.mean for part in parts]
        columns[f"{quantity}_sem"] = [part.sem for part in parts]
    return xr.Dataset(
        {name: ("batch", np.asarray(values)) for name, values in columns.items()},
        coords={"batch": list(spec.batches)},
    )


EXPERIMENT = Experiment(
    name="onestep_quadratic",
    title="One step on quadratics with known Hessians",
    core=True,
    budget_seconds=150,
    presets=PRESETS,
    validate=validate,
    run=run,
)

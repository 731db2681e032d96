"""Where an approximate law holds: its error against the exact law over B, correlation and spread.

On the family of problems of `approximations`, ρ from 0 to 0.99. Theory only: nothing is drawn.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

import theory
from experiments import approximations
from experiments.approximations import APPROXIMATIONS, point
from experiments.errors import InputError
from experiments.progress import progress
from experiments.spec import Experiment, check_batches, check_names
from experiments.store import Store

SPREADS = (0.0, 1.0, 2.0)  # with which correlation is combined


@dataclass(frozen=True)
class Spec:
    """Settings: the approximations and the grid on which they are tried."""

    approximations: tuple[str, ...] = tuple(APPROXIMATIONS)  # scientific
    spreads: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # scientific
    correlations: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.9, 0.99)
    batches: tuple[int, ...] = tuple(round(10 ** (k / 2)) for k in range(13))  # scientific


PRESETS = {
    "smoke": Spec(spreads=(0.0, 1.0), correlations=(0.0, 0.3), batches=(1, 100, 10**4)),
    "default": Spec(),
    "paper": Spec(batches=tuple(round(10 ** (k / 4)) for k in range(2, 25))),
}


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_names("approximation", spec.approximations, APPROXIMATIONS)
    for name, values, most in (("spread", spec.spreads, 5), ("correlation", spec.correlations, 1)):
        if not values or not all(0 <= value < most for value in values):
            raise InputError(f"each {name} must be at least 0 and below {most}: {list(values)}")
        if len(set(values)) < len(values):
            raise InputError(f"name each {name} once: {list(values)}")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """One cell per approximation."""
    cells = []
    with progress("law_errors", len(spec.approximations)) as report:
        for name in spec.approximations:
            question = {"approximation": name, "spreads": spec.spreads, "batches": spec.batches}
            cell, recalled = store.cell(
                f"law_errors-{name}",
                question | {"correlations": spec.correlations},
                (theory, approximations, sys.modules[__name__]),
                partial(_map, spec, name),
            )
            cells.append(cell)
            report(name, recalled=recalled)
    result = xr.concat(cells, "approximation", join="exact", data_vars="all")
    result = result.assign_coords(approximation=list(spec.approximations))
    for name, values in (("title", "title"), ("formula", "law")):
        words = [getattr(APPROXIMATIONS[name], values) for name in spec.approximations]
        result[name] = ("approximation", words)
    result["batch"].attrs["units"] = "samples"
    return result


def _map(spec: Spec, name: str) -> xr.Dataset:
    """approximate/exact ε* over spread, correlation and batch size; nan where not tried."""
    chosen = APPROXIMATIONS[name]
    grid = (len(spec.spreads), len(spec.correlations), len(spec.batches))
    ratio = np.full(grid, np.nan)
    for i, spread in enumerate(spec.spreads):
        for j, rho in enumerate(spec.correlations):
            if rho == 0 or (chosen.correlated and spread in SPREADS):
                at = point(spread, rho if chosen.correlated else None, spec.batches)
                ratio[i, j] = np.asarray(chosen.approximate(at)) / np.asarray(chosen.exact(at))
    return xr.Dataset(
        {"ratio": (("spread", "correlation", "batch"), ratio)},
        coords={
            "spread": list(spec.spreads),
            "correlation": list(spec.correlations),
            "batch": list(spec.batches),
        },
    )


EXPERIMENT = Experiment(
    name="law_errors",
    title="The error of approximate laws over batch size, correlation and spread",
    core=True,
    budget_seconds=60,
    presets=PRESETS,
    validate=validate,
    run=run,
)

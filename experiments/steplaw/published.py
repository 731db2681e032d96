"""What the paper says of its runs, computed again from the public ones.

Exponents by subset of the cells, by threshold, by estimator, each with three resamplings; noise;
surfaces of the cells with their plateaus; valleys and dents; the comparison table; mixtures of
experts.  Dense cells but the held-out one are what the paper fits; `held_out` is its test.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from experiments.judge import critical_z
from experiments.steplaw.bending import bending
from experiments.steplaw.comparison import comparison, table
from experiments.steplaw.convexity import LEVELS, dents, noise_of, second_valleys
from experiments.steplaw.experts import experts
from experiments.steplaw.grid import grids
from experiments.steplaw.power_law import THRESHOLD, Points, by_cell, fitted, near_best
from experiments.steplaw.surface import NARROW, REGION, points, surfaces

if TYPE_CHECKING:
    from experiments.steplaw import Spec

THRESHOLDS = (0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075, 0.01)
MIDDLE_D, MIDDLE_N = 1e10, 3e8
OWN = {"cell": "every_cell", "rule": "published_rule", "subset": "run_subset"}  # other parts differ
COMPARED = 4000  # no more than so many runs are compared with their neighbours


def subsets(runs: xr.Dataset) -> Mapping[str, np.ndarray]:
    """Masks of the runs that a fit uses."""
    dense = (runs["kind"].values == "dense") & ~runs["held_out"].values
    table, n, d = runs["source"].values == "table", runs["N"].values, runs["D"].values
    return {
        "all 41": dense,
        "published 17": dense & table,
        "other 24": dense & ~table,
        "D up to 1e10": dense & (d <= MIDDLE_D),
        "D above 1e10": dense & (d > MIDDLE_D),
        "N up to 3e8": dense & (n <= MIDDLE_N),
        "N above 3e8": dense & (n > MIDDLE_N),
        "8,000 steps or more": dense & ~runs["warming"].values,
    }


def measure(runs: xr.Dataset, spec: "Spec") -> xr.Dataset:
    """Everything, in variables of their own names; see the parts for each."""
    first = np.unique(runs["cell"].values, return_index=True)[1]
    cells = runs[["N", "N_active", "D", "kind", "held_out"]].isel(run=first)
    surface = surfaces(runs, spec.resamples, spec.seed)
    narrow = surfaces(runs, spec.resamples, spec.seed, NARROW)
    of_cells = grids(runs)
    kind = cells["kind"].values
    dense, moe = (np.flatnonzero(kind == name) for name in ("dense", "moe"))
    n, active, d = (cells[name].values for name in ("N", "N_active", "D"))

    def chosen(rows: np.ndarray) -> dict:
        return {int(row): of_cells[int(row)] for row in rows}

    compared = comparison(chosen(dense), n[dense], d[dense])
    test = int(np.flatnonzero(cells["held_out"].values)[0])
    noise, z = noise_of(of_cells), critical_z(COMPARED)
    about = xr.Dataset(
        {
            "cell_N": ("cell", n), "cell_N_active": ("cell", active), "cell_D": ("cell", d),
            "cell_kind": ("cell", kind.astype(str)),
            "cell_held_out": ("cell", cells["held_out"].values),
            "cell_best_loss": ("cell", [np.exp(grid.best) for grid in of_cells.values()]),
            "noise_by_excess": ("noise_excess", noise), "runs_public": ((), runs.sizes["run"]),
        },
        {"cell": list(of_cells), "noise_excess": LEVELS[:-1]},
    )  # fmt: skip
    again = np.log(runs["loss_again"].values / runs["loss"].values)
    found = xr.merge(
        [
            about.assign(repackaged_rms=((), np.sqrt(np.nanmean(again**2)))),
            _by_threshold(runs, spec),
            _by_estimator(runs, spec, {REGION: surface, NARROW: narrow}, n, d),
            surface.rename({name: f"surface_{name}" for name in surface.data_vars}),
            bending(
                by_cell(near_best(runs.isel(run=np.flatnonzero(subsets(runs)["all 41"])))),
                spec.resamples,
                spec.seed,
            ),
            dents(of_cells, noise, z),
            second_valleys(of_cells, noise, z),
            compared.rename(cell="dense_cell"),
            table(compared["permille"].sel(cell=test, drop=True)),
            experts(chosen(moe), n[moe], active[moe], d[moe], surface["optimum"].values[moe]),
        ],
        join="outer",
        compat="no_conflicts",
    )
    return found.rename(OWN)


def _by_threshold(runs: xr.Dataset, spec: "Spec") -> xr.Dataset:
    """`exponent`, `_low`, `_high` by subset and threshold, from the paper's estimator."""
    table = [
        [
            fitted(near_best(runs.isel(run=np.flatnonzero(mask)), level), spec.resamples, spec.seed)
            for level in THRESHOLDS
        ]
        for mask in subsets(runs).values()
    ]
    rows = [xr.concat(row, "threshold") for row in table]
    found = xr.concat(rows, "subset").assign_coords(
        subset=list(subsets(runs)), threshold=list(THRESHOLDS)
    )
    return _named(found, "exponent")


def _by_estimator(runs, spec: "Spec", of_surfaces: Mapping[float, xr.Dataset], n, d) -> xr.Dataset:
    """`estimator` likewise, by where the optimum of a cell is taken from; for all 41 and 17."""
    masks = subsets(runs)
    table = []
    for subset in ("all 41", "published 17"):
        rows = np.flatnonzero(masks[subset])
        mine, cells = runs.isel(run=rows), np.unique(runs["cell"].values[rows])
        near = near_best(mine, THRESHOLD)
        kinds: dict[str, Points] = {
            "runs within 0.25 %": near,
            "their mean, cell by cell": by_cell(near),
            "best run of each cell": by_cell(near_best(mine, 0.0)),
        }
        for region, surface in of_surfaces.items():
            part = surface.sel(cell=cells)
            kinds[f"surface within {region:.1%}"] = points(part, n[cells], d[cells])
        fits = [fitted(kind, spec.resamples, spec.seed) for kind in kinds.values()]
        table.append(xr.concat(fits, "estimator").assign_coords(estimator=list(kinds)))
    found = xr.concat(table, "estimator_subset")
    return _named(found.assign_coords(estimator_subset=["all 41", "published 17"]), "estimator")


def _named(found: xr.Dataset, name: str) -> xr.Dataset:
    names = {"value": f"{name}_value", "low": f"{name}_low", "high": f"{name}_high"}
    return found.rename({**names, "points": f"{name}_points", "cells": f"{name}_cells"})

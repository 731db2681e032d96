"""Monte Carlo of one step of an update rule on a problem drawn at random, at every batch size."""

import zlib

import jax
import numpy as np
import xarray as xr

from experiments.random_problems import KINDS, draw
from experiments.rule_cases import Case
from sim import onestep

QUANTITIES = ("lr_star", "decrease", "numerator", "denominator")
SURELY, RARELY = 0.6, 0.85  # of the resolution: aim of chains, whose pilots are uncertain; of signs
ENOUGH = 0.2  # draws at B = 1, in units of 1/resolution², of rules whose memory is long
FEWEST = 2**13  # draws of them at any batch size


def measurement(
    case: Case, problem: str, seed: int, grid: tuple[int, ...], resolution: float, limit: int
) -> xr.Dataset:
    """Mean and standard error of all four quantities by batch size, nan where none was measured."""
    batches = case.batches(grid)
    steps = _steps(case, problem, seed, resolution, limit, batches)
    columns: dict[str, list] = {"draws": [step.numerator.n for step in steps]}
    columns["heavy"] = [any(part.heavy for part in step.estimates) for step in steps]
    for quantity in QUANTITIES:
        parts = [getattr(step, quantity) for step in steps]
        columns[f"{quantity}_mean"] = [part.mean for part in parts]
        columns[f"{quantity}_sem"] = [part.sem for part in parts]
    cell = xr.Dataset(
        {name: ("batch", np.asarray(values, float)) for name, values in columns.items()},
        coords={"batch": list(batches)},
    )
    return cell.reindex(batch=list(grid))


def _steps(
    case: Case, problem: str, seed: int, resolution: float, limit: int, batches: tuple[int, ...]
) -> list[onestep.OneStep]:
    """One step at each batch size; where a pilot's burn-in would cost as much as the measurement,
    so many draws as have been found to do."""
    rule, d = case.rule.simulated, case.size(problem)
    drawn, parameters = draw(problem, d, seed), case.at(d)
    key = jax.random.fold_in(jax.random.key(seed + 1), zlib.crc32(f"{case.id} {problem}".encode()))
    goal = resolution * KINDS[problem].coarser
    if case.burn_in != 0:
        goal *= RARELY if case.stands_still else SURELY
    if case.remembers_long:
        most = ENOUGH / goal**2
        return [
            onestep.measure_one_step(
                rule, drawn, batch=batch, samples=int(max(most / batch, FEWEST)),
                key=jax.random.fold_in(key, index), **parameters,
            )
            for index, batch in enumerate(batches)
        ]  # fmt: skip
    return onestep.measure_to(
        goal, rule, drawn, batches=batches, limit=limit, key=key, **parameters
    )

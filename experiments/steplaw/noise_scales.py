"""How the noise scale B_noise of the rival laws moves with model size, tokens and loss.

Jointly over all cells ln B_noise is linear in ln N and ln D (`verdicts`), or, as a rival of that,
in ln L alone, L the lowest smoothed loss of the cell; and cell by cell, under the law with a knee,
whose exponent is shared. Kaplan et al. 2020 (2001.08361) have B_crit ∝ L^(−1/0.21); the surge
paper (2405.14578) that B_noise rises as the loss falls.
"""

import numpy as np
import xarray as xr

from experiments.least_squares import deviance
from experiments.steplaw.joint import (
    B_0,
    D_0,
    N_0,
    best,
    by_cell,
    copies,
    joint,
    reweighted,
    slopes,
    solved,
)
from experiments.steplaw.verdicts import QUANTILES, Long
from theory.rivals import RIVALS
from theory.symbols import B_noise

SCALED = tuple(name for name, rival in RIVALS.items() if B_noise in rival.free)
SCALED = tuple(name for name in SCALED if name != "lower_bound")
FEWEST = 5  # optima of a cell with a noise scale of its own, and cells with one
RESAMPLES = 1000
WIDEST = 1.0  # error of ln B_noise beyond which it is not known


def lowest_losses(slices: xr.Dataset) -> dict[int, float]:
    """The lowest smoothed loss of each cell, over all its slices (nats per token)."""
    cell, loss = slices["cell"].values, slices["loss_star"].values
    return {int(name): float(loss[cell == name].min()) for name in np.unique(cell)}


def by_loss(data: Long, losses: dict[int, float], counts: np.ndarray) -> xr.Dataset:
    """By law: χ² with B_noise a power of the loss alone, and its exponent with a 95 % interval."""
    known = data.slices.isel(slice=data.known)
    rate, weight, cell = (x[data.known] for x in (data.log_rate, data.weight, data.cell))
    loss = np.array([losses[int(c)] for c in cell])
    rows = []
    for name in SCALED:
        law = joint(RIVALS[name], known, loss)
        at = best(law, RIVALS[name], rate, weight)
        again = reweighted(law, at, rate, weight, cell, counts[:, : len(data.cells)], data.cells)
        chi2 = float(deviance(law, at[None], rate, weight)[0])
        rows.append((chi2, at[4], *np.quantile(again[:, 4], QUANTILES)))
    names = (f"noise_joint_loss_{end}" for end in ("chi2", "value", "low", "high"))
    columns = {n: ("noise_law", x) for n, x in zip(names, np.array(rows).T, strict=True)}
    return xr.Dataset(columns, {"noise_law": list(SCALED)})


def of_cells(data: Long, losses: dict[int, float], draws: np.random.Generator) -> xr.Dataset:
    """ln of the knee (tokens) of every cell and its error, NaN where it is not known or not among
    the cell's batch sizes; and how it moves (`_slopes`)."""
    count = (data.cell[data.known] == data.cells[:, None]).sum(1)
    chosen = data.known & np.isin(data.cell, data.cells[count >= FEWEST])
    known = data.slices.isel(slice=chosen)
    rate, weight, cell = (x[chosen] for x in (data.log_rate, data.weight, data.cell))
    law = joint(RIVALS["knee"], known)
    start = best(law, RIVALS["knee"], rate, weight)
    own, cells = by_cell(law, cell), np.unique(cell)
    middle = (own.design.T @ law.design) / own.design.sum(0)[:, None]
    at = copies(
        own, np.concatenate([middle @ start[:3], middle @ start[3:6], start[6:]]), rate, weight
    )
    slope = slopes(own, at[0])
    spread = np.linalg.pinv((slope * weight) @ slope.T, hermitian=True)
    noise = slice(len(cells), 2 * len(cells))
    value, error = at[0][noise], np.sqrt(np.diag(spread)[noise])
    inside = np.array([known["batch"].values[cell == c][[0, -1]] for c in cells]) / B_0
    sure = (
        (error > 0)
        & (error < WIDEST)
        & (value > np.log(inside[:, 0]))
        & (value < np.log(inside[:, 1]))
    )
    first = [np.flatnonzero(cell == c)[0] for c in cells]
    found = {
        "noise_cell_log": np.where(sure, value + np.log(B_0), np.nan),
        "noise_cell_sem": np.where(sure, error, np.nan),
        "noise_cell_N": known["N"].values[first],
        "noise_cell_D": known["D"].values[first],
        "noise_cell_loss": np.array([losses[int(c)] for c in cells]),
    }
    columns = {name: ("noise_cell", values) for name, values in found.items()}
    return xr.Dataset(columns | _slopes(found, draws), {"noise_cell": cells})


def _slopes(found: dict[str, np.ndarray], draws: np.random.Generator) -> dict:
    """ln B_noise of the cells by least squares on ln N and ln D, and on ln L alone: the slopes with
    95 % intervals of `RESAMPLES` resamples of the cells, and what is left (rms)."""
    there = np.isfinite(found["noise_cell_log"])
    value, n, d, loss = (found[f"noise_cell_{k}"][there] for k in ("log", "N", "D", "loss"))
    count, columns = len(value), {}
    if count < FEWEST:
        value, n, d, loss = np.full((4, FEWEST), np.nan)
        count = FEWEST
    counts = draws.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    for name, terms in (("tokens", (np.log(n / N_0), np.log(d / D_0))), ("loss", (np.log(loss),))):
        design = np.stack([np.ones(count), *terms], 1)
        normal = np.einsum("kn,ni,nj->kij", counts, design, design, optimize=True)
        right = np.einsum("kn,ni,n->ki", counts, design, value, optimize=True)
        again = solved(normal, right)
        slope = solved(design.T @ design, design.T @ value)
        low, high = np.quantile(again, QUANTILES, axis=0)
        left = np.sqrt(np.mean((value - design @ slope) ** 2))
        term = f"noise_{name}_term"
        ends = {"slope": slope[1:], "slope_low": low[1:], "slope_high": high[1:]}
        columns |= {f"noise_{name}_{key}": (term, x) for key, x in ends.items()}
        columns[f"noise_{name}_left"] = ((), float(left))
    return columns

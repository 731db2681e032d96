"""The best learning rate at a given batch size, slice by slice, and what a rule loses there.

A slice is one cell (model and tokens) and one batch size, over the ladder of learning rates. Its
optimum is the minimum of the smooth curve of ln loss (`smooth`) between the outermost runs used;
its standard error in ln lr is the posterior deviation of the slope over the curvature. A minimum
at an end of the ladder is a bound and no optimum: `edge`.
"""

import numpy as np
import xarray as xr

from experiments.steplaw.smooth import GRID, PER_RUNG, PUBLISHED, RUNG, Noise, gather, smooth

EDGE = 0.5  # rungs: an optimum so near to an end of the ladder is a bound
FEW = 5  # runs near the minimum that an optimum needs
KEPT = ("kind", "cell", "N", "N_active", "D", "batch", "steps", "held_out")


def optima(runs: xr.Dataset, noise: Noise = PUBLISHED) -> xr.Dataset:
    """Every slice's optimum, along `slice`, from runs with N, D, batch, lr, loss, cell, … .

    lr_star; log_sem, the standard error of ln lr_star; loss_star, the smoothed loss there (nats per
    token); curvature, d² ln loss/d(ln lr)² there; lr_low and lr_high, the ends of the ladder;
    points, the runs used; flags `edge` (a bound: 1 at the upper end, −1 at the lower, 0 neither)
    and `few`. Along `fine` (rungs about the best run, at `origin`): `excess`, the smoothed
    ln loss above its minimum, and `pull`, its slope in posterior deviations.
    """
    keys = np.stack([runs["cell"].values, runs["batch"].values], 1)
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    rung = np.log(runs["lr"].values) / RUNG
    losses = gather(group.ravel(), rung, np.log(runs["loss"].values))
    curve = smooth(losses, noise)
    low, high = _ends(losses.place, losses.used)
    inside = (low[:, None] <= GRID) & (high[:, None] >= GRID)
    rows = np.arange(len(low))
    node = np.where(inside, curve.value, np.inf).argmin(1)
    curvature = np.maximum(curve.bend[rows, node], 1e-6)
    shift = np.clip(-curve.slope[rows, node] / curvature, -1 / PER_RUNG, 1 / PER_RUNG)
    place = np.clip(GRID[node] + shift, low, high)
    moved = place - GRID[node]
    least = curve.value[rows, node] + moved * (curve.slope[rows, node] + curvature * moved / 2)
    bottom, top = _ends(losses.place, losses.there)
    edge = np.where(top - place < EDGE, 1, np.where(place - bottom < EDGE, -1, 0))
    excess = _continued(curve.value - least[:, None], inside, np.where(edge, 0, 1) * curvature)
    found = {name: ("slice", runs[name].values[first]) for name in KEPT if name in runs}
    found |= {
        "lr_star": ("slice", np.exp(RUNG * (losses.origin + place))),
        "log_sem": ("slice", RUNG * curve.slope_error[rows, node] / curvature),
        "loss_star": ("slice", np.exp(losses.level + least)),
        "curvature": ("slice", curvature / RUNG**2),
        "lr_low": ("slice", np.exp(RUNG * (losses.origin + bottom))),
        "lr_high": ("slice", np.exp(RUNG * (losses.origin + top))),
        "points": ("slice", losses.used.sum(1)),
        "edge": ("slice", edge),
        "few": ("slice", losses.used.sum(1) < FEW),
        "origin": ("slice", losses.origin),
        "excess": (("slice", "fine"), excess),
        "pull": (("slice", "fine"), curve.slope / curve.slope_error),
    }
    return xr.Dataset(found, {"fine": GRID})


def _ends(place: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(there, place, np.inf).min(1), np.where(there, place, -np.inf).max(1)


def _continued(excess: np.ndarray, inside: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """The excess beyond the outermost runs used: it goes on with the slope at the end, if that
    rises outward, and with the curvature at the minimum (0 for a bound)."""
    columns, rows = np.arange(len(GRID)), np.arange(len(excess))
    found = np.maximum(excess, 0.0)
    ends = inside.argmax(1), len(GRID) - 1 - inside[:, ::-1].argmax(1)
    for end, inward in zip(ends, (1, -1), strict=True):
        rise = np.maximum(found[rows, end] - found[rows, end + inward], 0.0) * PER_RUNG
        away = np.maximum((end[:, None] - columns) * inward, 0) / PER_RUNG
        beyond = found[rows, end, None] + away * (rise[:, None] + curvature[:, None] * away / 2)
        found = np.where(away > 0, beyond, found)
    return found


def regret(slices: xr.Dataset, log_lr: np.ndarray) -> np.ndarray:
    """Per cent of the loss lost at ln lr (…, slice) against each slice's best smoothed loss.

    Read off the smooth curve of ln loss, linearly between points an eighth of a rung apart; beyond
    the outermost runs within 8 % of the best it is continued (`_continued`): with the slope
    there and the curvature of the minimum, for a slice whose minimum is a bound with the
    slope alone, so that lr beyond such an end cost nothing that the runs cannot show. A learning
    rate that is no number is lost wholly (infinite).
    """
    place = np.asarray(log_lr, float) / RUNG - slices["origin"].values
    known = np.isfinite(place)
    at = np.clip((np.where(known, place, 0.0) - GRID[0]) * PER_RUNG, 0, len(GRID) - 1)
    left = np.minimum(at.astype(int), len(GRID) - 2)
    excess, rows = slices["excess"].values, np.arange(slices.sizes["slice"])
    lower, upper = excess[rows, left], excess[rows, left + 1]
    return np.where(known, 100 * np.expm1(lower + (at - left) * (upper - lower)), np.inf)

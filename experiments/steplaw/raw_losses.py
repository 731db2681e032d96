"""Rival laws judged on the raw losses, by profile likelihood, without slice optima.

Around the minimum ln loss of a run is

    ln L = ℓ + (c + c′ ln B) g(ln lr − ln law),   g(u) = (e^{su} − 1 − su)/s²

with a free level ℓ for every slice, a curvature c with a slope c′ for every cell, and one
steepness s for all, which makes high learning rates cost more than low ones. Levels and
curvatures enter linearly and are profiled out exactly; the parameters of the law and s are found by
Levenberg-Marquardt on what remains. Slices whose minimum is a bound take part: that they fall to
an end of the ladder is information.
Holds for: runs within NEAR of the slice's best, where one shape can describe all slices.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.least_squares import Model, descend, deviance
from experiments.steplaw.joint import Joint
from experiments.steplaw.smooth import PUBLISHED

NEAR = 0.02  # relative excess above the slice's smoothed minimum
STEEP = 0.6  # to start from
STEEPNESS = (0.05, 5.0)  # that are looked for
PROFILED, PLACES = 0.3, 9  # how far a profile reaches, in logarithms, and its points
REACH = 3.0  # |u| in g, beyond which it does not grow


class Near(NamedTuple):
    """Runs near the minimum, sorted by slice: number of the slice, ln lr, ln loss, weight, (n,)."""

    slice: np.ndarray
    log_lr: np.ndarray
    log_loss: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class RawLosses(Model):
    """The fitted ln loss as a function of the law's parameters and ln s."""

    law: Joint
    near: Near
    cell_of: np.ndarray  # of each slice, numbered from 0
    log_batch: np.ndarray  # of each slice, about the mean of its cell

    def log(self, parameters: np.ndarray) -> np.ndarray:
        """ln loss with levels and curvatures profiled out: (..., p) → (..., n)."""
        rows = parameters.reshape(-1, parameters.shape[-1])
        fitted = np.stack([self._one(row) for row in rows])
        return fitted.reshape(*parameters.shape[:-1], -1)

    def _one(self, parameters: np.ndarray) -> np.ndarray:
        group, log_lr, log_loss, weight = self.near
        steep = np.exp(parameters[-1])
        aside = np.clip(log_lr - self.law.log(parameters[:-1])[group], -REACH, REACH)
        shape = (np.expm1(steep * aside) - steep * aside) / steep**2
        total = np.bincount(group, weight)

        def centred(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mean = (np.bincount(group, weight * values) / total)[group]
            return values - mean, mean

        first, _ = centred(shape)
        second, _ = centred(shape * self.log_batch[group])
        gap, level = centred(log_loss)
        cell = self.cell_of[group]
        pairs = ((first, first), (first, second), (second, second), (first, gap), (second, gap))
        aa, ab, bb, ay, by = (np.bincount(cell, weight * x * y) for x, y in pairs)
        bb = bb + 1e-9 * aa + 1e-30  # a cell of one slice has no slope of its curvature
        room = aa * bb - ab**2 + 1e-30
        curvature, change = (bb * ay - ab * by) / room, (aa * by - ab * ay) / room
        return level + curvature[cell] * first + change[cell] * second


def near_minima(runs: xr.Dataset, slices: xr.Dataset) -> Near:
    """Runs near the minimum of `slices`, weighted by the scatter that `smooth` has found."""
    keys = zip(slices["cell"].values, slices["batch"].values, strict=True)
    place = {key: row for row, key in enumerate(keys)}
    keys = zip(runs["cell"].values, runs["batch"].values, strict=True)
    group = np.array([place.get(key, -1) for key in keys])
    order = np.argsort(group, kind="stable")
    order = order[group[order] >= 0]
    group, log_lr = group[order], np.log(runs["lr"].values)[order]
    log_loss = np.log(runs["loss"].values)[order]
    excess = np.maximum(log_loss - np.log(slices["loss_star"].values)[group], 0.0)
    above = log_lr > np.log(slices["lr_star"].values)[group]
    slope = np.where(above, PUBLISHED.above, PUBLISHED.below)
    weight = 1 / (PUBLISHED.noise**2 + (slope * excess) ** 2)
    near = excess < NEAR
    return Near(group[near], log_lr[near], log_loss[near], weight[near])


def raw_losses(law: Joint, near: Near, slices: xr.Dataset) -> RawLosses:
    """The law at all of `slices`, as a model of the runs near their minima."""
    _, cell_of = np.unique(slices["cell"].values, return_inverse=True)
    log_batch = np.log(slices["batch"].values)
    mean = np.bincount(cell_of, log_batch) / np.bincount(cell_of)
    low, high = np.append(law.low, np.log(STEEPNESS[0])), np.append(law.high, np.log(STEEPNESS[1]))
    names, aside = (*law.names, "steepness"), log_batch - mean[cell_of]
    return RawLosses(names, low, high, law.curve, law.batch, law, near, cell_of, aside)


def profile(model: RawLosses, at: np.ndarray, which: int) -> tuple[np.ndarray, np.ndarray]:
    """Parameter `which` (in logarithms) around its best value in `at`, (K,), and its profile: the
    deviance at the best of all others, (K,)."""
    low, high = at[which] - PROFILED, at[which] + PROFILED
    place = np.linspace(max(low, model.low[which]), min(high, model.high[which]), PLACES)
    start = np.tile(at, (PLACES, 1))
    start[:, which] = place
    free = np.arange(len(at)) != which
    rates, weights = (np.tile(x, (PLACES, 1)) for x in (model.near.log_loss, model.near.weight))
    found = descend(model, start, rates, weights, np.tile(free, (PLACES, 1)))
    return place, deviance(model, found, rates, weights)

"""A rival law of the batch size for all cells at once: its scales are powers of N and D.

    ln ε_max = a₀ + a_N ln(N/N₀) + a_D ln(D/D₀),  ln B_noise = b₀ + b_N ln(N/N₀) + b_D ln(D/D₀)

with one shape (exponent or coherence) for all; ln B_noise may instead be linear in ln L, L the
loss of the cell's best run. Batch sizes are in units of B₀ = 2¹⁹ tokens. A law that is a power of B
has no noise scale: its own N and D are then in ε_max. The parameters are ordered: those of ε_max,
those of B_noise if there is one, ln of the shape if there is one.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import xarray as xr

from experiments.least_squares import SHAPES, Model, descend, deviance, model_of
from theory.rivals import Rival
from theory.symbols import B_noise, alpha

N_0, D_0, B_0, L_0 = 4e8, 2e10, 2.0**19, 2.4  # the middle of the data; B_0 in tokens
SLOPES = (-0.5, 0.0, 0.5, 1.0)  # of B_noise, to start from
SHAPES_TO_START = {alpha: (0.3, 0.5, 0.7, 1.0)}
COHERENCES_TO_START = (0.1, 0.5, 1.0, 3.0, 10.0)
VALLEYS = 6
LOSS_SLOPES = (-8.0, -4.0, -2.0, 0.0)
NUDGE, ON_BOUND, RIDGE = 1e-5, 1e-6, 1e-9
STEEPEST = 20.0  # of the slopes of B_noise


@dataclass(frozen=True)
class Joint(Model):
    """A law at the slices: ln ε_max is a sum of the columns of `design` (n, 3), 1, ln N/N₀,
    ln D/D₀, and ln B_noise one of those of `noise` (n, m), the same or others; m = 0 without."""

    design: np.ndarray
    noise: np.ndarray

    def log(self, parameters: np.ndarray) -> np.ndarray:
        """ln law: (..., p) → (..., n); NaN where the law is not positive."""
        wide = self.design.shape[1]
        ends = (0, wide, wide + self.noise.shape[1])
        parts = [parameters[..., :wide] @ self.design.T]
        if self.noise.shape[1]:
            parts.append(parameters[..., ends[1] : ends[2]] @ self.noise.T)
        shapes = parameters[..., ends[2] :, None]
        parts += [shapes[..., k, :] for k in range(shapes.shape[-2])]
        with np.errstate(all="ignore"):
            values = np.log(self.curve(self.batch, *map(np.exp, parts)))
        return np.broadcast_to(values, (*parameters.shape[:-1], len(self.batch)))

    def at(self, keep: np.ndarray) -> "Joint":
        """The same law at some of the slices."""
        return Joint(
            self.names, self.low, self.high, self.curve,
            self.batch[keep], self.design[keep], self.noise[keep],
        )  # fmt: skip


def joint(rival: Rival, slices: xr.Dataset, loss: np.ndarray | None = None) -> Joint:
    """The law at slices with N (non-embedding parameters), D (tokens of the run) and batch
    (tokens); with `loss` (n,), that of each slice's cell, B_noise is a power of it alone."""
    ones = np.ones(slices.sizes["slice"])
    design = np.stack([ones, np.log(slices["N"] / N_0), np.log(slices["D"] / D_0)], 1)
    noise, columns = design, ["b_0", "b_N", "b_D"]
    if loss is not None:
        noise, columns = np.stack([ones, np.log(loss / L_0)], 1), ["b_0", "b_L"]
    units = slices["batch"].values / B_0
    single = model_of(rival, units)
    names, low, high = ["a_0", "a_N", "a_D"], [-np.inf] * 3, [np.inf] * 3
    for symbol, least, most in zip(rival.free[1:], single.low[1:], single.high[1:], strict=True):
        if symbol == B_noise:
            names += columns
            low += [least] + [-STEEPEST] * (len(columns) - 1)
            high += [most] + [STEEPEST] * (len(columns) - 1)
        else:
            names.append(symbol.name)
            low.append(least)
            high.append(most)
    noise = noise if B_noise in rival.free else noise[:, :0]
    return Joint(tuple(names), np.array(low), np.array(high), single.curve, units, design, noise)


def by_cell(law: Joint, cell: np.ndarray) -> Joint:
    """The same law with scales of its own for every cell, and one shape for all: as many columns as
    there are cells, in their order."""
    own = (cell[:, None] == np.unique(cell)).astype(float)
    count = own.shape[1]
    wide = law.noise.shape[1] > 0
    low, high = [-np.inf] * count, [np.inf] * count
    names = [f"a_{k}" for k in range(count)]
    if wide:
        names += [f"b_{k}" for k in range(count)]
        low, high = low + [law.low[3]] * count, high + [law.high[3]] * count
    at = 3 + law.noise.shape[1]
    least, most = np.array([*low, *law.low[at:]]), np.array([*high, *law.high[at:]])
    names, noise = (*names, *law.names[at:]), own if wide else law.noise
    return Joint(names, least, most, law.curve, law.batch, own, noise)


def best(model: Joint, rival: Rival, log_rate: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The deepest of several valleys, (p,): a grid over B_noise and the shape, with an exact
    solution for the scale, then Levenberg-Marquardt."""
    axes: list[tuple[float, ...]] = []
    if model.noise.shape[1]:
        inside = np.log(np.quantile(model.batch, (0.02, 0.25, 0.5, 0.75, 0.98)))
        around = (inside[0] - 3, inside[0] - 1.5, *inside, inside[-1] + 1.5, inside[-1] + 3)
        slopes = (SLOPES[:3], SLOPES) if model.noise.shape[1] == 3 else (LOSS_SLOPES,)
        axes += [around, *slopes]
    for symbol in rival.free[1:]:
        if symbol != B_noise:
            assert symbol in SHAPES
            axes.append(tuple(np.log(SHAPES_TO_START.get(symbol, COHERENCES_TO_START))))
    grid = list(product(*axes))
    nodes = np.array(grid).reshape(len(grid), len(axes))
    shape = model.log(np.column_stack([np.zeros((len(nodes), 3)), nodes]))
    usable = np.isfinite(shape).all(-1)
    nodes, shape = nodes[usable], shape[usable]
    scaled = model.design * weight[:, None]
    scales = np.linalg.solve(scaled.T @ model.design, scaled.T @ (log_rate - shape).T).T
    starts = np.column_stack([scales, nodes])
    depth = deviance(model, starts, log_rate, weight)
    starts = starts[depth.argsort(kind="stable")[:VALLEYS]]
    found = copies(model, starts, log_rate, weight)
    return found[deviance(model, found, log_rate, weight).argmin()]


def copies(model: Model, start: np.ndarray, log_rate: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Parameters (K, p) from `start` (p,) or (K, p) for K copies of weights (K, n) or (n,)."""
    count = max(np.atleast_2d(start).shape[0], np.atleast_2d(weight).shape[0])
    weights = np.broadcast_to(weight, (count, len(log_rate)))
    starts = np.broadcast_to(start, (count, len(model.low)))
    return descend(model, starts, np.broadcast_to(log_rate, weights.shape), weights)


def slopes(model: Joint, parameters: np.ndarray) -> np.ndarray:
    """d ln law/d parameter at the slices, (..., p, n), by central differences; 0 where a parameter
    is at its bound."""
    nudge = NUDGE * np.eye(parameters.shape[-1])
    around = parameters[..., None, :]
    slope = (model.log(around + nudge) - model.log(around - nudge)) / (2 * NUDGE)
    held = (parameters <= model.low + ON_BOUND) | (parameters >= model.high - ON_BOUND)
    return np.nan_to_num(slope) * ~held[..., None]


def solved(normal: np.ndarray, right: np.ndarray) -> np.ndarray:
    """normal⁻¹ right, (..., p): what no data tell stays at 0."""
    size = np.einsum("...pp->...p", normal)
    size = np.where(size > 0, RIDGE * size, 1.0)
    eye = np.eye(normal.shape[-1])
    return np.linalg.solve(normal + size[..., None] * eye, right[..., None])[..., 0]


def reweighted(model: Joint, at, log_rate, weight, cell, counts, cells) -> np.ndarray:
    """Parameters (K, p) with the cells weighted by `counts` (K, C): one Gauss-Newton step from the
    best fit `at` (p,). Exact where the law is linear in its parameters, as most are nearly."""
    slope, gap = slopes(model, at), log_rate - model.log(at)
    belongs = (cell == cells[:, None]) * weight
    normal = np.einsum("pn,qn,cn->cpq", slope, slope, belongs, optimize=True)
    right = np.einsum("pn,n,cn->cp", slope, gap, belongs, optimize=True)
    step = solved(np.einsum("kc,cpq->kpq", counts, normal), counts @ right)
    return np.clip(at + step, model.low, model.high)

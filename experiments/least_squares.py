"""Least squares in logarithms for one law and many weighted copies of the data at once.

Parameters are logarithms too, the law's scale first; with K copies they are (K, p), rates and
weights (K, n).  A law that is not positive somewhere has an infinite deviance there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from theory.law import Law
from theory.rivals import Rival
from theory.symbols import B, alpha, q

SHAPES = {alpha: (0.01, 10.0), q: (1e-4, 1e4)}  # exponents and coherences that are looked for
BEYOND = 1e4  # noise scales are looked for so far beyond the batch sizes at hand
GRID = {0: 1, 1: 400, 2: 60}  # points of the grid along each parameter but the scale
STARTS, STEPS, NUDGE, SETTLED, TINY = 12, 100, 1e-5, 1e-8, 1e-12


@dataclass(frozen=True)
class Model:
    """A law at given batch sizes: `names` of its parameters, the box of their logarithms."""

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    curve: Callable[..., np.ndarray]
    batch: np.ndarray

    @property
    def reach(self) -> float:
        """As far as a profile is followed, in logarithms."""
        return float(np.log(BEYOND))

    def inside(self, parameters: np.ndarray) -> Any:
        """Which parameters lie in the box."""
        return np.all((parameters >= self.low) & (parameters <= self.high), -1)

    def log(self, parameters: np.ndarray) -> np.ndarray:
        """ln law: (..., p) → (..., n); NaN where the law is not positive."""
        values = np.exp(parameters)[..., None]
        with np.errstate(all="ignore"):
            rate = self.curve(self.batch, *np.moveaxis(values, -2, 0))
            return np.broadcast_to(np.log(rate), (*parameters.shape[:-1], len(self.batch)))


def model_of(rival: Rival, batch: np.ndarray) -> Model:
    """The law with what is not free held at 1."""
    low, high = [-np.inf], [np.inf]
    for symbol in rival.free[1:]:
        around = (batch.min() / BEYOND, batch.max() * BEYOND)
        least, most = np.log(SHAPES.get(symbol, around))
        low.append(least)
        high.append(most)
    names = tuple(symbol.name for symbol in rival.free)
    return Model(names, np.array(low), np.array(high), _curve(rival.law, rival.free), batch)


@cache
def _curve(law: Law, free: tuple[sp.Symbol, ...]) -> Callable[..., np.ndarray]:
    held = law.expr.subs({arg: 1 for arg in law.args if arg not in (B, *free)})
    return sp.lambdify((B, *free), held, modules=["scipy", "numpy"])


def deviance(model: Model, parameters, log_rate, weight) -> np.ndarray:
    """Σ weight (ln law − ln rate)², (K,)."""
    total = (weight * (model.log(parameters) - log_rate) ** 2).sum(-1)
    return np.where(np.isfinite(total), total, np.inf)


def start(model: Model, log_rate: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Where to start from, (12, K, p): over a grid of all parameters but the scale, which is solved
    for, the best shape at each noise scale, and of these the twelve deepest."""
    count = len(model.names) - 1
    box = list(zip(model.low[1:], model.high[1:], strict=True))
    nodes = np.array(list(product(*(np.linspace(low, high, GRID[count]) for low, high in box))))
    shape = model.log(np.column_stack([np.zeros(len(nodes)), nodes]))
    usable = np.asarray(np.isfinite(shape).all(-1))
    shape = np.where(usable[:, None], shape, 0.0)
    total = weight.sum(-1, keepdims=True)
    scale = ((weight * log_rate).sum(-1, keepdims=True) - weight @ shape.T) / total
    second = weight @ (shape**2).T - 2 * (weight * log_rate) @ shape.T
    depth = np.where(usable, second - total * scale**2, np.inf)  # up to a constant of the copy
    rows = np.arange(len(nodes)).reshape(GRID[count], -1)
    best = rows[np.arange(len(rows)), depth[:, rows].argmin(-1)]
    copies = np.arange(len(depth))[:, None]
    best = best[copies, depth[copies, best].argsort(-1, kind="stable")[:, :STARTS]]
    return np.concatenate([scale[copies, best][..., None], nodes[best]], -1).swapaxes(0, 1)


def descend(model: Model, parameters, log_rate, weight, free: Any = True) -> np.ndarray:
    """Levenberg–Marquardt within the box from `parameters` (K, p); `free` (K, p): may move."""
    here = np.array(parameters, float)
    moving = np.broadcast_to(free, here.shape)
    eye, damping = np.eye(here.shape[-1]), np.full(len(here), 1e-3)
    depth, done = deviance(model, here, log_rate, weight), np.zeros(len(here), bool)
    for _ in range(STEPS):
        slope = _slopes(model, here) * moving[..., None]
        gap = np.nan_to_num(log_rate - model.log(here), nan=0.0, posinf=0.0, neginf=0.0)
        scaled = slope * weight[:, None]
        normal = scaled @ slope.swapaxes(-1, -2)
        size = np.einsum("kpp->kp", normal)
        size = np.where(size > 0, size, 1.0) * (damping[:, None] + TINY)
        step = np.linalg.solve(normal + size[..., None] * eye, scaled @ gap[..., None])[..., 0]
        trial = np.clip(here + np.clip(step, -2.0, 2.0), model.low, model.high)
        deep = deviance(model, trial, log_rate, weight)
        better = (deep < depth) & ~done
        done |= np.where(better, deep >= depth * (1 - TINY), damping > 1e4)
        done |= np.abs(trial - here).max(-1) < SETTLED
        here = np.where(better[:, None], trial, here)
        depth = np.where(better, deep, depth)
        damping = np.clip(np.where(better, damping / 8, damping * 8), TINY, None)
        if done.all():
            break
    return here


def _slopes(model: Model, parameters: np.ndarray) -> np.ndarray:
    """d ln law/d parameter by central differences, (K, p, n); the scale's is 1."""
    count = parameters.shape[-1]
    nudge = NUDGE * np.eye(count)
    around = parameters[:, None, :]
    with np.errstate(invalid="ignore"):
        slope = (model.log(around + nudge) - model.log(around - nudge)) / (2 * NUDGE)
    return np.where(np.isfinite(slope), slope, 0.0)

"""Beyond the data: which shape continues the chosen one.

A quadratic that is best within the data turns wherever it likes beyond them.  There the chosen
shape keeps its value at the nearest N, D and B of the data, and another shape adds its own change
from there.  Which one: that of smallest root mean square regret at points held back from the ends
of the data, an eighth and a quarter of all, of N, of D and of B, below and above.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments.steplaw.points import Points
from experiments.steplaw.shapes import Shape, design, fitted, log_lr
from experiments.steplaw.slices import regret

HELD_BACK = (1 / 8, 1 / 4)
ITERATIONS = 15


class Tail(NamedTuple):
    """`name`: the shape that continues; `bounds` (2, 3): ends of N, D, B; parameters `theta` (p,)
    and by resampled cells `copies` (R, p); `rms` (H,): regret at the ends, of every shape."""

    name: str
    bounds: np.ndarray
    theta: np.ndarray
    copies: np.ndarray
    rms: np.ndarray

    def inside(self, n, d, batch) -> list[np.ndarray]:
        """The nearest point of the data, axis by axis."""
        return inside(self.bounds, n, d, batch)

    def beyond(self, shape: Shape, theta: np.ndarray, n, d, batch) -> np.ndarray:
        """What this shape adds between there and the point, (K, P); zero within the data."""
        near = self.inside(n, d, batch)
        return log_lr(design(shape, n, d, batch), theta) - log_lr(design(shape, *near), theta)


def inside(bounds: np.ndarray, *values) -> list[np.ndarray]:
    return [np.clip(v, *ends) for v, ends in zip(values, bounds.T, strict=True)]


def bounds_of(points: Points, kept=slice(None)) -> np.ndarray:
    table = np.stack([points.n, points.d, points.batch], 1)[kept]
    return np.array([table.min(0), table.max(0)])


def end_regrets(points: Points, shapes: Mapping[str, Shape], chosen: str) -> np.ndarray:
    """Root mean square regret at the ends held back, one per shape that continues `chosen`."""
    held = _held_back(points)
    where = (points.n, points.d, points.batch)
    thetas = {name: _refitted(shape, points, ~held) for name, shape in shapes.items()}
    lost = {name: [] for name in shapes}
    for k, gone in enumerate(held):
        beyond = [v[gone] for v in where]
        near = inside(bounds_of(points, ~gone), *beyond)
        base = log_lr(design(shapes[chosen], *near), thetas[chosen][k : k + 1])[0]
        for name, shape in shapes.items():
            theta, log = thetas[name][k : k + 1], np.array(points.target)
            change = log_lr(design(shape, *beyond), theta) - log_lr(design(shape, *near), theta)
            log[gone] = base + change[0]
            lost[name].append(regret(points.slices, log)[gone])
    return np.array([np.sqrt(np.mean(np.concatenate(lost[name]) ** 2)) for name in shapes])


def _held_back(points: Points) -> np.ndarray:
    found = []
    for value in (points.n, points.d, points.batch):
        for share in HELD_BACK:
            found += [value < np.quantile(value, share), value > np.quantile(value, 1 - share)]
    return np.array([gone for gone in found if gone.any()])


def _refitted(shape: Shape, points: Points, kept: np.ndarray) -> np.ndarray:
    at = design(shape, points.n, points.d, points.batch)
    start = fitted(at, points.target, points.weight)[0]
    return fitted(at, points.target, points.weight * kept, start, iterations=ITERATIONS)

"""The best learning rate on a grid, with an interval, from paired draws.

Every draw is followed at all learning rates of the grid with the same random numbers, so what is
compared is the difference between learning rates, not their separate noise.
"""

from typing import NamedTuple

import numpy as np

from sim.estimate import Estimate


class EdgeOptimum(Exception):
    """The best learning rate of a grid lies at its edge: the optimum is not bracketed."""


class Optimum(NamedTuple):
    """The best learning rate and its 95 % bootstrap interval, in the grid's unit."""

    lr: float
    low: float
    high: float


def optimum(lr_e, remainder_se, *, slope: Estimate, seed: int, resamples: int = 1000) -> Optimum:
    """Where the mean decrease ε·slope − E[remainder](ε) is largest on the increasing grid `lr_e`.

    remainder_se: (s, e), draws by learning rates; `slope` has draws of its own.  The peak is that
    of the parabola in ε through the best grid point and its neighbours: exact where the loss is
    quadratic along a step.  The interval is the percentile bootstrap over draws, `slope` varied by
    its standard error.

    Learning rates from the first at which a draw's loss was not finite on are left out: there a
    step diverges.  Raises EdgeOptimum if the best grid point is the first or last one left, or is
    so in over 2.5 % of the resamples (no interval can then be given); ValueError if the grid does
    not increase or has under three points.
    """
    lr_e, remainder_se = np.asarray(lr_e, np.float64), np.asarray(remainder_se, np.float64)
    if len(lr_e) < 3 or not (np.diff(lr_e) > 0).all():
        raise ValueError("an optimum needs three or more increasing learning rates")
    bounded = np.logical_and.accumulate(np.isfinite(remainder_se).all(0))
    lr_e, remainder_se = lr_e[bounded], remainder_se[:, bounded]
    if len(lr_e) < 3:
        raise EdgeOptimum("nearly every learning rate of the grid diverges")
    draws = remainder_se.shape[0]
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(draws, np.full(draws, 1 / draws), size=resamples) / draws
    slopes = slope.mean + slope.sem * generator.standard_normal(resamples)
    best, edge = _peak(lr_e, (lr_e * slope.mean - remainder_se.mean(0))[None])
    many, edges = _peak(lr_e, lr_e * slopes[:, None] - weights @ remainder_se)
    if edge[0] or edges.mean() > 0.025:
        raise EdgeOptimum("the best learning rate lies at the edge of the grid")
    low, high = np.quantile(many[~edges], [0.025, 0.975])
    return Optimum(float(best[0]), float(low), float(high))


def _peak(x_e, y_me):
    """Abscissa of each row's parabolic peak (m,), and whether its best point is at an edge."""
    best = y_me.argmax(1)
    edge = (best == 0) | (best == len(x_e) - 1)
    near = np.clip(best, 1, len(x_e) - 2)[:, None] + np.array([-1, 0, 1])
    x, y = x_e[near], np.take_along_axis(y_me, near, axis=1)
    rise, fall = (np.diff(y) / np.diff(x)).T
    bend = (fall - rise) / (x[:, 2] - x[:, 0])
    peak = 0.5 * (x[:, 0] + x[:, 1] - rise / np.where(bend < 0, bend, -1.0))
    return np.where(bend < 0, peak, x[:, 1]), edge

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

    remainder_se: (s, e), draws by learning rates; `slope` has draws of its own.  The grid is
    geometric, and the peak that of the parabola through the best grid point and its neighbours in
    ln ε.  The interval is the percentile bootstrap over draws, `slope` varied by its standard
    error.  Raises EdgeOptimum if the best grid point is the first or last one, or is so in over
    2.5 % of the resamples (no interval can then be given).
    """
    lr_e, remainder_se = np.asarray(lr_e, np.float64), np.asarray(remainder_se, np.float64)
    draws = remainder_se.shape[0]
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(draws, np.full(draws, 1 / draws), size=resamples) / draws
    slopes = slope.mean + slope.sem * generator.standard_normal(resamples)
    best, edge = _peak(np.log(lr_e), (lr_e * slope.mean - remainder_se.mean(0))[None])
    many, edges = _peak(np.log(lr_e), lr_e * slopes[:, None] - weights @ remainder_se)
    if edge[0] or edges.mean() > 0.025:
        raise EdgeOptimum("the best learning rate lies at the edge of the grid")
    low, high = np.exp(np.quantile(many[~edges], [0.025, 0.975]))
    return Optimum(float(np.exp(best[0])), float(low), float(high))


def _peak(x_e, y_me):
    """Abscissa of each row's parabolic peak (m,), and whether its best point is at an edge."""
    best = y_me.argmax(1)
    edge = (best == 0) | (best == len(x_e) - 1)
    middle = np.clip(best, 1, len(x_e) - 2)
    rows = np.arange(len(y_me))
    left, top, right = (y_me[rows, middle + shift] for shift in (-1, 0, 1))
    step = x_e[1] - x_e[0]
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    return x_e[middle] + step * shift, edge

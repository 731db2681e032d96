"""The best learning rate of whole runs, by batch size, with a jackknife standard error.

Best by *target* is the rate that needs the fewest steps to a loss; best by *horizon* the one of
least loss after so many steps.  They are different things: give passages or losses of a `Grid`.

The optimum is that of the parabola in ln lr, of ln value, through the best grid point and its
neighbours.  Replicate r = 0 of a grid has all seeds, r = 1 … leaves one group out; all is done for
each replicate by itself, the choice of the best grid point included, and
sem² = (G−1)/G Σ_r (x_r − x̄)² (the jackknife over G groups; Efron & Tibshirani 1993, ch. 11).
"""

from typing import NamedTuple

import numpy as np

from sim.optimum import EdgeOptimum

CLIFF = 1.0  # ln of the ratio to a neighbour beyond which no parabola is drawn through it


class Best(NamedTuple):
    """Best learning rates, arrays over all axes but the learning rates' and the replicates'.

    lr, value: at the optimum, nan where it is not found; log_lr_sem, log_value_sem: standard errors
    of their logarithms; edge: the best rate of some replicate lies at the grid's end; unreached: no
    rate has a finite value; cliff: a neighbour has none, or one above e times the best, so that lr
    is the grid's point, whose error then holds the grid's step, uniform within ± one step.
    lr_r, value_r: the same by replicate, on the last axis: for what is computed from several.
    """

    lr: np.ndarray
    log_lr_sem: np.ndarray
    value: np.ndarray
    log_value_sem: np.ndarray
    edge: np.ndarray
    unreached: np.ndarray
    cliff: np.ndarray
    lr_r: np.ndarray
    value_r: np.ndarray


def best_lrs(lrs, value_er) -> Best:
    """Where `value_er` (…, e, r) is least over the increasing learning rates `lrs` (e,).

    Values are positive; those that are not finite count as never reached.  Raises ValueError for
    fewer than three learning rates, or fewer than two groups.
    """
    log_lr = np.log(np.asarray(lrs, float))
    value = np.moveaxis(np.asarray(value_er, float), -2, -1)  # (…, r, e)
    if log_lr.ndim != 1 or len(log_lr) < 3 or not (np.diff(log_lr) > 0).all():
        raise ValueError("a best learning rate needs three or more increasing ones")
    if value.shape[-1] != len(log_lr) or value.shape[-2] < 3:
        raise ValueError(
            f"values {np.shape(value_er)} are not (…, {len(log_lr)} rates, 1 + groups)"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(np.where(value > 0, value, np.nan))
    y = np.where(np.isfinite(y), y, np.inf)
    best = y.argmin(-1)
    middle = np.clip(best, 1, len(log_lr) - 2)
    x0, x1, x2 = (log_lr[middle + k] for k in (-1, 0, 1))
    y0, y1, y2 = (np.take_along_axis(y, middle[..., None] + k, -1)[..., 0] for k in (-1, 0, 1))
    with np.errstate(invalid="ignore"):
        y0, y2 = (np.where(side - y1 > CLIFF, np.inf, side) for side in (y0, y2))
    x, lowest = _parabola((x0, x1, x2), (y0, y1, y2))
    unreached = ~np.isfinite(np.take_along_axis(y, best[..., None], -1)[..., 0])
    edge = (best == 0) | (best == len(log_lr) - 1)
    lost = unreached | edge
    x, lowest = np.where(lost, np.nan, x), np.where(lost, np.nan, lowest)
    cliff = ~lost & ~(np.isfinite(y0) & np.isfinite(y2))
    step = np.where(cliff.any(-1), 0.5 * (x2 - x0).max(-1), 0.0)
    return Best(
        np.exp(x[..., 0]),
        np.hypot(jackknife(x), step / np.sqrt(3)),
        np.exp(lowest[..., 0]),
        jackknife(lowest),
        (edge & ~unreached).any(-1),
        unreached[..., 0],
        cliff.any(-1),
        np.exp(x),
        np.exp(lowest),
    )


def best_lr(lrs, value_er) -> tuple[float, float, float, float]:
    """lr, the standard error of its logarithm, the value there and that of its logarithm, of one
    grid (e, r); raises EdgeOptimum where the best rate lies at an end, or none reaches."""
    best = best_lrs(lrs, value_er)
    if best.unreached:
        raise EdgeOptimum("no learning rate of the grid reaches")
    if best.edge:
        raise EdgeOptimum("the best learning rate lies at the edge of the grid")
    return float(best.lr), float(best.log_lr_sem), float(best.value), float(best.log_value_sem)


def jackknife(x_r) -> np.ndarray:
    """Standard error from replicates (…, 1 + G), the first of which has all groups."""
    rest = np.asarray(x_r, float)[..., 1:]
    groups = rest.shape[-1]
    return np.sqrt((groups - 1) / groups * ((rest - rest.mean(-1, keepdims=True)) ** 2).sum(-1))


def _parabola(x, y):
    """Place and height of the lowest point of the parabola through three points, the middle one
    lowest; that one itself where another is not finite, or where all are level."""
    with np.errstate(invalid="ignore", divide="ignore"):
        before, after = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
        bend = (after - before) / (x[2] - x[0])
        place = 0.5 * (x[0] + x[1]) - before / (2 * bend)
        height = y[1] - bend * (place - x[1]) ** 2
    proper = np.isfinite(y[0]) & np.isfinite(y[2]) & (bend > 0)
    return np.where(proper, place, x[1]), np.where(proper, height, y[1])

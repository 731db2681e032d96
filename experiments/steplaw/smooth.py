"""A smooth curve through the losses of one slice: ln loss against the learning rate in rungs.

A slice is one cell and one batch size. Its curve f is a quadratic of unknown coefficients plus a
random bend, whose third derivative is white noise of strength `bend`: the quintic smoothing spline.
A run scatters about it by `noise` at the minimum and in proportion to the excess above it,
by `below` on the side of low learning rates and by `above` on the other, where losses are
erratic. The posterior of f is Gaussian and in closed form; all slices are solved at once.

Positions are rungs of the ladder, 2 log₂ lr, counted from the slice's best run.
Source: Wahba 1978 (splines as posterior means). Approximations: noise is independent and Gaussian,
and one `noise` serves all batch sizes; slices of 64 thousand tokens have two thirds of it and those
above a million 1.7 times as much, which moves optima by 6 % and no verdict of `verdicts`.
"""

from typing import NamedTuple

import numpy as np

RUNG = float(np.log(2) / 2)  # of ln lr: the published ladder goes by √2
REACH, PER_RUNG = 16, 8  # the fine grid: rungs to each side, and its points per rung
GRID = np.arange(-REACH * PER_RUNG, REACH * PER_RUNG + 1) / PER_RUNG
WORST = 0.08  # relative excess beyond which a run and all beyond it say nothing of the minimum
DIFFUSE = np.array([1.0, 0.3, 0.05])  # prior deviation of level, slope and half the curvature
UNKNOWN = 100.0  # variance of a run that is not there


class Noise(NamedTuple):
    """Scatter of ln loss: `noise` at the minimum, `below` and `above` per unit of excess; `bend`,
    per rung^2.5."""

    noise: float
    below: float
    above: float
    bend: float


# Largest marginal likelihood of the 304 published dense slices; the tests find it again
PUBLISHED = Noise(noise=7.3e-4, below=0.070, above=0.228, bend=1.56e-3)


class Losses(NamedTuple):
    """Slices side by side, (S, P) each: `place` of a run in rungs from the best run at `origin`
    (S,), `excess` of ln loss above the best one `level` (S,), `used`, and where a run is at all."""

    place: np.ndarray
    excess: np.ndarray
    used: np.ndarray
    there: np.ndarray
    origin: np.ndarray
    level: np.ndarray


class Curve(NamedTuple):
    """The posterior on GRID, (S, M): value, slope, curvature per rung², deviation of the slope."""

    value: np.ndarray
    slope: np.ndarray
    bend: np.ndarray
    slope_error: np.ndarray


def gather(group: np.ndarray, rung: np.ndarray, log_loss: np.ndarray) -> Losses:
    """Runs of slice number `group` (n,) at `rung` (n,), as rows sorted by rung; repeated runs
    stay side by side."""
    order = np.lexsort((rung, group))
    group, rung, log_loss = group[order], rung[order], log_loss[order]
    count = np.bincount(group)
    column = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
    place, excess = np.zeros((2, len(count), count.max()))
    there = np.zeros(place.shape, bool)
    place[group, column], excess[group, column], there[group, column] = rung, log_loss, True
    held = np.where(there, excess, np.inf)
    best, rows = held.argmin(1), np.arange(len(count))
    origin, level = place[rows, best], held[rows, best]
    excess = np.where(there, excess - level[:, None], 0.0)
    place = np.where(there, place - origin[:, None], 0.0)
    return Losses(place, excess, _near(excess, there, best), there, origin, level)


def _near(excess: np.ndarray, there: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Runs within WORST of the best one with no worse one between."""
    bad = there & (excess > WORST)
    columns = np.arange(excess.shape[1])
    after = np.where(columns > best[:, None], bad, False).cumsum(1) > 0
    before = np.where(columns < best[:, None], bad, False)[:, ::-1].cumsum(1)[:, ::-1] > 0
    return there & ~after & ~before


def _bends(a: np.ndarray, b: np.ndarray, derivative: int) -> np.ndarray:
    """∂ᵏ/∂aᵏ ∫₀^min(a,b) ½(a−u)² ½(b−u)² du, the covariance of bends at a and b."""
    a, b = np.maximum(a + REACH, 0.0), np.maximum(b + REACH, 0.0)
    gap, end = a - b, b - np.minimum(a, b)

    def power(n: int) -> np.ndarray:
        return (b**n - end**n) / n

    if derivative == 0:
        return (gap**2 * power(3) + 2 * gap * power(4) + power(5)) / 4
    return (gap * power(3) + power(4)) / 2 if derivative == 1 else power(3) / 2


def _quadratic(place: np.ndarray, derivative: int = 0) -> np.ndarray:
    one, nil = np.ones_like(place), np.zeros_like(place)
    rows = ((one, place, place**2), (nil, one, 2 * place), (nil, nil, 2 * one))
    return np.stack(rows[derivative], -1) * DIFFUSE


def _covariance(losses: Losses, noise: Noise) -> np.ndarray:
    slope = np.where(losses.place > 0, noise.above, noise.below)
    variance = noise.noise**2 + (slope * losses.excess) ** 2
    variance = np.where(losses.used, variance, UNKNOWN)
    plane = _quadratic(losses.place)
    bends = _bends(losses.place[:, :, None], losses.place[:, None, :], 0)
    smooth = plane @ plane.swapaxes(1, 2) + noise.bend**2 * bends
    return smooth + variance[:, :, None] * np.eye(losses.place.shape[1])


def smooth(losses: Losses, noise: Noise = PUBLISHED) -> Curve:
    """The posterior of every slice's curve on GRID."""
    covariance = _covariance(losses, noise)
    excess = np.where(losses.used, losses.excess, 0.0)
    weight = np.linalg.solve(covariance, excess[..., None])[..., 0]
    plane = _quadratic(losses.place)

    def across(derivative: int) -> np.ndarray:
        bends = _bends(GRID[:, None], losses.place[:, None, :], derivative)
        return _quadratic(GRID, derivative) @ plane.swapaxes(1, 2) + noise.bend**2 * bends

    value, slope, bend = (np.einsum("smp,sp->sm", across(k), weight) for k in range(3))
    rise = across(1)
    known = np.einsum("smp,spm->sm", rise, np.linalg.solve(covariance, rise.swapaxes(1, 2)))
    prior = (_quadratic(GRID, 1) ** 2).sum(-1) + noise.bend**2 * (GRID + REACH) ** 3 / 3
    return Curve(value, slope, bend, np.sqrt(np.maximum(prior - known, 1e-16)))


def log_likelihood(losses: Losses, noise: Noise) -> np.ndarray:
    """Log marginal likelihood of each slice's runs, (S,), up to a constant of the data."""
    factor = np.linalg.cholesky(_covariance(losses, noise))
    excess = np.where(losses.used, losses.excess, 0.0)
    white = np.linalg.solve(factor, excess[..., None])[..., 0]
    missing = (~losses.used).sum(1) * np.log(UNKNOWN) / 2
    return missing - (white**2).sum(1) / 2 - np.log(np.einsum("spp->sp", factor)).sum(1)

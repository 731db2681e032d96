"""Where a curve of best learning rates over batch sizes peaks, how far it falls, how a peak drifts.

All is computed for each replicate of a grid by itself, so that it has a jackknife standard error.
"""

from typing import NamedTuple

import numpy as np

from sim.best_lr import jackknife

T95 = 2.131  # Student's t, two-sided 95 %, 15 degrees of freedom: 16 groups of seeds
SIDE = 2  # batch sizes to either side of the highest through which the parabola goes


class Peak(NamedTuple):
    """batch and lr at the peak; fall: ln of its lr over that at the largest batch; rise: ln of it
    over that at the smallest batch that has an optimum; each with its standard error (that of ln
    for batch and lr; that of batch adds the points' scatter about the parabola).  All nan where the
    peak is not bracketed by batches with an optimum.

    batch_r: the place of the peak by replicate.
    """

    batch: float
    log_batch_sem: float
    lr: float
    log_lr_sem: float
    fall: float
    fall_sem: float
    rise: float
    rise_sem: float
    batch_r: np.ndarray


def peak(batch, lr_br, log_sem_b) -> Peak:
    """The peak of ε*(B), by the least-squares parabola of ln ε* in ln B through the highest point
    and up to two others on either side; the points are chosen once, by all seeds.

    batch: (b,) increasing; lr_br: (b, 1 + G), nan where there is no optimum; log_sem_b: standard
    errors of ln lr, from which those of fall and rise come.
    """
    nothing = np.full(np.shape(lr_br)[1], np.nan)
    known = np.isfinite(lr_br).all(1)
    x, y = np.log(np.asarray(batch, float))[known], np.log(np.asarray(lr_br, float))[known]
    sem = np.asarray(log_sem_b, float)[known]
    top = int(y[:, 0].argmax()) if known.any() else 0
    if not 0 < top < len(x) - 1:
        return Peak(*(np.nan,) * 8, batch_r=nothing)
    near = slice(max(top - SIDE, 0), top + SIDE + 1)
    bend, tilt, level = np.polyfit(x[near] - x[top], y[near], 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(bend < 0, -tilt / (2 * bend), np.nan)
    place = np.clip(np.nan_to_num(place), (x[near] - x[top])[0], (x[near] - x[top])[-1])
    height = level + tilt * place + bend * place**2
    fall, rise = y[top] - y[-1], y[top] - y[0]
    scatter = _scatter(x[near] - x[top], y[near, 0], bend[0], tilt[0], level[0])
    return Peak(
        float(np.exp(x[top] + place[0])), float(np.hypot(jackknife(place), scatter)),
        float(np.exp(height[0])), float(jackknife(height)),
        float(fall[0]), float(np.hypot(sem[top], sem[-1])),
        float(rise[0]), float(np.hypot(sem[top], sem[0])),
        np.exp(x[top] + place),
    )  # fmt: skip


def _scatter(x, y, bend, tilt, level) -> float:
    """Standard error of the parabola's peak from the scatter of the points about it."""
    free = len(x) - 3
    if free < 1 or bend >= 0:
        return 0.0
    design = np.vander(x, 3)
    left = y - design @ (bend, tilt, level)
    covariance = (left @ left / free) * np.linalg.inv(design.T @ design)
    slope = np.array([tilt / (2 * bend**2), -0.5 / bend, 0.0])
    return float(np.sqrt(slope @ covariance @ slope))


def drift(loss, batch_mr) -> tuple[float, float, int]:
    """γ of B_peak ∝ L^−γ, its standard error, and the number of targets behind it.

    loss: (m,); batch_mr: (m, 1 + G), nan where there is no peak.  Least squares of ln B_peak in
    ln L; the error adds that of the jackknife (all targets are met by the same runs) and that of
    the scatter about the line in squares.  nan with under three peaks.
    """
    known = np.isfinite(batch_mr).all(1)
    x, y = np.log(np.asarray(loss, float))[known], np.log(np.asarray(batch_mr, float))[known]
    if len(x) < 3:
        return np.nan, np.nan, len(x)
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    left = y[:, 0] - y[:, 0].mean() - slope[0] * centred
    scatter = np.sqrt(left @ left / (len(x) - 2) / (centred @ centred))
    return float(-slope[0]), float(np.hypot(jackknife(slope), scatter)), len(x)

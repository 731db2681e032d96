"""Best learning rates from wide valleys: `sim.best_lr`, with more of the curve behind each.

Passages and losses of deterministic-looking runs are jagged in the learning rate, for steps are
whole: a parabola through three neighbours follows every tooth.  Here it goes, by least squares,
through all grid points within `REACH` in ln lr of the best one, chosen once by all seeds, up to the
first that is not finite or above e times the best.  The standard error adds, in squares, that of
the jackknife over seeds and that of the points' scatter about the parabola (teeth, and skew);
beside a cliff it is the grid's step, as in `best_lrs`.
"""

import numpy as np

from sim.best_lr import CLIFF, Best, jackknife

REACH = 0.37


def wide_best(lrs, value_er) -> Best:
    """As `best_lrs`, of the least-squares parabola in the window; `value_er` (…, e, r)."""
    log_lr, value = np.log(np.asarray(lrs, float)), np.asarray(value_er, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(np.where(value > 0, value, np.nan))
    y = np.where(np.isfinite(y), y, np.inf)
    leading = y.shape[:-2]
    one = [_valley(log_lr, curve) for curve in y.reshape(-1, *y.shape[-2:])]
    place, height, errors, flags = (np.stack(part) for part in zip(*one, strict=True))
    place, height = (x.reshape(*leading, -1) for x in (place, height))
    scatter, value_scatter = np.moveaxis(errors.reshape(*leading, 2), -1, 0)
    edge, unreached, cliff = np.moveaxis(flags.reshape(*leading, 3), -1, 0)
    with np.errstate(invalid="ignore"):  # where a group left out leaves too few that reach
        errors = np.hypot(jackknife(place), scatter), np.hypot(jackknife(height), value_scatter)
    return Best(
        np.exp(place[..., 0]), errors[0], np.exp(height[..., 0]), errors[1],
        edge, unreached, cliff, np.exp(place), np.exp(height),
    )  # fmt: skip


def _valley(x, y_er):
    """ln lr and ln value at the optimum by replicate (r,), the errors of both from the scatter, and
    whether the best rate is the grid's end, no rate reaches, and no parabola could be drawn."""
    nothing = np.full(y_er.shape[1], np.nan)
    best = int(y_er[:, 0].argmin())
    if not np.isfinite(y_er[best, 0]):
        return nothing, nothing, np.full(2, np.nan), np.array([False, True, False])
    if best in (0, len(x) - 1):
        return nothing, nothing, np.full(2, np.nan), np.array([True, False, False])
    good = np.isfinite(y_er).all(1) & (y_er[:, 0] - y_er[best, 0] <= CLIFF)
    low = high = best
    while low > 0 and good[low - 1] and x[best] - x[low - 1] <= REACH:
        low -= 1
    while high < len(x) - 1 and good[high + 1] and x[high + 1] - x[best] <= REACH:
        high += 1
    window = slice(low, high + 1)
    around = x[window] - x[best]
    grid = 0.5 * (x[best + 1] - x[best - 1]) / np.sqrt(3)
    beside = np.array([grid, 0.0]), np.array([False, False, True])
    if low == best or high == best:
        return np.full_like(nothing, x[best]), y_er[best], *beside
    design = np.vander(around, 3)
    bend, tilt, level = np.linalg.lstsq(design, y_er[window], rcond=None)[0]
    if not (bend > 0).all():
        return np.full_like(nothing, x[best]), y_er[best], *beside
    place = np.clip(-tilt / (2 * bend), around[0], around[-1])
    height = level + tilt * place + bend * place**2
    errors = np.zeros(2)
    free = len(around) - 3
    if free:
        left = y_er[window, 0] - design @ (bend[0], tilt[0], level[0])
        covariance = (left @ left / free) * np.linalg.inv(design.T @ design)
        slopes = np.array([
            [-place[0] / bend[0], -0.5 / bend[0], 0.0], [place[0] ** 2, place[0], 1.0]
        ])  # fmt: skip
        errors = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
        errors[0] = min(errors[0], around[-1] / np.sqrt(3))  # it is in the window for certain
    return x[best] + place, height, errors, np.zeros(3, bool)

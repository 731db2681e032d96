"""The constant learning rate that is best for a whole run on a quadratic, by the closure.

Best by *target*: fewest steps until the expected loss falls to it. Best by *horizon*: least
expected loss after so many steps; at one step that is Lemma 1. The two are different questions.
Predictions are smooth in ε (but for the cliff where runs diverge), so a coarse grid finds the
valley, finer ones around its lowest point follow, and a parabola in ln ε through the lowest three
ends it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.closure import predict_runs

ROUNDS = 3  # of grids, each between the neighbours of the last one's lowest point
POINTS = 12  # of each


class BestRun(NamedTuple):
    """By batch size, (b,): the best learning rate, and the steps or the loss it gives; nan where no
    rate reaches the target, or the best one lies at an end of the range."""

    lr: NDArray[np.floating]
    value: NDArray[np.floating]


def best_run_lr(
    rule: str,
    *,
    hessian: ArrayLike,
    theta0: ArrayLike,
    noise: ArrayLike,
    batches: Sequence[float],
    lr_range: tuple[float, float],
    target: float | None = None,
    horizon: int | None = None,
    within: int = 1000,
    **options: Any,
) -> BestRun:
    """The best constant learning rate of `rule` by batch size, searched in `lr_range`.

    Give `target`, a loss to be reached `within` so many steps, or `horizon`, a number of steps;
    the rest as in `predict_runs`. Error: 0.1 % where the value is smooth in ε.
    Errors: ValueError unless exactly one of the two is given, or the range is not 0 < low < high.
    """
    if (target is None) == (horizon is None):
        raise ValueError("give target or horizon, and not both")
    low, high = lr_range
    if not 0 < low < high < np.inf:
        raise ValueError(f"lr_range must be 0 < low < high, not {lr_range}")
    steps = [within if horizon is None else horizon]
    targets = [] if target is None else [target]
    found = []
    for batch in batches:
        low_log, high_log = np.log(low), np.log(high)
        for _ in range(ROUNDS):
            log_lr = np.linspace(low_log, high_log, POINTS)
            run = predict_runs(
                rule, hessian=hessian, theta0=theta0, noise=noise, batches=[batch],
                lrs=np.exp(log_lr).tolist(), steps=steps, targets=targets, **options,
            )  # fmt: skip
            value = (run.loss_bek if target is None else run.passage_bem)[0, :, 0]
            least = int(value.argmin())
            if not 0 < least < POINTS - 1 or not np.isfinite(value[least]):
                log_lr = None
                break
            low_log, high_log = log_lr[least - 1], log_lr[least + 1]
        found.append((np.nan, np.nan) if log_lr is None else _lowest(log_lr, value, least))
    lr, value = np.array(found).T
    return BestRun(np.exp(lr), value)


def _lowest(x: NDArray, value: NDArray, least: int) -> tuple[float, float]:
    """Place and height of the parabola through the lowest point and its neighbours, or that point
    where a neighbour diverges."""
    y = value[least - 1 : least + 2]
    rise, fall = y[2] - y[1], y[0] - y[1]
    if not np.isfinite(y).all() or rise + fall <= 0:
        return x[least], y[1]
    shift = (fall - rise) / (2 * (fall + rise))
    return x[least] + shift * (x[1] - x[0]), y[1] - (fall + rise) / 2 * shift**2

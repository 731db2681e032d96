"""Does the best learning rate fall at large batch sizes?

Cell by cell: the largest batch size against every smaller one, by the largest fall in standard
errors; its chance without a decline is that of a flat curve, the least favourable of those that
never fall, by simulation; over all cells by Holm's correction. Over all cells at once: the slope
d ln η*/d ln B above the knee of the best joint law, as one more parameter beside those of the law,
its error from the scatter between cells.
"""

from typing import NamedTuple

import numpy as np

from experiments.steplaw.joint import Joint, slopes

DRAWS = 4000
LEVEL, POWER_Z = 0.05, 1.2816  # family-wise; a decline seen in nine of ten


class Falls(NamedTuple):
    """Per cell (C,): ln of the largest fall, its chance without a decline, that after Holm's
    correction, and the fall (ln) that would be seen in nine of ten at LEVEL over all cells."""

    fall: np.ndarray
    chance: np.ndarray
    corrected: np.ndarray
    visible: np.ndarray


def falls(log_rate, sem, batch, cell, *, seed: int) -> Falls:
    """Slices (n,) whose optimum is known, with the error `sem` of ln η*; cells in their order."""
    names = np.unique(cell)
    noise = np.random.default_rng(seed)
    fall, chance, visible = np.full((3, len(names)), np.nan)
    for row, name in enumerate(names):
        own = np.flatnonzero(cell == name)
        own = own[np.argsort(batch[own])]
        if len(own) < 2:
            continue
        error = np.hypot(sem[own[:-1]], sem[own[-1]])
        drop = log_rate[own[:-1]] - log_rate[own[-1]]
        flat = noise.standard_normal((DRAWS, len(own))) * sem[own]
        without = ((flat[:, :-1] - flat[:, -1:]) / error).max(1)
        most = (drop / error).argmax()
        fall[row] = drop[most]
        chance[row] = (1 + (without >= drop[most] / error[most]).sum()) / (1 + DRAWS)
        strict = np.quantile(without, 1 - LEVEL / len(names))
        visible[row] = ((strict + POWER_Z) * error).min()
    return Falls(fall, chance, _holm(chance), visible)


def _holm(chance: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(chance))
    order = known[np.argsort(chance[known])]
    found = np.full(chance.shape, np.nan)
    scaled = chance[order] * np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return found


def slope_above(knee: Joint, at, log_rate, weight, cell) -> tuple[float, float, int]:
    """d ln η*/d ln B above the knee, its standard error between cells, and the slices above it.

    `knee`: the law with a knee, at its best fit `at` to ln rates of the slices (n,)."""
    start = 3 + knee.noise.shape[1]
    excess = np.log(knee.batch) - knee.noise @ at[3:start]
    columns = np.vstack([slopes(knee, at), np.maximum(excess, 0.0)])
    normal = (columns * weight) @ columns.T
    inverse = np.linalg.pinv(normal, rcond=1e-12, hermitian=True)
    gap = log_rate - knee.log(at)
    step = inverse @ (columns * weight) @ gap
    left = weight * (gap - step @ columns)
    cells = np.unique(cell)
    scores = (columns * left) @ (cell[:, None] == cells)
    spread = inverse @ scores @ scores.T @ inverse * len(cells) / (len(cells) - 1)
    return float(step[-1]), float(np.sqrt(spread[-1, -1])), int((excess > 0).sum())

"""What a rule loses in a cell it has not seen, and what the choice of the rule costs.

A law is fitted jointly to all cells but one and gives the learning rate of every slice of the one.
The choice among laws is itself made without the cell that judges it (nested): for each outer cell,
the law of least mean regret among the others, each of these left out in turn beside the outer one.
Fits without two cells are one Gauss–Newton step from the fit without the outer one, exact where
the law is linear in its parameters; a parameter at its bound stays there.
"""

import numpy as np

from experiments.steplaw.joint import Joint, copies, slopes, solved


def without_each(model: Joint, start, log_rate, weight, cell, cells) -> np.ndarray:
    """Parameters (C, p) of the fits without each of `cells` (C,); slices (n,) of `cell`."""
    weights = np.where(cell == cells[:, None], 0.0, weight)
    return copies(model, start, log_rate, weights)


def without_pairs(model: Joint, single, log_rate, weight, cell, cells) -> np.ndarray:
    """Parameters (C, C, p) of the fits without cells i and j, from those without i, `single`."""
    slope = slopes(model, single)  # (C, p, n)
    gap = np.nan_to_num(log_rate - model.log(single), posinf=0.0, neginf=0.0)
    belongs = (cell == cells[:, None]).astype(float)  # (C, n)
    squares = np.einsum("ipn,iqn->inpq", slope * weight, slope).reshape(len(cells), len(cell), -1)
    normal = (belongs @ squares).reshape(len(cells), len(cells), *2 * (slope.shape[1],))
    right = belongs @ np.einsum("ipn,in->inp", slope * weight, gap)
    rest = normal.sum(1, keepdims=True) - normal
    toward = right.sum(1, keepdims=True) - right
    own = np.arange(len(cells))
    rest = rest - normal[own, own][:, None]
    toward = toward - right[own, own][:, None]
    step = solved(rest, toward)
    found = np.clip(single[:, None] + np.clip(step, -2, 2), model.low, model.high)
    found[own, own] = single
    return found


def predicted(model: Joint, parameters, cell, cells) -> np.ndarray:
    """ln lr of every slice by the parameters (..., C, p) of its own cell: (..., n)."""
    row = np.searchsorted(cells, cell)
    every = model.log(parameters)  # (..., C, n)
    return every[..., row, np.arange(len(row))]


def nested(regrets: np.ndarray, pair_regrets: np.ndarray, cell, cells) -> tuple:
    """The regret of each slice under the law chosen without its cell, (n,), and the choice (C,).

    regrets (laws, n) of fits without the slice's cell; pair_regrets (laws, C, n): without the
    outer cell i and the slice's own cell.
    """
    others = cell != cells[:, None]  # (C, n)
    inner = np.where(others, pair_regrets, 0.0).sum(-1) / others.sum(-1)
    choice = inner.argmin(0)
    row = np.searchsorted(cells, cell)
    return regrets[choice[row], np.arange(len(row))], choice

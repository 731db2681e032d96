"""The weights with which a rule remembers its gradients, for `theory.ratio`.

V = Σ_k a_k g_k/√(Σ_k w_k g_k²), k steps back, with Σ a_k = Σ w_k = 1. Adam in its stationary state
has a_k = (1−β1)β1^k and w_k = (1−β2)β2^k (its bias corrections are then 1); Adagrad after t steps
has a = 1 for the last gradient only and t equal weights w (but for a factor 1/√t).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

FORGOTTEN = np.log(1e-17)  # weights below this part of the first are left out
MOST_STEPS = 10**6  # that are kept one by one
BLOCK = 0.05  # longest block, in time constants of β2, of the three-point rule


@dataclass(frozen=True, eq=False)
class History:
    """Weights a_k and w_k of past gradients and how many gradients have them, (K,) each.

    A history is equal only to itself, so that what follows from it can be cached.
    """

    a: NDArray[np.float64]
    w: NDArray[np.float64]
    count: NDArray[np.float64]

    def total(self, term: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ_k over all gradients of a term (…, K)."""
        return term @ self.count

    def products(self) -> tuple[NDArray[np.float64], ...]:
        """Σa², Σaw and Σw²."""
        return tuple(map(self.total, (self.a**2, self.a * self.w, self.w**2)))


@cache
def geometric(beta1: float, beta2: float) -> History:
    """The history of Adam; β1 = 0 is RMSProp, both zero sign descent; 0 ≤ β1, β2 < 1.

    Where only the squares are still remembered, each block of m consecutive steps is summed by
    three points, exact for polynomials of degree 5 in k (relative error below 1e-12).
    Errors: ValueError where β1 is so near 1 that more than `MOST_STEPS` steps count.
    """
    recent = _length(beta1)
    if recent > MOST_STEPS:
        raise ValueError(f"beta1 must be below 0.99996 where beta2 is below 1, not {beta1}")
    steps, count = np.arange(recent, dtype=float), np.ones(recent)
    rest = _length(beta2) - recent
    if rest > 0:
        size = max(1, int(BLOCK / (1 - beta2)))
        starts = recent + size * np.arange(-(-rest // size))
        offsets, weights = _three_points(size)
        steps = np.concatenate([steps, (starts[:, None] + offsets).ravel()])
        count = np.concatenate([count, np.tile(weights, len(starts))])
    older = steps >= recent
    return History(
        np.where(older, 0, (1 - beta1) * float(beta1) ** steps),
        (1 - beta2) * float(beta2) ** steps,
        count,
    )


@cache
def equal(steps: int) -> History:
    """The history of Adagrad after `steps` steps."""
    weights = np.full(2, 1 / steps)
    return History(np.array([1.0, 0.0]), weights, np.array([1.0, steps - 1.0]))


def _length(beta: float) -> int:
    return 1 if beta == 0 else int(np.ceil(FORGOTTEN / np.log(beta)))


def _three_points(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights that sum polynomials of degree 5 over 0, …, size − 1 exactly."""
    if size < 4:
        return np.arange(size, dtype=float), np.ones(size)
    second = (size**2 - 1) / 12  # mean of (k − middle)², and of its square
    fourth = (size**2 - 1) * (3 * size**2 - 7) / 240
    outer, weight = np.sqrt(fourth / second), second**2 / (2 * fourth)
    offsets = (size - 1) / 2 + outer * np.array([-1.0, 0.0, 1.0])
    return offsets, size * np.array([weight, 1 - 2 * weight, weight])

"""SGD that takes a share η of the best learning rate of every single step, by its second moments.

M = E[θθᵀ] goes to (I − εH) M (I − εH) + ε²Σ/B; the ε of least expected loss after the step is
tr(H²M) / (tr(H³M) + tr(HΣ)/B), Lemma 1 in the mean.  A step of η times it gains 2η − η² of the
most, at every B alike.  With η → 0 the run is the flow for every B, and the line 1/S against 1/E
is exact, with the B_noise of the flow; with η = 1 the local law still holds at each step, but runs
of different B pass through different points of one loss, in steps that are not small.
"""

from typing import NamedTuple

import numpy as np


class Greedy(NamedTuple):
    """Steps (m, b) to each target, times 2η − η²; inf where not reached within `most` steps."""

    steps: np.ndarray


def greedy_sgd(hessian, theta, covariance, batches, targets, *, share: float, most: int) -> Greedy:
    """Runs at all `batches` (b,); targets: decreasing losses (m,); share: η."""
    value, vectors = np.linalg.eigh(hessian)
    batch, targets = np.asarray(batches, float)[:, None], np.asarray(targets, float)
    noise = np.diagonal(vectors.T @ covariance @ vectors) / batch  # (b, d), in H's basis
    second = np.tile((vectors.T @ theta) ** 2, (len(batch), 1))
    loss = 0.5 * second @ value
    steps = np.full((len(targets), len(batch)), np.inf)
    for t in range(most):
        lr = share * (second @ value**2) / (second @ value**3 + noise @ value)
        second = (1 - lr[:, None] * value) ** 2 * second + lr[:, None] ** 2 * noise
        before, loss = loss, 0.5 * second @ value
        for m in np.flatnonzero((loss <= targets[:, None]).any(1)):
            now = (loss <= targets[m]) & np.isinf(steps[m])
            passed = t + np.log(before / targets[m]) / np.log(before / loss)
            steps[m] = np.where(now, passed, steps[m])
        if np.isfinite(steps).all():
            break
    return Greedy(steps * (2 * share - share**2))

"""The exact Hessian diagonal of a ReLU network's cross-entropy, streamed, with a spot check.

Where outputs are piecewise linear in every single parameter, H_ii is the diagonal of the
generalised Gauss–Newton matrix (`ggn_diagonal`).  Whether they are cannot be read off a function:
some H_ii are compared with second derivatives along single coordinates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from sim.directions import quadratic_form
from sim.ggn_diagonal import ggn_diagonal
from sim.sample_losses import ModelLoss, Stream, flat

SAMPLES = 1024  # on the device at once
CHECKED = 8  # coordinates
TOLERANCE = 1e-3  # of the largest H_ii checked


@dataclass(frozen=True)
class Outputs:
    """f(params, x) of one sample."""

    apply: Callable[[Any, Any], Any]

    def __call__(self, params, inputs):
        return self.apply(params, jax.tree.map(lambda x: x[None], inputs))[0]


def relu_diagonal(apply: Callable, params) -> Callable[[Stream], np.ndarray]:
    """H_ii (d,) of a stream's mean cross-entropy; ValueError where the model is seen not to be
    piecewise linear in single parameters."""

    def diagonal(stream: Stream) -> np.ndarray:
        total, n = 0.0, stream.index.size
        for start in range(0, n, SAMPLES):
            inputs, _ = stream.at(stream.index[start : start + SAMPLES])
            part = ggn_diagonal(Outputs(apply), "cross_entropy", params, inputs)
            total = total + np.asarray(ravel_pytree(part.diagonal)[0]) * (part.count / n)
        _check(apply, params, stream, np.asarray(total))
        return np.asarray(total)

    return diagonal


def _check(apply: Callable, params, stream: Stream, diagonal: np.ndarray) -> None:
    """Compare H_ii on one chunk of samples, at coordinates spread over those that have any."""
    few = stream._replace(index=stream.index[: stream.at_once])
    if few.index.size < stream.index.size:
        inputs, _ = few.at(few.index)
        part = ggn_diagonal(Outputs(apply), "cross_entropy", params, inputs)
        diagonal = np.asarray(ravel_pytree(part.diagonal)[0])
    curved = np.flatnonzero(diagonal)
    if curved.size == 0:
        return
    chosen = curved[np.linspace(0, curved.size - 1, CHECKED).astype(int)]
    loss, theta = flat(ModelLoss(apply), params)
    units = (jnp.zeros_like(theta).at[i].set(1) for i in chosen)
    gap = np.abs([quadratic_form(loss, theta, few, v) for v in units] - diagonal[chosen])
    if gap.max() > TOLERANCE * diagonal.max():
        raise ValueError("the model is not piecewise linear in every parameter: leave that out")

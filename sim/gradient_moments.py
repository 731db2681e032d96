"""Mean and second moment of per-sample gradients, per parameter, and each sample's norm, for any
model in JAX.

`loss(params, sample)` is the loss of ONE sample, `sample` without a batch axis: a Flax model is
called as `apply(params, x[None])[0]`.  Layers that mix the samples of a batch (BatchNorm in
training mode) have no per-sample gradient and cannot be written that way; dropout is off or has its
key in the sample.  Nothing of the model is touched: see `uses` for how it is read, `moment_sums`
for what is computed in closed form and what is formed a few samples at a time, `sample_sums` for
how chunks of samples add up.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from sim.sample_sums import (
    Params,
    add_chunk,
    chunk_size,
    empty,
    means,
    padded_chunks,
    sample_count,
)

Loss = Callable[[Params, Any], Array]


class GradientMoments(NamedTuple):
    """Of `count` samples: mean of g and of g², pytrees like the parameters, and |g_b|² (count,)."""

    count: int
    mean: Params
    second: Params
    norms2: Array


def gradient_moments(
    loss: Loss, params: Params, samples: Any, *, at_once: int | None = None
) -> GradientMoments:
    """Moments over `samples`, a pytree of arrays (n, …).

    `at_once` samples make a chunk: memory grows with it, results change only by rounding; unless
    given it is as many as keep about 8 million activations.  Raises ValueError where there is no
    sample, n differs between arrays, a parameter is not floating-point, or the loss is no scalar.
    """
    n = sample_count(samples)
    if at_once is None:
        at_once = chunk_size(loss, params, samples)
    found = moments_of_chunks(loss, params, padded_chunks(samples, at_once))
    return found._replace(norms2=found.norms2[:n])


def moments_of_chunks(
    loss: Loss, params: Params, chunks: Iterable[tuple[Any, Array | np.ndarray]]
) -> GradientMoments:
    """Moments over a stream of (samples (b, …), weights (b,)); weights are 1, or 0 for a sample
    that only fills its chunk up (its norm is 0).  Chunks of one size compile once."""
    running, count, norms2 = empty(params), 0, []
    for samples, weights in chunks:
        running, norms = add_chunk(loss, weighted, params, running, samples, weights)
        count += int(weights.sum())
        norms2.append(norms)
    if count == 0:
        raise ValueError("there is no sample")
    mean, second = (
        jax.tree.unflatten(jax.tree.structure(params), x) for x in means(running, count)
    )
    return GradientMoments(count, mean, second, jnp.concatenate(norms2))


def weighted(outputs: list[Array], weight) -> list[Array]:
    """The cotangent of a loss, times the sample's weight."""
    if len(outputs) != 1 or outputs[0].shape:
        raise ValueError("the loss of one sample must be a scalar")
    return [weight.astype(outputs[0].dtype)[None]]


def merge(a: GradientMoments, b: GradientMoments) -> GradientMoments:
    """Moments of two disjoint sets of samples together, those of `a` first."""
    n = a.count + b.count

    def joined(x, y):
        return x + (y - x) * (b.count / n)

    return GradientMoments(
        n,
        jax.tree.map(joined, a.mean, b.mean),
        jax.tree.map(joined, a.second, b.second),
        jnp.concatenate([a.norms2, b.norms2]),
    )

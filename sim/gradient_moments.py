"""Mean and second moment of per-sample gradients, per parameter, and each sample's norm, for any
model in JAX.

`loss(params, sample)` is the loss of ONE sample, `sample` without a batch axis: a Flax model is
called as `apply(params, x[None])[0]`.  Layers that mix the samples of a batch (BatchNorm in
training mode) have no per-sample gradient and cannot be written that way; dropout is off or has its
key in the sample.  Nothing of the model is touched: see `uses` for how it is read, `moment_sums`
for what is computed in closed form and what is formed a few samples at a time.

Samples are taken in chunks.  Within a chunk numbers add up in the parameters' own dtype; over
chunks the rounding error of each addition is carried along, so that long sums lose no digits.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from sim.moment_sums import Sums, moment_sums
from sim.uses import Program, backward, kind, settle, trace

ACTIVATIONS_AT_ONCE = 2**23  # numbers in a chunk's activations
MOST_AT_ONCE = 256

Params = Any
Loss = Callable[[Params, Any], Array]


class GradientMoments(NamedTuple):
    """Of `count` samples: mean of g and of g², pytrees like the parameters, and |g_b|² (count,)."""

    count: int
    mean: Params
    second: Params
    norms2: Array


class Running(NamedTuple):
    """Sums so far (Σ g, Σ g²) and what rounding took from them."""

    high: tuple[list[Array], list[Array]]
    low: tuple[list[Array], list[Array]]


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
    if at_once < 1:
        raise ValueError(f"at_once must be at least 1, not {at_once}")
    found = moments_of_chunks(loss, params, padded_chunks(samples, min(at_once, n)))
    return found._replace(norms2=found.norms2[:n])


def moments_of_chunks(
    loss: Loss, params: Params, chunks: Iterable[tuple[Any, Array]]
) -> GradientMoments:
    """Moments over a stream of (samples (b, …), weights (b,)); weights are 1, or 0 for a sample
    that only fills its chunk up.  Chunks of one size compile once."""
    leaves, structure = jax.tree.flatten(params)
    zeros = [jnp.zeros_like(leaf) for leaf in leaves]
    running = jax.tree.map(jnp.copy, Running((zeros, zeros), (zeros, zeros)))
    count, norms2 = 0, []
    for chunk, weights in chunks:
        running, norms = _add(loss, params, running, chunk, weights)
        count += int(weights.sum())
        norms2.append(norms)
    if count == 0:
        raise ValueError("there is no sample")
    mean, second = _divided(running, count)
    mean, second = (jax.tree.unflatten(structure, part) for part in (mean, second))
    return GradientMoments(count, mean, second, jnp.concatenate(norms2))


def chunk_sums(loss: Loss, params: Params, chunk: Any, weights: Array) -> Sums:
    """Σ w g and Σ (w g)², lists in the order of the parameters' leaves, and |w g|² (b,) of one
    chunk (b, …).  To be compiled by its caller."""
    program = trace(loss, params, jax.tree.map(lambda x: x[0], chunk))
    _check_scalar(program)
    leaves = jax.tree.leaves(params)
    settled = settle(program, leaves)

    def one(sample, weight):
        return backward(program, settled, sample, lambda out: [weight.astype(out[0].dtype)[None]])

    _, activations, deltas = jax.vmap(one)(jax.tree.leaves(chunk), weights)
    return moment_sums(program, settled, leaves, activations, deltas)


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


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _add(loss: Loss, params: Params, running: Running, chunk, weights):
    found = chunk_sums(loss, params, chunk, weights)
    added = (found.total, found.square)
    high = jax.tree.map(jnp.add, running.high, added)
    low = jax.tree.map(_lost, running.low, running.high, added, high)
    return Running(high, low), found.norms2


def _lost(low, before, x, after):
    """low, and what the rounding of after = before + x took (Knuth's two-sum)."""
    part = after - before
    return low + ((before - (after - part)) + (x - part))


@jax.jit
def _divided(running: Running, count):
    return jax.tree.map(lambda high, low: (high + low) / count, running.high, running.low)


def sample_count(samples: Any) -> int:
    """n of a pytree of arrays (n, …)."""
    sizes = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(samples)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError("samples must be arrays with one leading axis of the same length, not 0")
    return sizes.pop()


def padded_chunks(samples: Any, at_once: int):
    """(chunk, weights) of equal sizes of at most `at_once`; the last one filled up by the first
    samples, with weight 0."""
    n = sample_count(samples)
    chunks = -(-n // at_once)
    size = -(-n // chunks)
    for start in range(0, n, size):
        chosen = jnp.arange(start, start + size) % n
        part = jax.tree.map(
            lambda x, s=start, c=chosen: x[s : s + size] if s + size <= n else x[c], samples
        )
        yield part, (jnp.arange(start, start + size) < n).astype(jnp.float32)


def chunk_size(function: Callable, params: Params, samples: Any) -> int:
    """How many samples keep about ACTIVATIONS_AT_ONCE numbers in their activations."""
    program = trace(function, params, jax.tree.map(lambda x: x[0], samples))
    made = (kind(v).size for step in program.following for v in step.equation.outvars)
    return max(1, min(MOST_AT_ONCE, ACTIVATIONS_AT_ONCE // max(sum(made), 1)))


def _check_scalar(program: Program) -> None:
    made = {
        place: variable
        for step in program.following
        for place, variable in zip(step.outputs, step.equation.outvars, strict=True)
    }
    if len(program.outputs) != 1 or kind(made[program.outputs[0]]).shape:
        raise ValueError("the loss of one sample must be a scalar")

"""Samples in chunks, and sums over chunks that lose no digits.

Within a chunk numbers add up in the parameters' own dtype; over chunks the rounding error of each
addition is carried along (Knuth's two-sum), so that the sum of 60,000 samples in float32 is as good
as that of one chunk.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from sim.moment_sums import Sums, moment_sums
from sim.uses import backward, kind, settle, trace

ACTIVATIONS_AT_ONCE = 2**23  # numbers in a chunk's activations
MOST_AT_ONCE = 256

Params = Any
Cotangents = Callable[[list[Array], Any], list[Array]]


class Running(NamedTuple):
    """Sums so far (Σ g, Σ g²), lists of leaves, and what rounding took from them."""

    high: tuple[list[Array], list[Array]]
    low: tuple[list[Array], list[Array]]


def empty(params: Params) -> Running:
    leaves = jax.tree.leaves(params)
    zeros = [[jnp.zeros_like(leaf) for leaf in leaves] for _ in range(4)]
    return Running((zeros[0], zeros[1]), (zeros[2], zeros[3]))


def chunk_sums(
    function: Callable, cotangents: Cotangents, params: Params, samples: Any, extra: Any
) -> Sums:
    """Sums over one chunk, `samples` and `extra` pytrees of arrays (b, …), of the gradients of
    `function(params, sample)` with each row of `cotangents(outputs, extra)`: `uses.backward`."""
    program = trace(function, params, jax.tree.map(lambda x: x[0], samples))
    leaves = jax.tree.leaves(params)
    settled = settle(program, leaves)

    def one(sample, beside):
        return backward(program, settled, sample, lambda outputs: cotangents(outputs, beside))

    _, activations, deltas = jax.vmap(one)(jax.tree.leaves(samples), extra)
    return moment_sums(program, settled, leaves, activations, deltas)


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=3)
def add_chunk(
    function: Callable, cotangents: Cotangents, params: Params, running: Running, samples, extra
):
    """The sums with those of a chunk, and its norms (b,)."""
    found = chunk_sums(function, cotangents, params, samples, extra)
    added = (found.total, found.square)
    high = jax.tree.map(jnp.add, running.high, added)
    low = jax.tree.map(_lost, running.low, running.high, added, high)
    return Running(high, low), found.norms2


def _lost(low, before, x, after):
    part = after - before
    return low + ((before - (after - part)) + (x - part))


@jax.jit
def means(running: Running, count) -> tuple[list[Array], list[Array]]:
    return jax.tree.map(lambda high, low: (high + low) / count, running.high, running.low)


def sample_count(samples: Any) -> int:
    """n of a pytree of arrays (n, …)."""
    sizes = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(samples)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError("samples must be arrays with one leading axis of the same length, not 0")
    return sizes.pop()


def padded_chunks(samples: Any, at_once: int) -> Iterator[tuple[Any, np.ndarray]]:
    """(chunk, weights) of one size, at most `at_once`; the last is filled up by the first samples,
    with weight 0."""
    n = sample_count(samples)
    if at_once < 1:
        raise ValueError(f"at_once must be at least 1, not {at_once}")
    size = -(-n // -(-n // at_once))
    for start in range(0, n, size):
        place = np.arange(start, start + size)
        weights = (place < n).astype(np.float32)
        yield jax.tree.map(partial(_rows, start, place % n), samples), weights


def _rows(start: int, place: np.ndarray, x):
    size = place.size
    return x[start : start + size] if start + size <= x.shape[0] else x[place]


def chunk_size(function: Callable, params: Params, samples: Any, rows: int = 1) -> int:
    """How many samples keep about ACTIVATIONS_AT_ONCE numbers, `rows` δ for each activation."""
    program = trace(function, params, jax.tree.map(lambda x: x[0], samples))
    made = sum(kind(v).size for step in program.following for v in step.equation.outvars)
    return max(1, min(MOST_AT_ONCE, ACTIVATIONS_AT_ONCE // max(made * rows, 1)))

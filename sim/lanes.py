"""Cells of a grid, some at once: the one switch between a CPU and an accelerator.

On a CPU one cell at a time is fastest, as its arrays stay in cache and its products stay large;
`vmap` over cells with weights of their own would turn every product into a batch of small ones.
On an accelerator it is the other way round.  A compiled program of such sizes fills one core and
lets other threads of Python run, so that groups of cells go side by side in threads.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def across(f, width: int):
    """f over a leading axis of `width` of all its arguments; without a batch axis where it is 1."""
    if width > 1:
        return jax.vmap(f)

    def alone(*arguments):
        lone = jax.tree.map(lambda x: x[0], arguments)
        return jax.tree.map(lambda x: jnp.asarray(x)[None], f(*lone))

    return alone


def groups(count: int, at_once: int) -> Iterator[np.ndarray]:
    """The cells 0 … count − 1 in groups of min(at_once, count), the last one filled up with the
    last cell: one compiled program serves all."""
    width = min(at_once, count)
    for first in range(0, count, width):
        yield np.minimum(np.arange(first, first + width), count - 1)


def over_groups(work: Callable[[np.ndarray], Any], count: int, at_once: int, threads: int) -> list:
    """work(group) of every group of `groups`, in order, of which `threads` go side by side."""
    if threads == 1:
        return [work(group) for group in groups(count, at_once)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, groups(count, at_once)))

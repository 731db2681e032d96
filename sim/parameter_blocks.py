"""The matrix parameters of a model within its flat vector of parameters."""

from math import prod

import jax
import numpy as np

Block = tuple[slice, tuple[int, int]]


def matrices(params) -> list[Block]:
    """Place and shape (m, n) of every parameter of two axes or more, in the order of
    `ravel_pytree`; the leading axes together are rows, as of a convolution's kernel."""
    leaves = jax.tree.leaves(params)
    pairs = zip(leaves, all_matrices(params), strict=True)
    return [block for leaf, block in pairs if np.ndim(leaf) > 1]


def all_matrices(params) -> list[Block]:
    """`matrices`, with every vector or number a matrix of one row."""
    found, start = [], 0
    for leaf in jax.tree.leaves(params):
        shape = np.shape(leaf)
        last = shape[-1] if shape else 1
        found.append((slice(start, start + prod(shape)), (prod(shape[:-1]), last)))
        start += prod(shape)
    return found


def matrix_direction(vector: np.ndarray, blocks: list[Block]) -> np.ndarray:
    """The polar factor of each matrix in a flat vector, 0 elsewhere: ⟨V(G), G⟩ = Σ ‖G‖_*."""
    direction = np.zeros_like(vector)
    for where, shape in blocks:
        u, s, wt = np.linalg.svd(vector[where].reshape(shape), full_matrices=False)
        rounding = np.finfo(vector.dtype).eps * max(shape) * s.max(initial=0)
        direction[where] = ((u * (s > rounding)) @ wt).ravel()
    return direction

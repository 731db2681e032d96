"""The matrix parameters of a model within its flat vector of parameters."""

from math import prod

import jax
import numpy as np

Block = tuple[slice, tuple[int, int]]
SMALLEST = 1e-7  # singular value that counts, of the largest


def matrices(params) -> list[Block]:
    """Place and shape (m, n) of every parameter of two axes or more, in the order of
    `ravel_pytree`; all axes but the last together are rows, as of a convolution's kernel."""
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
    """The polar factor of each matrix in a flat vector, 0 elsewhere: ⟨V(G), G⟩ = Σ ‖G‖_*.

    From the Gram matrix on the shorter side, in float64, a fifth of an SVD's time: singular values
    below 1e-7 of the largest, which it cannot tell from zero, are left out.
    """
    direction = np.zeros_like(vector)
    for where, shape in blocks:
        x = np.asarray(vector[where], np.float64).reshape(shape)
        tall = x if shape[0] >= shape[1] else x.T
        squares, w = np.linalg.eigh(tall.T @ tall)
        kept = squares > SMALLEST**2 * squares.max(initial=0)
        root = (w[:, kept] / np.sqrt(squares[kept])) @ w[:, kept].T
        polar = tall @ root
        direction[where] = (polar if shape[0] >= shape[1] else polar.T).ravel()
    return direction

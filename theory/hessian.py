"""The Hessian as the theory sees it: a product with a vector and a diagonal.

A dense (d, d) array and any object with `matvec` and `diagonal` become the same thing, so that
one assembly serves two coordinates and ten million.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import eval_jaxpr

ROWS_AT_ONCE = 16  # Hessian-vector products in flight; a network's need memory


class Hessian(NamedTuple):
    """A symmetric operator on (d,) vectors.

    `sampled_quadratic(V, key)` may give an unbiased random estimate of vᵀHv for each row of an
    (m, d) array; without it the exact product is used.
    """

    matvec: Callable[[Array], Array]
    diagonal: Array
    sampled_quadratic: Callable[[Array, Array], Array] | None = None

    def quadratic(self, vector: Array) -> Array:
        """vᵀHv of one (d,) vector."""
        return vector @ self.matvec(vector)

    def quadratics(self, vectors: Array, key: Array | None = None) -> Array:
        """vᵀHv of each row of an (m, d) array: exact, or an unbiased estimate if offered."""
        if self.sampled_quadratic is not None and key is not None:
            return self.sampled_quadratic(vectors, key)
        return jax.lax.map(self.quadratic, vectors, batch_size=ROWS_AT_ONCE)

    def compiled(self, vectors: Array, key: Array) -> Callable[[Array, Array], Array]:
        """`quadratics`, compiled once for arrays like these.

        What the operator closes over (a network's parameters and data) becomes an argument:
        as a constant, XLA would evaluate the forward pass while it compiles.
        """
        program = jax.make_jaxpr(self.quadratics)(vectors, key)

        @jax.jit
        def run(constants: list[Array], vectors: Array, key: Array) -> Array:
            return eval_jaxpr(program.jaxpr, constants, vectors, key)[0]

        return lambda vectors, key: run(program.consts, vectors, key)

    def rows(self, index: Array) -> Array:
        """Rows H[index], (len(index), d), by products with unit vectors."""
        units = jax.nn.one_hot(index, self.diagonal.shape[0], dtype=self.diagonal.dtype)
        return jax.lax.map(self.matvec, units, batch_size=ROWS_AT_ONCE)


def real(name: str, value: Any) -> Array:
    """A float array; ValueError naming the argument for what is not real numbers."""
    try:
        if np.iscomplexobj(value):
            raise TypeError
        return jnp.asarray(value, float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must consist of real numbers") from None


def as_hessian(hessian: Any, size: int) -> Hessian:
    """Wrap a dense symmetric (d, d) array, or an operator with `matvec` and `diagonal`.

    An operator that declares a `dtype` is called with vectors of that type.
    Errors: ValueError for a wrong shape, an asymmetric array or non-finite entries.
    """
    if not hasattr(hessian, "matvec"):
        return _dense(real("hessian", hessian), size)
    if not hasattr(hessian, "diagonal"):
        raise ValueError("a Hessian operator needs matvec and diagonal")
    diagonal = hessian.diagonal() if callable(hessian.diagonal) else hessian.diagonal
    diagonal = real("the Hessian's diagonal", diagonal)
    if diagonal.shape != (size,):
        raise ValueError(f"the Hessian's diagonal has shape {diagonal.shape}, expected ({size},)")
    if not bool(jnp.isfinite(diagonal).all()):
        raise ValueError("the Hessian's diagonal must be finite")
    dtype = getattr(hessian, "dtype", diagonal.dtype)

    def matvec(vector: Array) -> Array:
        return jnp.asarray(hessian.matvec(vector.astype(dtype))).astype(vector.dtype)

    return Hessian(matvec, diagonal, getattr(hessian, "sampled_quadratic", None))


def _dense(matrix: Array, size: int) -> Hessian:
    if matrix.shape != (size, size):
        raise ValueError(f"hessian has shape {matrix.shape}, expected ({size}, {size})")
    if not bool(jnp.isfinite(matrix).all()):
        raise ValueError("hessian must be finite")
    if not bool(jnp.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-8 * jnp.abs(matrix).max())):
        raise ValueError("hessian must be symmetric")
    return Hessian(lambda v: jnp.matmul(matrix, v, precision="highest"), jnp.diagonal(matrix))

"""A network's Hessian in the form that `theory` asks for."""

import jax.numpy as jnp
import numpy as np

from sim import measure
from sim.network import BLOCK, Point


class NetworkHessian:
    """H of the population's loss, restricted to the coordinates `alive` (their indices).

    `matvec` and `diagonal` are exact; `sampled_quadratic` estimates vᵀHv without bias, each row
    over a random block of the population.
    """

    def __init__(self, point: Point, alive: np.ndarray):
        self.dtype = point.theta.dtype
        self._point, self._alive = point, jnp.asarray(alive)
        full = measure.hessian_diagonal(point.logits, point.theta, point.population)
        self.diagonal = full[self._alive]

    def _embedded(self, v):
        shape = (*v.shape[:-1], self._point.theta.size)
        return jnp.zeros(shape, self.dtype).at[..., self._alive].set(v.astype(self.dtype))

    def matvec(self, v):
        """Hv (d,)."""
        logits, theta, population = self._point[:3]
        return measure.hessian_product(logits, theta, population, self._embedded(v))[self._alive]

    def sampled_quadratic(self, directions, key):
        """An unbiased estimate of vᵀHv per row of (m, d)."""
        logits, theta, population = self._point[:3]
        size = min(BLOCK, population.size)
        return measure.sampled_quadratic_forms(
            logits, theta, population, self._embedded(directions), key, size=size
        )

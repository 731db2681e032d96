"""Problems of one step, made up at random, and their Hessians as operators."""

import jax.numpy as jnp
import numpy as np

BATCH = np.array([1.0, 4.0, 30.0, 1000.0])


def random_problem(seed, size, coherence=0.3):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size)) + coherence * size
    return {
        "mu": rng.normal(size=size),
        "sigma": rng.uniform(0.5, 3, size=size),
        "hessian": root @ root.T / size,
    }


def random_correlation(seed, size):
    rng = np.random.default_rng(seed)
    covariance = np.cov(rng.normal(size=(size, 2 * size)) + rng.normal(size=2 * size))
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


class Operator:
    """A Hessian known by its products alone."""

    def __init__(self, matrix, dtype=float):
        self.matrix, self.dtype = jnp.asarray(matrix, dtype), dtype

    def diagonal(self):
        return jnp.diagonal(self.matrix)

    def matvec(self, vector):
        assert vector.dtype == self.dtype
        return self.matrix @ vector

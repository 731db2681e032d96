"""A small dense quadratic with independent noise, on which tests run whole runs."""

import jax.numpy as jnp
import numpy as np

from sim import Quadratic


def dense_problem(d: int) -> Quadratic:
    """d parameters, noise 0.5 in each."""
    generator = np.random.default_rng(1)
    root = generator.normal(size=(d, d))
    return Quadratic(
        jnp.asarray(root @ root.T / d + 0.1 * np.eye(d), jnp.float32),
        jnp.asarray(generator.normal(size=d), jnp.float32),
        jnp.full(d, 0.5, jnp.float32),
    )

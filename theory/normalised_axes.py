"""The axes of the gradient noise: coordinates in which it is independent.

Independent coordinates are their own axes; a dense correlation gives its eigenvectors; n
per-sample gradients give at most n axes, from the n × n Gram matrix, and the part of the mean
outside their span, which no noise touches. No d × d array is made unless one was given.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from theory.problem import Problem

NEGLIGIBLE = 1e-12  # of the largest variance: an eigenvalue that is only round-off


class Axes(NamedTuple):
    """Per-sample deviation σ, mean μ and curvature H_aa by axis, (r,) each; `rest` (d,) is the
    part of the mean outside the axes and `basis` (r, d) the axes, None where they are the
    coordinates themselves."""

    sigma: Array
    mu: Array
    curvature: Array
    rest: Array
    basis: Array | None

    def lift(self, values: Array) -> Array:
        """Σ_a values_a · axis_a, without the rest; (…, r) → (…, d)."""
        return values if self.basis is None else values @ self.basis


def noise_axes(problem: Problem) -> Axes:
    """The axes of a problem's noise; one Hessian-vector product for each that is no coordinate."""
    mu, sigma, hessian, _, correlation, samples = problem
    if correlation is None and samples is None:
        return Axes(sigma, mu, hessian.diagonal, jnp.zeros_like(mu), None)
    if correlation is not None:
        variance, vectors = jnp.linalg.eigh(sigma[:, None] * correlation * sigma)
        basis = vectors.T
    else:
        assert samples is not None
        wide = samples.astype(mu.dtype)
        variance, vectors = jnp.linalg.eigh(wide @ wide.T / wide.shape[0])
        noisy = variance > NEGLIGIBLE * variance[-1]
        variance, vectors = variance[noisy], vectors[:, noisy]
        basis = (vectors.T @ wide) / jnp.sqrt(wide.shape[0] * variance)[:, None]
    along = basis @ mu
    deviation = jnp.sqrt(jnp.maximum(variance, 0))
    return Axes(deviation, along, hessian.quadratics(basis), mu - along @ basis, basis)

"""Normalised SGD, V = ĝ/‖ĝ‖: exact for Gaussian gradients of any covariance."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from theory.normalised import NORMALISED_LR, TILTED_MEAN, TILTED_VARIANCE, TILTED_WEIGHT
from theory.normalised_axes import Axes, noise_axes
from theory.problem import Problem
from theory.rules.rule import Budget, Rule, Sums

SPACING = 0.45  # of ln x; the trapezoidal rule errs by e^{−π²/SPACING} = 3e-10
BELOW = 15.0  # of ln x under its centre: what lies lower is a geometric series, to e^{−1.5 BELOW}
ABOVE = 46.0  # of ln x over its centre: what lies higher is below e^{−ABOVE/2} = 1e-10
TOGETHER = 8  # Hessian-vector products in one call
NEGLIGIBLE = 1e-11  # weight of E[V]ᵀHE[V], relative to the largest, below which it is not taken


class Nodes(NamedTuple):
    """By node (k,): weights of Laplace's two integrals, of 1/‖ĝ‖ and 1/‖ĝ‖², the node x, and
    under e^{−x‖ĝ‖²} the numbers μᵀE[ĝ], |E[ĝ]|² and tr(H Cov ĝ)."""

    root: Array
    whole: Array
    x: Array
    along: Array
    length: Array
    spread: Array


@jax.jit
def _nodes(axes: Axes, batch: Array) -> Nodes:
    still = axes.rest @ axes.rest
    power = still + axes.mu @ axes.mu + axes.sigma @ axes.sigma / batch
    x_k = jnp.exp(jnp.arange(-BELOW, ABOVE, SPACING)) / (2 * power)

    def node(x: Array) -> tuple[Array, ...]:
        weight = TILTED_WEIGHT.jax(axes.mu, axes.sigma, batch, x).sum() - x * still
        mean = TILTED_MEAN.jax(axes.mu, axes.sigma, batch, x)
        spread = axes.curvature @ TILTED_VARIANCE.jax(axes.sigma, batch, x)
        return weight, axes.mu @ mean + still, mean @ mean + still, spread

    log_weight_k, *numbers = jax.lax.map(node, x_k)
    mass_k = SPACING * jnp.exp(log_weight_k)
    tail = jnp.arange(x_k.size) == 0
    root_k = jnp.where(tail, 1 / -jnp.expm1(-SPACING / 2), 1.0) * jnp.sqrt(x_k / jnp.pi) * mass_k
    whole_k = jnp.where(tail, 1 / -jnp.expm1(-SPACING), 1.0) * x_k * mass_k
    return Nodes(root_k, whole_k, x_k, *numbers)


@jax.jit
def _means(axes: Axes, x: Array, batch: Array) -> Array:
    """E[ĝ] under the weight e^{−x‖ĝ‖²}, (k, d), for x (k,)."""
    return axes.rest + axes.lift(TILTED_MEAN.jax(axes.mu, axes.sigma, batch, x[:, None]))


def _at_batch(axes: Axes, batch: Array, bends: Callable[[Array], Array]) -> tuple[Array, Array]:
    """N and D at one batch size, both by the trapezoidal rule in ln x."""
    nodes = _nodes(axes, batch)
    share_k = nodes.whole * nodes.length
    kept = np.flatnonzero(np.asarray(share_k > NEGLIGIBLE * share_k.max()))
    along_mean = jnp.zeros_like(batch)
    for start in range(0, kept.size, TOGETHER):
        some = np.resize(kept[start : start + TOGETHER], TOGETHER)
        weight = np.where(np.arange(TOGETHER) < kept.size - start, nodes.whole[some], 0.0)
        along_mean += weight @ bends(_means(axes, nodes.x[some], batch))
    return nodes.root @ nodes.along, nodes.whole @ nodes.spread + along_mean


def normalised_sums(problem: Problem, budget: Budget, **parameters: Any) -> Sums:
    """N = GᵀE[V] and D = E[VᵀHV] of V = ĝ/‖ĝ‖, from 1/‖ĝ‖ = π^{−½}∫x^{−½}e^{−x‖ĝ‖²}dx and
    1/‖ĝ‖² = ∫e^{−x‖ĝ‖²}dx; about 40 Hessian-vector products for each batch size.

    Error: below 1e-8 relative. Holds for: Gaussian ĝ of any covariance.
    Errors: ValueError where neither mean nor noise is anywhere different from zero.
    """
    del parameters
    if not bool((problem.mu != 0).any() | (problem.sigma > 0).any()):
        raise ValueError("with mu = sigma = 0 everywhere the gradient has no direction")
    axes = noise_axes(problem)
    exact = problem.hessian._replace(sampled_quadratic=None)
    like = jnp.zeros((TOGETHER, problem.mu.size), problem.mu.dtype)
    compiled = exact.compiled(like, budget.key)

    def bends(means: Array) -> Array:
        return compiled(means, budget.key)

    sums_b = [_at_batch(axes, batch, bends) for batch in jnp.atleast_1d(problem.batch)]
    numerator, denominator = (jnp.stack(part) for part in zip(*sums_b, strict=True))
    return Sums(numerator, denominator, jnp.zeros_like(denominator))


RULE = Rule(
    "normalised_sgd",
    "Normalised SGD",
    normalised_sums,
    NORMALISED_LR,
    defined_at_zero=True,
)

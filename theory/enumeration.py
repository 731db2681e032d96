"""The exact mean sign of a batch drawn from n given samples, with replacement, at any B.

E[sign S_B] = (2/π) ∫₀^∞ Im χ(t)^B dt/t with χ the characteristic function of one sample
(Gil-Pelaez): one χ serves all batch sizes. B = 1 is counted.

Gradients span many orders of magnitude (ReLU masks, fitted samples), so that everything is taken
in their logarithm: samples go to nodes of a geometric grid, their mean kept, and t runs over such
a grid. There the integrand would oscillate for ever; each sample is jittered by `JITTER` of its
own size, which cannot change the sign of one sample, and of sums only near balance. Numbers
below `SMALLEST` of the largest keep their sign only.

Error: 1e-3 at B = 2 for n = 2000, falling with B and n; 4e-2 for n = 10, whose few sums may
nearly balance; samples of two or three values likewise, 6 % of N where B of them nearly balance.
Sums that balance exactly without being zero sample by sample count as ±1. Centred samples in
single precision have lost gradients below 1e-7 of the mean one: give doubles where these count.
"""

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from theory import hypotheses as holds
from theory.copula import Marginals
from theory.correlated import Curvature
from theory.draws import drawn_curvature
from theory.law import Law
from theory.problem import Problem
from theory.rules.rule import Budget
from theory.symbols import B, chi_abs, chi_arg, t

JITTER = 0.05
SPACING = 0.04  # of ln t and ln |g|
SMALLEST = 1e-8  # of the largest |g| of a coordinate
START = 1e-4  # of 1/(B max |g|), where the integral starts
FADED = 4.3  # deviations at which the jitter has damped a sample's oscillation
COORDINATES_AT_ONCE = 256
ROUNDING = 4  # units in the last place of the mean, within which a sample is zero

MEAN_SIGN_DENSITY = Law(
    "mean_sign_density",
    (t, B, chi_abs, chi_arg),
    2 / (sp.pi * t) * chi_abs**B * sp.sin(B * chi_arg),
    "Gil-Pelaez 1951",
    (holds.INDEPENDENT_SAMPLES,),
    "Density over t of the mean sign of a sum, from one sample's characteristic function",
)


def sample_marginals(mu: Array, samples: Array, batch_b: Array) -> Marginals:
    """P(V_i = ±1), (b, d), of the sign of the mean of B of the samples μ + C, C (n, d) centred.

    A sample within rounding of zero is zero: P(V_i = 0) = P(zero)^B.
    """
    gradients = whole_gradients(mu, samples).T.astype(mu.dtype)
    t_k = _frequencies(float(batch_b.max()))
    plus, minus = jax.lax.map(
        lambda row: _of_coordinate(row, t_k, batch_b), gradients, batch_size=COORDINATES_AT_ONCE
    )
    return Marginals(plus.T, minus.T)


def whole_gradients(mu: Array, samples: Array) -> Array:
    """The samples μ + C (n, d), exactly zero where they are within rounding of it."""
    mean = mu.astype(samples.dtype)
    gradients = mean + samples
    rounding = ROUNDING * jnp.finfo(samples.dtype).eps * jnp.abs(mean)
    return jnp.where(jnp.abs(gradients) <= rounding, 0, gradients)


def population_draws(problem: Problem, budget: Budget) -> Curvature:
    """E[VᵀHV] by batch size, (b,), of V = sign of the mean of B samples drawn with replacement.

    Errors: ValueError for a batch size that is not whole.
    """
    samples, batch_b = problem.noise_samples, jnp.atleast_1d(problem.batch)
    assert samples is not None
    if bool((batch_b != jnp.floor(batch_b)).any()):
        raise ValueError("batches of given samples need whole batch sizes")
    gradients = whole_gradients(problem.mu, samples)

    def directions(key: Array, size: int) -> list[Array]:
        keys = jax.random.split(key, len(batch_b))
        return [_signs(gradients, k, size, int(b)) for k, b in zip(keys, batch_b, strict=True)]

    return drawn_curvature(
        directions, problem.mu, samples, problem.hessian, budget.draws, budget.key
    )


def _signs(gradients: Array, key: Array, size: int, batch: int) -> Array:
    """Signs (size, d) of batch sums, by how often each sample was drawn: one product."""
    chosen = jax.random.randint(key, (size, batch), 0, gradients.shape[0])
    rows = jnp.arange(size)[:, None]
    counts = jnp.zeros((size, gradients.shape[0]), gradients.dtype).at[rows, chosen].add(1.0)
    return jnp.sign(jnp.matmul(counts, gradients, precision=jax.lax.Precision.HIGHEST))


def _of_coordinate(gradient: Array, t_k: Array, batch_b: Array) -> tuple[Array, Array]:
    """P(V = +1) and P(V = −1), (b,) each, of one coordinate's samples (n,)."""
    above, below = (jnp.maximum(side * jnp.sign(gradient), 0).mean() for side in (1, -1))
    nonzero = 1 - (1 - above - below) ** batch_b
    modulus, angle = _characteristic(gradient, t_k)
    density = MEAN_SIGN_DENSITY.jax(t_k, batch_b[:, None], modulus, angle)
    integral = SPACING * density @ t_k
    mean = jnp.where(batch_b == 1, above - below, jnp.clip(integral, -nonzero, nonzero))
    return (nonzero + mean) / 2, (nonzero - mean) / 2


def _nodes() -> np.ndarray:
    """|g| over the coordinate's largest, from `SMALLEST` to 1."""
    return np.exp(-SPACING * np.arange(int(-np.log(SMALLEST) / SPACING), -1, -1.0))


def _frequencies(largest_batch: float) -> Array:
    """t in units of 1/max |g|, on a geometric grid."""
    low, high = np.log(START / largest_batch), np.log(FADED / JITTER / SMALLEST)
    return jnp.asarray(np.exp(np.arange(low, high, SPACING)))


def _characteristic(gradient: Array, t_k: Array) -> tuple[Array, Array]:
    """Modulus and argument of χ(t), from weights of the samples on the nodes."""
    node_j = _nodes()
    size = jnp.abs(gradient) / jnp.maximum(jnp.abs(gradient).max(), jnp.finfo(t_k.dtype).tiny)
    clipped = jnp.maximum(size, node_j[0])
    left = jnp.clip((jnp.log(clipped / node_j[0]) / SPACING).astype(int), 0, len(node_j) - 2)
    nodes = jnp.asarray(node_j)
    share = jnp.clip((clipped - nodes[left]) / (nodes[left + 1] - nodes[left]), 0.0, 1.0)
    weights = jnp.sign(gradient)[:, None] * jnp.stack([1 - share, share], axis=-1) / gradient.size
    where = jnp.stack([left, left + 1], axis=-1)
    plus, minus = (
        jnp.zeros(len(node_j)).at[where].add(jnp.maximum(side * weights, 0.0)) for side in (1, -1)
    )
    phase = node_j[:, None] * t_k
    damping = jnp.exp(-((JITTER * phase) ** 2) / 2)
    real = 1 + (plus + minus) @ (jnp.cos(phase) * damping - 1)
    imaginary = (plus - minus) @ (jnp.sin(phase) * damping)
    return jnp.hypot(real, imaginary), jnp.arctan2(imaginary, real)

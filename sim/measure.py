"""What a network's loss surface and gradient noise are, at one point, over a fixed population.

The population is a finite set of labelled samples that *defines* the quantities: per-sample
gradients C (n, d) with mean G and covariance Σ, and the Hessian H of the mean loss.  A minibatch is
drawn from it with replacement.  Parameters are one flat vector θ (d,); any `logits(θ, inputs)` that
JAX can differentiate will do.

H is never formed: vᵀHv comes from a derivative along v taken twice, forward in forward.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

GRADIENTS_AT_ONCE = 64
DIAGONAL_AT_ONCE = 16
SAMPLES_AT_ONCE = 64  # small enough for a layer's activations to stay in cache

Logits = Callable[[Array, Array], Array]


class Population(NamedTuple):
    """`inputs` (n, …) and integer `labels` (n,), in random order."""

    inputs: Array
    labels: Array

    @property
    def size(self) -> int:
        return self.labels.shape[0]


def mean_loss(logits: Logits, theta, population: Population):
    """Mean cross-entropy over the population, in nats."""
    losses = optax.losses.softmax_cross_entropy_with_integer_labels(
        logits(theta, population.inputs), population.labels
    )
    return losses.mean()


@partial(jax.jit, static_argnums=0)
def per_sample_gradients(logits: Logits, theta, population: Population):
    """C (n, d): the loss gradient of each sample, in chunks."""

    def one(sample):
        lone = Population(*(part[None] for part in sample))
        return jax.grad(mean_loss, argnums=1)(logits, theta, lone)

    return jax.lax.map(one, tuple(population), batch_size=GRADIENTS_AT_ONCE)


@partial(jax.jit, static_argnums=0)
def hessian_diagonal(logits: Logits, theta, population: Population):
    """H_ii (d,), exact for models that are piecewise linear in every single parameter.

    There (ReLU layers, shared kernels included) ∂²logits/∂θ_i² = 0 almost everywhere, so that
    H_ii = E[Σ_c (Jᵀs_c)_i²] with J the logits' Jacobian and Σ_c s_c s_cᵀ = diag(p) − ppᵀ their
    Hessian, p the predicted probabilities: the diagonal of the generalised Gauss–Newton matrix.
    """

    def one(x):
        f, pull = jax.vjp(lambda t: logits(t, x[None])[0], theta)
        p = jax.nn.softmax(f)
        roots = jnp.sqrt(p)[:, None] * (jnp.eye(p.size, dtype=p.dtype) - p)
        return (jax.vmap(pull)(roots)[0] ** 2).sum(0)

    def add(total, inputs):
        return total + jax.vmap(one)(inputs).sum(0), None

    whole = population.size // DIAGONAL_AT_ONCE * DIAGONAL_AT_ONCE
    chunks = population.inputs[:whole].reshape(-1, DIAGONAL_AT_ONCE, *population.inputs.shape[1:])
    total, _ = jax.lax.scan(add, jnp.zeros_like(theta), chunks)
    if whole < population.size:
        total = total + jax.vmap(one)(population.inputs[whole:]).sum(0)
    return total / population.size


def second_derivative(logits: Logits, theta, population: Population, v):
    """vᵀHv for one direction v (d,)."""

    def slope(t):
        def along(s):
            return mean_loss(logits, theta + s * v, population)

        return jax.jvp(along, (t,), (jnp.ones_like(t),))[1]

    zero = jnp.zeros((), theta.dtype)
    return jax.jvp(slope, (zero,), (jnp.ones_like(zero),))[1]


@partial(jax.jit, static_argnums=0)
def quadratic_forms(logits: Logits, theta, population: Population, directions):
    """vᵀHv over the whole population, for each row of `directions` (m, d) → (m,)."""

    def along(v):
        def one(sample):
            lone = Population(*(part[None] for part in sample))
            return second_derivative(logits, theta, lone, v)

        return jax.lax.map(one, tuple(population), batch_size=SAMPLES_AT_ONCE).mean()

    return jax.lax.map(along, directions)


@partial(jax.jit, static_argnums=0)
def hessian_product(logits: Logits, theta, population: Population, v):
    """Hv (d,), forward over reverse."""
    gradient = jax.grad(mean_loss, argnums=1)
    return jax.jvp(lambda t: gradient(logits, t, population), (theta,), (v,))[1]


def random_block(population: Population, size: int, key) -> Population:
    """`size` samples in a row from a random start, the population being a ring: each sample is
    equally likely to be in it, so a mean over the block is unbiased."""
    start = jax.random.randint(key, (), 0, population.size)
    ring = (jnp.concatenate([part, part[:size]]) for part in population)
    return Population(*(jax.lax.dynamic_slice_in_dim(part, start, size) for part in ring))


@partial(jax.jit, static_argnames=("logits", "size"))
def sampled_quadratic_forms(
    logits: Logits, theta, population: Population, directions, key, *, size
):
    """An unbiased estimate of vᵀHv per row of `directions` (m, d), each over a block of `size`
    samples of its own: the mean over many directions costs a fraction of `quadratic_forms`."""

    def one(pair):
        v, block_key = pair
        return second_derivative(logits, theta, random_block(population, size, block_key), v)

    keys = jax.random.split(key, directions.shape[0])
    return jax.lax.map(one, (directions, keys))


@partial(jax.jit, static_argnames=("batch", "rows"))
def minibatch_gradients(gradients, key, *, batch: int, rows: int):
    """Mean gradients (rows, d) of minibatches of `batch` samples drawn with replacement.

    Small batches gather their rows of `gradients` (n, d); larger ones count how often each sample
    was drawn and take one matrix product, so that the cost hardly grows with the batch.
    """
    n = gradients.shape[0]
    chosen = jax.random.randint(key, (rows, batch), 0, n)
    if batch <= 16:
        return jax.lax.map(lambda index: gradients[index].mean(0), chosen, batch_size=16)
    counts = jnp.zeros((rows, n), gradients.dtype).at[jnp.arange(rows)[:, None], chosen].add(1.0)
    return jnp.matmul(counts, gradients, precision=jax.lax.Precision.HIGHEST) / batch


@partial(jax.jit, static_argnames=("logits", "size"))
def remainders_along(logits: Logits, theta, population: Population, directions, lrs, key, *, size):
    """What the linear term leaves of the loss, L(θ − εv) − L(θ) + ε vᵀG, for each direction v
    (m, d) and learning rate ε (e,) → (m, e).

    Every direction has its own random block of `size` samples, whose own G is used: the block's
    gradient noise cancels.  It is the same block for all ε: differences between them are paired.
    """

    def one(pair):
        v, block_key = pair
        block = random_block(population, size, block_key)
        start, gradient = jax.value_and_grad(mean_loss, argnums=1)(logits, theta, block)
        slope = gradient @ v

        def remainder(lr):
            return mean_loss(logits, theta - lr * v, block) - start + lr * slope

        return jax.lax.map(remainder, lrs)

    return jax.lax.map(one, (directions, jax.random.split(key, directions.shape[0])))

"""Curvature of a mean loss along directions, streaming over samples, H never formed.

L(θ) = Σ_k w_k ℓ(θ, sample_k), by default the mean.  vᵀHv comes from a derivative along v taken
twice, forward in forward, and needs no more memory than a few forward passes; Hv from forward over
reverse. The loop over chunks is Python's: gradients of convolutions are slow in compiled loops on a
CPU.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from sim.estimate import Estimate
from sim.sample_losses import FlatLoss, Stream

SCALARS = np.float64  # in which sums over chunks are kept


@partial(jax.jit, static_argnums=0)
def _losses(loss: FlatLoss, theta, chunk):
    return jax.vmap(loss, (None, 0))(theta, chunk)


def _total(loss, theta, chunk, weights):
    return jnp.matmul(weights, _losses(loss, theta, chunk), precision=jax.lax.Precision.HIGHEST)


@partial(jax.jit, static_argnums=0)
def _gradient(loss, theta, chunk, weights):
    return jax.grad(_total, argnums=1)(loss, theta, chunk, weights)


@partial(jax.jit, static_argnums=0)
def _product(loss, theta, chunk, weights, v):
    return jax.jvp(lambda t: _gradient(loss, t, chunk, weights), (theta,), (v,))[1]


@partial(jax.jit, static_argnums=0)
def _form(loss, theta, chunk, weights, v):
    def slope(t):
        along = partial(jax.jvp, lambda s: _total(loss, theta + s * v, chunk, weights))
        return along((t,), (jnp.ones_like(t),))[1]

    zero = jnp.zeros((), theta.dtype)
    return jax.jvp(slope, (zero,), (jnp.ones_like(zero),))[1]


def _summed(function, loss, theta, stream: Stream, weights, *rest):
    """Σ over chunks, arrays in θ's own dtype."""
    total = 0.0
    for chunk, weight in stream.chunks(weights):
        total = total + function(loss, theta, chunk, jnp.asarray(weight, theta.dtype), *rest)
    return total


def losses(loss: FlatLoss, theta, stream: Stream) -> np.ndarray:
    """ℓ of each sample, (m,) in float64."""
    parts = [_losses(loss, theta, chunk) for chunk, _ in stream.chunks()]
    return np.concatenate(parts).astype(np.float64)[: stream.index.size]


def gradient(loss: FlatLoss, theta, stream: Stream, weights: np.ndarray | None = None):
    """Σ_k w_k ∇ℓ_k (d,)."""
    return _summed(_gradient, loss, theta, stream, weights)


def hessian_product(loss: FlatLoss, theta, stream: Stream, v):
    """Hv (d,)."""
    return _summed(_product, loss, theta, stream, None, jnp.asarray(v, theta.dtype))


def quadratic_form(loss: FlatLoss, theta, stream: Stream, v) -> float:
    """vᵀHv."""
    v = jnp.asarray(v, theta.dtype)
    parts = (_form(loss, theta, chunk, jnp.asarray(w, theta.dtype), v)
             for chunk, w in stream.chunks())  # fmt: skip
    return sum(map(float, parts))


def block(stream: Stream, size: int, key) -> Stream:
    """`size` of the stream's samples, drawn without replacement: each is as likely to be among
    them, so that a mean over the block is unbiased."""
    if size >= stream.index.size:
        return stream
    seed = np.asarray(jax.random.bits(key, (4,), np.uint32))
    chosen = np.random.default_rng(seed).choice(stream.index.size, size, replace=False)
    return stream._replace(index=stream.index[np.sort(chosen)])


def sampled_form(loss: FlatLoss, theta, stream: Stream, v, key, *, size: int, blocks: int):
    """vᵀHv from `blocks` random blocks of `size` samples: unbiased, with its standard error (0
    where a block holds all samples)."""
    if size >= stream.index.size:
        return Estimate(quadratic_form(loss, theta, stream, v), 0.0, 1)
    values = [
        quadratic_form(loss, theta, block(stream, size, jax.random.fold_in(key, i)), v)
        for i in range(blocks)
    ]
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / blocks**0.5), blocks)

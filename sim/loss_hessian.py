"""The Hessian of a model's mean loss as an operator, and its gradient noise as samples: what laws
for correlated noise take.

Both live on the coordinates that move at all (`moving`: μ_i ≠ 0 or σ_i > 0): a weight behind a
pixel that is always black has neither gradient nor curvature, and no sign.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from sim.directions import _form, _product
from sim.sample_losses import FlatLoss, Stream, checked_samples, flat, stream

BLOCK = 64  # samples over which one direction's curvature is estimated
FACTOR_BYTES = 2**31  # of a noise factor


class LossHessian:
    """H of the mean loss over all samples, restricted to the coordinates `moving` (their indices).

    `matvec` is exact; `diagonal` (m,) is as it was given; `sampled_quadratic` estimates vᵀHv
    without bias, each row over a random block of samples.  JAX can trace and batch all of them; the
    samples come to the device as a whole, on first use.
    """

    def __init__(
        self, loss: FlatLoss, theta: Array, samples: Stream, moving: np.ndarray, diagonal: Any
    ):
        self.dtype, self.diagonal = theta.dtype, jnp.asarray(diagonal, theta.dtype)
        self._loss, self._theta, self._moving = loss, theta, jnp.asarray(moving)
        self._stream, self._chunks = samples, None

    def _loaded(self):
        """All samples in equal chunks (c, b, …), and weights (c, b)."""
        if self._chunks is None:
            with jax.ensure_compile_time_eval():
                chunks = list(self._stream.chunks())
                parts, weights = zip(*chunks, strict=True)
                self._chunks = (
                    jax.tree.map(lambda *x: jnp.stack(x), *parts),
                    jnp.asarray(np.stack(weights), self.dtype),
                )
        return self._chunks

    def _embedded(self, v):
        zero = jnp.zeros((*v.shape[:-1], self._theta.size), self.dtype)
        return zero.at[..., self._moving].set(v.astype(self.dtype))

    def matvec(self, v):
        """Hv (m,)."""
        whole = self._embedded(v)

        def add(total, piece):
            return total + _product(self._loss, self._theta, *piece, whole), None

        chunks, weights = self._loaded()
        if len(weights) == 1:
            alone = jax.tree.map(lambda x: x[0], (chunks, weights))
            return _product(self._loss, self._theta, *alone, whole)[self._moving]
        total, _ = jax.lax.scan(add, jnp.zeros_like(self._theta), (chunks, weights))
        return total[self._moving]

    def sampled_quadratic(self, directions, key):
        """An unbiased estimate of vᵀHv per row of (r, m)."""
        chunks, _ = self._loaded()
        n = self._stream.index.size
        size = min(BLOCK, n)
        samples = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:n], chunks)
        weights = jnp.full(size, 1 / size, self.dtype)

        def one(pair):
            v, block_key = pair
            chosen = jax.random.randint(block_key, (size,), 0, n)
            block = jax.tree.map(lambda x: x[chosen], samples)
            return _form(self._loss, self._theta, block, weights, v)

        keys = jax.random.split(key, directions.shape[0])
        return jax.lax.map(one, (self._embedded(directions), keys))

    def noise_samples(self, count: int, key) -> np.ndarray:
        """`noise_factor` on the same samples and coordinates."""
        rows = factor_of(self._loss, self._theta, self._stream, count, key)
        return rows[:, np.asarray(self._moving)]


@partial(jax.jit, static_argnums=0)
def _gradients(loss: FlatLoss, theta, chunk):
    return jax.vmap(jax.grad(loss), (None, 0))(theta, chunk)


def noise_factor(loss, params, samples, count: int, key) -> np.ndarray:
    """Centred gradients (m, d) of `count` samples drawn without replacement (all, if there are no
    more): CᵀC/m is their covariance.  `loss(params, sample)` is that of one sample.

    Errors: ValueError for count < 2, or where m·d numbers would take over 2 GiB.
    """
    checked_samples(samples, 2)
    flat_loss, theta = flat(loss, params)
    return factor_of(flat_loss, theta, stream(flat_loss, theta, samples), count, key)


def factor_of(loss: FlatLoss, theta, samples: Stream, count: int, key) -> np.ndarray:
    """`noise_factor` of a loss over a flat vector."""
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 2:
        raise ValueError(f"count must be a whole number, at least 2, not {count!r}")
    n, d = samples.index.size, theta.size
    m = min(n, count)
    if m * d * theta.dtype.itemsize > FACTOR_BYTES:
        most = FACTOR_BYTES // (d * theta.dtype.itemsize)
        raise ValueError(f"{m} gradients of {d} parameters take over 2 GiB: at most {most} fit")
    seed = np.asarray(jax.random.bits(key, (4,), np.uint32))
    chosen = np.sort(np.random.default_rng(seed).choice(n, m, replace=False))
    few = max(1, min(samples.at_once, FACTOR_BYTES // 16 // (d * theta.dtype.itemsize)))
    part = samples._replace(index=samples.index[chosen], at_once=few)
    rows = np.empty((m, d), theta.dtype)
    for start, (chunk, _) in zip(range(0, m, few), part.chunks(), strict=True):
        rows[start : start + few] = np.asarray(_gradients(loss, theta, chunk))[: m - start]
    if not np.isfinite(rows).all():
        raise ValueError("gradients must be finite")
    rows -= rows.mean(0, dtype=np.float64).astype(rows.dtype)
    return rows

"""Exact diagonal of the generalized Gauss–Newton matrix.

With f = outputs(params, x) of one sample, J its Jacobian and S Sᵀ the Hessian of the loss in f,
the matrix is E[Jᵀ S Sᵀ J] and its diagonal E[Σ_c (Jᵀ s_c)_i²], s_c the columns of S: the second
moment of gradients with cotangents s_c, so that everything in `moment_sums` applies.  Where f is
piecewise linear in every single parameter (ReLU layers, shared kernels included) ∂²f/∂θ_i² = 0
almost everywhere and this is the diagonal of the Hessian itself.

Losses: a mean over all axes of f but the last (positions; P of them), in nats or squared units.
Neither needs the targets.  Source: Martens 2020 (arXiv:1412.1193); Dangel et al. 2020
(arXiv:1912.10985) for the columns.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from sim.sample_sums import Params, add_chunk, chunk_size, empty, means, padded_chunks, sample_count

Outputs = Callable[[Params, Any], Array]


class Diagonal(NamedTuple):
    """Of `count` samples: the mean diagonal, a pytree like the parameters, and the trace of each
    sample's matrix (count,)."""

    count: int
    diagonal: Params
    traces: Array


def ggn_diagonal(
    outputs: Outputs, loss: str, params: Params, inputs: Any, *, at_once: int | None = None
) -> Diagonal:
    """Mean over `inputs`, a pytree of arrays (n, …), of the diagonal.

    `loss` is "cross_entropy" (softmax over the last axis of f) or "squared_error" (½|f − y|²).
    Costs one backward pass per number in f: for models with many outputs see `sampled_diagonal`.
    """
    roots = root_of(loss)
    n = sample_count(inputs)
    if at_once is None:
        lone = jax.tree.map(lambda x: x[0], inputs)
        rows = jax.eval_shape(outputs, params, lone).size
        at_once = chunk_size(outputs, params, inputs, rows)
    running, traces = empty(params), []
    for samples, weights in padded_chunks(inputs, at_once):
        running, norms = add_chunk(outputs, roots, params, running, samples, weights)
        traces.append(norms)
    _, diagonal = means(running, n)
    return Diagonal(
        n, jax.tree.unflatten(jax.tree.structure(params), diagonal), jnp.concatenate(traces)[:n]
    )


def root_of(loss: str):
    """The function that gives the columns s_c of one sample."""
    if loss not in ROOTS:
        raise ValueError(f"loss must be one of {', '.join(ROOTS)}, not {loss!r}")
    return ROOTS[loss]


def _by_position(columns, outputs: list[Array], weight) -> list[Array]:
    """All columns (c, …) from those of each position, (P, K) → (P, k, K)."""
    (f,) = outputs
    flat = f.reshape(-1, f.shape[-1])
    positions, size = flat.shape
    own = columns(flat) * (weight.astype(f.dtype) / positions**0.5)
    one_position = jnp.eye(positions, dtype=f.dtype)
    spread = own[:, :, None, :] * one_position[:, None, :, None]
    return [spread.reshape(positions * size, *f.shape)]


def _cross_entropy(f):
    """√p_c (e_c − p), p = softmax f: Σ_c s_c s_cᵀ = diag p − p pᵀ."""
    p = jax.nn.softmax(f)
    return jnp.sqrt(p)[:, :, None] * (jnp.eye(f.shape[1], dtype=f.dtype) - p[:, None, :])


def _squared_error(f):
    return jnp.broadcast_to(jnp.eye(f.shape[1], dtype=f.dtype), (*f.shape, f.shape[1]))


ROOTS = {
    "cross_entropy": partial(_by_position, _cross_entropy),
    "squared_error": partial(_by_position, _squared_error),
}

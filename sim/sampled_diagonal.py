"""Monte-Carlo diagonals of curvature, with their standard errors, where the exact one is too dear.

* Generalized Gauss–Newton matrix: targets drawn from the model's own prediction,
  E_y[(∂ℓ(f, y)/∂θ_i)²] is its diagonal (the Fisher matrix); one backward pass per draw.
* Hessian of the mean loss: v∘Hv with independent signs v has mean diag H (Hutchinson); one
  Hessian-vector product per draw.  For models that are not piecewise linear.

The samples given *are* the population: standard errors are of the draws alone.  Every chunk of
samples has `draws` draws of its own, so that standard errors of the mean over chunks have
chunks × (draws − 1) degrees of freedom.

Source: Martens 2020 (arXiv:1412.1193); Bekas, Kokiopoulou & Saad 2007.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from sim.estimate import Estimate
from sim.ggn_diagonal import Outputs
from sim.gradient_moments import Loss
from sim.sample_sums import Params, chunk_size, chunk_sums, padded_chunks, sample_count


class SampledDiagonal(NamedTuple):
    """Mean diagonal and its standard error, pytrees like the parameters, and the trace."""

    mean: Params
    sem: Params
    trace: Estimate


class _Moments(NamedTuple):
    mean: list[Array]
    m2: list[Array]


def sampled_ggn_diagonal(
    outputs: Outputs, loss: str, params: Params, inputs: Any, *, draws: int, key, at_once=None
) -> SampledDiagonal:
    """Estimate of `ggn_diagonal`, same arguments, from `draws` ≥ 2 drawn targets per sample."""
    if loss not in DRAWN:
        raise ValueError(f"loss must be one of {', '.join(DRAWN)}, not {loss!r}")
    at_once = at_once or chunk_size(outputs, params, inputs)
    draw = (_drawn_squares, outputs, DRAWN[loss])
    return _over_chunks(draw, params, inputs, draws, key, at_once)


def sampled_hessian_diagonal(
    loss: Loss, params: Params, samples: Any, *, draws: int, key, at_once=None
) -> SampledDiagonal:
    """Estimate of diag H and tr H of the mean of `loss(params, sample)`, from `draws` ≥ 2 Hessian-
    vector products with every chunk."""
    at_once = at_once or chunk_size(loss, params, samples)
    return _over_chunks((_sign_products, loss), params, samples, draws, key, at_once)


def _over_chunks(draw: tuple, params, samples, draws: int, key, at_once: int) -> SampledDiagonal:
    """`draw`: a function of (…, params, chunk, weights, key) and its first arguments."""
    if draws < 2:
        raise ValueError(f"a standard error needs at least two draws, not {draws}")
    n, chunks = sample_count(samples), 0
    zeros = [jnp.zeros_like(leaf) for leaf in jax.tree.leaves(params)]
    zeros.append(jnp.zeros_like(zeros[0], shape=()))
    mean, variance = zeros, zeros
    for chunk, weights in padded_chunks(samples, at_once):
        moments = _Moments(zeros, zeros)
        for i in range(draws):
            one_key = jax.random.fold_in(jax.random.fold_in(key, chunks), i)
            moments = _drawn(draw, moments, params, chunk, weights, one_key, i + 1)
        share = float(weights.sum()) / n
        mean = [m + share * x for m, x in zip(mean, moments.mean, strict=True)]
        scale = share**2 / (draws * (draws - 1))
        variance = [v + scale * x for v, x in zip(variance, moments.m2, strict=True)]
        chunks += 1
    sem = [jnp.sqrt(v) for v in variance]
    structure = jax.tree.structure(params)
    return SampledDiagonal(
        jax.tree.unflatten(structure, mean[:-1]),
        jax.tree.unflatten(structure, sem[:-1]),
        Estimate(float(mean[-1]), float(sem[-1]), chunks * draws),
    )


@partial(jax.jit, static_argnums=0)
def _drawn(draw: tuple, moments: _Moments, params, chunk, weights, key, count) -> _Moments:
    """The moments with one draw more, its `count`th (Welford 1962): leaves, then the trace."""
    function, *first = draw
    x = function(*first, params, chunk, weights, key)
    x = [*x, sum(leaf.sum() for leaf in x)]
    mean = [m + (new - m) / count for m, new in zip(moments.mean, x, strict=True)]
    deviations = zip(moments.m2, x, moments.mean, mean, strict=True)
    return _Moments(mean, [m2 + (new - old) * (new - m) for m2, new, old, m in deviations])


def _drawn_squares(outputs: Outputs, cotangent, params, chunk, weights, key):
    keys = jax.random.split(key, weights.shape[0])

    def cotangents(made, beside):
        weight, one_key = beside
        f = made[0].reshape(-1, made[0].shape[-1])
        drawn = cotangent(f, one_key) * (weight.astype(f.dtype) / f.shape[0] ** 0.5)
        return [drawn.reshape(1, *made[0].shape)]

    found = chunk_sums(outputs, cotangents, params, chunk, (weights, keys))
    return [leaf / weights.sum().astype(leaf.dtype) for leaf in found.square]


def _label(f, key):
    """p − e_y at each position, y drawn from p = softmax f."""
    drawn = jax.random.categorical(key, f)
    return jax.nn.softmax(f) - jax.nn.one_hot(drawn, f.shape[-1], dtype=f.dtype)


def _error(f, key):
    """f − y, y normal around f with variance 1."""
    return jax.random.normal(key, f.shape, f.dtype)


DRAWN = {"cross_entropy": _label, "squared_error": _error}


def _sign_products(loss: Loss, params, chunk, weights, key):
    """v∘Hv, leaf by leaf, of the chunk's mean loss."""
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    signs = [jax.random.rademacher(k, x.shape, x.dtype) for k, x in zip(keys, leaves, strict=True)]

    def mean_loss(p):
        losses = jax.vmap(loss, (None, 0))(p, chunk)
        return (losses * weights.astype(losses.dtype)).sum() / weights.sum().astype(losses.dtype)

    _, products = jax.jvp(jax.grad(mean_loss), (params,), (jax.tree.unflatten(structure, signs),))
    return [v * hv for v, hv in zip(signs, jax.tree.leaves(products), strict=True)]

"""Moments of per-sample gradients against those of `vmap(grad)`, in float64, layer by layer."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from sim.gradient_moments import gradient_moments
from sim.models import MODELS


def data(shape, n=5, seed=0):
    return jax.random.normal(jax.random.key(seed), (n, *shape), float)


def moved(params):
    """Parameters away from zeros and ones, in float64."""
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(9), len(leaves))
    return jax.tree.unflatten(
        structure,
        [
            x.astype(float) + 0.2 * jax.random.normal(k, x.shape, float)
            for x, k in zip(leaves, keys, strict=True)
        ],
    )


def loss_of(model, x):
    params = moved(model.init(jax.random.key(1), x[:1]))

    def loss(params, sample):
        out = model.apply(params, sample[None])[0]
        return (jnp.sin(out) + out**2).mean()

    return loss, params


def worst(loss, params, samples, at_once=None):
    """Largest relative error of means, second moments and norms."""
    found = gradient_moments(loss, params, samples, at_once=at_once)
    g = jax.vmap(jax.grad(loss), (None, 0))(params, samples)
    norms2 = sum((x**2).reshape(x.shape[0], -1).sum(1) for x in jax.tree.leaves(g))
    pairs = [
        *zip(jax.tree.leaves(found.mean), [x.mean(0) for x in jax.tree.leaves(g)], strict=True),
        *zip(
            jax.tree.leaves(found.second), [(x**2).mean(0) for x in jax.tree.leaves(g)], strict=True
        ),
        (found.norms2, norms2),
    ]
    return max(float(jnp.abs(a - b).max() / jnp.abs(b).max()) for a, b in pairs)


@pytest.mark.parametrize("name", MODELS)
def test_moments_of_the_models_of_this_project_are_those_of_all_gradients(name):
    x = data((8, 8, 1))
    assert worst(*loss_of(MODELS[name](), x), x) < 1e-10


def test_dense():
    x = data((4,))
    assert worst(*loss_of(nn.Dense(3), x), x, 2) < 1e-10

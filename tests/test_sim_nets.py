"""Convolutions with the batch last, in both forms, and the nets made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from sim import models
from sim.nets import FashionCNN
from sim.planes import conv, max_pool, patches

KEY = jax.random.key(3)
SHAPES = [(6, 3, 2), (7, 3, 2), (5, 3, 1), (9, 5, 3)]


def normal(seed, *shape):
    return jax.random.normal(jax.random.fold_in(KEY, seed), shape, jnp.float32)


@pytest.mark.parametrize(("size", "width", "stride"), SHAPES)
def test_patches_are_those_of_the_models_with_channels_last(size, width, stride):
    x = normal(0, 3, size, size + 1, 2)
    mine = jax.jit(patches, static_argnums=(1, 2))(x, width, stride)
    theirs = models.patches(x.transpose(3, 1, 2, 0), width, stride)
    rows, columns = -(-size // stride), -(-(size + 1) // stride)
    assert mine.shape == (width**2, 3, rows, columns, 2)
    flat = mine.transpose(4, 2, 3, 0, 1).reshape(theirs.shape)
    np.testing.assert_array_equal(flat, theirs)


@pytest.mark.parametrize(("size", "width", "stride"), SHAPES)
def test_both_forms_are_one_convolution_and_so_are_their_gradients(size, width, stride):
    x, kernel = normal(1, 3, size, size, 2), normal(2, width**2 * 3, 4)

    def form(name):
        def f(x, kernel):
            return conv(x, kernel, width=width, stride=stride, form=name)

        slopes = jax.grad(lambda *a: (f(*a) ** 2).sum(), (0, 1))
        return jax.jit(lambda *a: (f(*a), slopes(*a)))(x, kernel)

    for a, b in zip(*(jax.tree.leaves(form(name)) for name in ("patches", "lax")), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(jnp.abs(b).max()))


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="conv must be one of patches, lax, not 'fft'"):
        conv(normal(0, 1, 4, 4, 2), normal(1, 9, 2), width=3, form="fft")


def test_pooling_is_that_of_flax_in_value_and_slope():
    x = normal(4, 3, 6, 8, 5)

    def last(x):
        return nn.max_pool(x.transpose(3, 1, 2, 0), (2, 2), (2, 2)).transpose(3, 1, 2, 0)

    np.testing.assert_array_equal(max_pool(x), last(x))
    slopes = (jax.grad(lambda x, f=f: (f(x) ** 3).sum())(x) for f in (max_pool, last))
    np.testing.assert_allclose(*slopes, rtol=1e-6)


def logits(params, images, form="patches"):
    return jnp.asarray(FashionCNN(conv=form).apply(params, images))


@pytest.fixture(scope="module")
def net():
    images = normal(5, 6, 28, 28, 1)
    params = jax.jit(FashionCNN().init)(KEY, images[:1])
    return images, params


def test_the_net_has_the_size_it_says(net):
    images, params = net
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 39_370
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert logits(params, images).shape == (6, 10)


def test_the_net_is_one_function_in_both_forms_and_so_is_its_gradient(net):
    images, params = net

    def found(form):
        def f(params):
            return logits(params, images, form)

        return jax.jit(lambda p: (f(p), jax.grad(lambda p: (f(p) ** 2).mean())(p)))(params)

    for a, b in zip(*(jax.tree.leaves(found(form)) for form in ("patches", "lax")), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(jnp.abs(b).max()))


def test_a_sample_does_not_see_the_others_of_its_batch(net):
    images, params = net
    whole = logits(params, images)
    np.testing.assert_allclose(whole[2:3], logits(params, images[2:3]), rtol=1e-4)
    assert float(jnp.abs(whole[2] - whole[3]).max()) > 1e-3


def test_curvature_and_gradients_of_single_samples_exist():
    """Forward in forward, and vmap over reverse: what measurements need of a model."""
    x, kernel = normal(6, 2, 6, 6, 4), normal(7, 18, 3)

    def loss(kernel, x):
        pooled = max_pool(nn.relu(conv(x, kernel, width=3)))
        return (pooled.sum((0, 1, 2)) ** 2).mean()

    def slope(t):
        return jax.jvp(lambda k: loss(k, x), (kernel * (1 + t),), (kernel,))[1]

    @jax.jit
    def all_of_them(kernel, x):
        curved = jax.jvp(slope, (0.0,), (1.0,))[1]
        product = jax.jvp(jax.grad(lambda k: loss(k, x)), (kernel,), (kernel,))[1]
        each = jax.vmap(jax.grad(loss), (None, 3))(kernel, x[..., None])
        return curved, (product * kernel).sum(), each.mean(0), jax.grad(loss)(kernel, x)

    curved, product, each, whole = all_of_them(kernel, x)
    assert float(curved) == pytest.approx(float(product), rel=1e-4)
    np.testing.assert_allclose(each, whole, rtol=1e-3)

"""Models: convolutions as patches are convolutions, and networks are small."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.models import CNN, MLP, MODELS, PatchConv, patches

SHAPES = {"digits": (2, 8, 8, 1), "fashion_mnist": (2, 28, 28, 1)}


def images(shape):
    return jax.random.normal(jax.random.key(1), shape, jnp.float64)


def random_parameters(model, x) -> Any:
    generator = np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(size=leaf.shape)), shapes)


@pytest.mark.parametrize(
    ("shape", "width", "stride"),
    [
        ((2, 8, 8, 1), 3, 2),
        ((2, 7, 5, 3), 3, 2),
        ((2, 7, 5, 3), 3, 1),
        ((2, 7, 5, 3), 2, 3),
        ((1, 1, 4, 2), 5, 1),
        ((1, 1, 4, 2), 1, 3),
    ],
)
def test_patches_times_a_matrix_are_a_convolution(shape, width, stride):
    x, layer = images(shape), PatchConv(4, width=width, stride=stride)
    variables = random_parameters(layer, x)
    dense = variables["params"]["Dense_0"]
    expected = jax.lax.conv_general_dilated(
        x,
        dense["kernel"].reshape(width, width, shape[-1], 4),
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    found = jax.jit(layer.apply)(variables, x)
    np.testing.assert_allclose(found, expected + dense["bias"], atol=1e-12)


def test_a_patch_holds_its_neighbourhood_row_by_row():
    x = jnp.arange(9.0).reshape(1, 3, 3, 1)
    found = np.asarray(patches(x, 3, 1))
    np.testing.assert_array_equal(found[0, 1, 1], np.arange(9))
    np.testing.assert_array_equal(found[0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 3, 4])


def size_of(params) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(("name", "dataset"), [("mlp", "digits"), ("cnn", "fashion_mnist")])
def test_the_networks_that_are_measured_have_ten_classes_and_at_most_40_000_parameters(
    name, dataset
):
    model, x = MODELS[name](), jnp.ones(SHAPES[dataset])
    logits, params = jax.eval_shape(lambda key: model.init_with_output(key, x), jax.random.key(0))
    assert logits.shape == (2, 10)
    assert 1000 < size_of(params) <= 40_000


def test_an_mlp_has_the_widths_asked_for():
    params: Any = jax.eval_shape(MLP((5, 3)).init, jax.random.key(0), jnp.ones((1, 2, 2, 1)))
    assert {k: v["kernel"].shape for k, v in params["params"].items()} == {
        "Dense_0": (4, 5),
        "Dense_1": (5, 3),
    }


@pytest.mark.parametrize("model", [MLP((6, 6, 3)), CNN((2, 3), hidden=4, classes=3)])
def test_a_model_is_piecewise_linear_in_its_input(model):
    """Along a short line it is exactly linear, and along a long one it is not."""
    x, v = images((1, 8, 8, 1)), images((2, 8, 8, 1))[1:]
    params, apply = random_parameters(model, x), jax.jit(model.apply)

    def bend(step):
        here, ahead, back = (apply(params, x + s * v) for s in (0.0, step, -step))
        return float(jnp.abs(ahead + back - 2 * here).max())

    assert bend(1e-6) < 1e-13
    assert bend(10.0) > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_logits_are_float32_for_float32_images(name):
    model, x = MODELS[name](), images(SHAPES["digits"]).astype(jnp.float32)
    logits, params = jax.eval_shape(lambda key: model.init_with_output(key, x), jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.float32)}
    assert logits.dtype == jnp.float32

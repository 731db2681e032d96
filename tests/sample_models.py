"""One small model of every kind of layer, in float64, for the tests of what is measured on them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from sim.models import CNN

TOKENS = 7  # in the vocabulary


class Case(NamedTuple):
    """`outputs(params, sample)` (K,) or (T, K), parameters and samples (n, …)."""

    outputs: Callable[[Any, Any], jax.Array]
    params: Any
    samples: jax.Array


def images(*shape, n=5):
    return jnp.asarray(np.random.default_rng(0).normal(size=(n, *shape)))


def tokens(length=6, n=5):
    return jnp.asarray(np.random.default_rng(0).integers(0, TOKENS, (n, length)))


def drawn(shapes):
    """Parameters of the shapes of a pytree, none at zero."""
    generator = np.random.default_rng(9)
    leaves, structure = jax.tree.flatten(shapes)
    values = [jnp.asarray(generator.normal(0.3, 0.5, leaf.shape)) for leaf in leaves]
    return jax.tree.unflatten(structure, values)


def linen(model: nn.Module, samples) -> Case:
    params = drawn(jax.eval_shape(model.init, jax.random.key(1), samples[:1]))
    return Case(lambda p, x: model.apply(p, x[None])[0], params, samples)


class Flat(nn.Module):
    """A layer, then a dense layer that is of the same kind everywhere."""

    layer: Any
    relu: bool = True
    classes: int = 3

    @nn.compact
    def __call__(self, x):
        x = self.layer(x)
        x = nn.relu(x) if self.relu else jnp.tanh(x)
        return nn.Dense(self.classes)(x.reshape(x.shape[0], -1))


class Embedded(nn.Module):
    """Token and place embeddings, a layer, and logits of each token from the tied table or not."""

    layer: Any
    tied: bool = False

    @nn.compact
    def __call__(self, x):
        table = nn.Embed(TOKENS, 4)
        places = self.param("places", nn.initializers.normal(), (8, 4))
        h = table(x) + places[: x.shape[1]]
        h = h + self.layer(h)
        return table.attend(h) if self.tied else nn.Dense(TOKENS)(h)


class Causal(nn.Module):
    @nn.compact
    def __call__(self, x):
        h = nn.LayerNorm()(x)
        mask = nn.make_causal_mask(jnp.ones(x.shape[:2], x.dtype))
        return nn.MultiHeadDotProductAttention(num_heads=2)(h, h, mask=mask)


class Twice(nn.Module):
    """One dense layer used twice."""

    @nn.compact
    def __call__(self, x):
        dense = nn.Dense(4)
        return nn.Dense(3)(nn.relu(dense(nn.relu(dense(x)))))


class Layered(nn.Module):
    """Three dense layers, their parameters stacked, in `nn.scan`."""

    @nn.compact
    def __call__(self, x):
        class Block(nn.Module):
            @nn.compact
            def __call__(self, h, _):
                return h + nn.relu(nn.Dense(4)(h)), None

        scan = nn.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        h, _ = scan()(x, None)
        return nn.Dense(3)(h)


def raw() -> Case:
    """Functions of arrays: parameters squared, broadcast, divided by, sliced and exponentiated."""
    params = drawn({"w": jnp.ones((4, 5)), "scale": jnp.ones(5), "head": jnp.ones((6, 3))})

    def outputs(p, x):
        h = x @ (p["w"] ** 2) / jnp.exp(p["scale"]) + p["scale"]
        return jnp.einsum("k,kc->c", nn.relu(h), p["head"][1:]) * p["head"][0, 0]

    return Case(outputs, params, images(4))


def neural_nnx() -> Case:
    """An NNX model, split once to its state."""
    model = nnx.Sequential(
        nnx.Linear(4, 5, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(5, 3, rngs=nnx.Rngs(1))
    )
    graph, state = nnx.split(model)
    params = drawn(nnx.to_pure_dict(state))

    def outputs(p, x):
        filled = nnx.state(nnx.merge(graph, state))
        nnx.replace_by_pure_dict(filled, p)
        return nnx.merge(graph, filled)(x)

    return Case(outputs, params, images(4))


def conv(features, window, **how) -> nn.Module:
    return Flat(nn.Conv(features, window, **how))


CASES: dict[str, Callable[[], Case]] = {
    "dense": lambda: linen(Flat(nn.Dense(5)), images(4)),
    "dense over positions": lambda: linen(Flat(nn.Dense(5)), images(3, 4)),
    "dense over heads": lambda: linen(Flat(nn.DenseGeneral((2, 3), axis=(-2, -1))), images(3, 4)),
    "conv": lambda: linen(conv(3, (3, 3)), images(5, 5, 2)),
    "conv, strides": lambda: linen(conv(3, (3, 2), strides=(2, 3)), images(6, 7, 2)),
    "conv, no padding": lambda: linen(conv(3, (3, 3), padding="VALID"), images(5, 5, 2)),
    "conv, uneven padding": lambda: linen(conv(2, (2,), padding=[(2, 0)]), images(5, 2)),
    "conv, dilation": lambda: linen(
        conv(3, (2, 2), padding=[(0, 1), (1, 2)], kernel_dilation=(2, 1), input_dilation=(1, 2)),
        images(6, 4, 2),
    ),
    "conv, groups": lambda: linen(conv(6, (3, 3), feature_group_count=2), images(4, 4, 4)),
    "conv, depthwise": lambda: linen(conv(8, (3, 3), feature_group_count=4), images(4, 4, 4)),
    "conv, transposed": lambda: linen(
        Flat(nn.ConvTranspose(2, (3, 3), strides=(2, 2))), images(3, 3, 2)
    ),
    "patches": lambda: linen(CNN(features=(2, 3), hidden=4, classes=3), images(6, 6, 1)),
    "embedding": lambda: linen(Embedded(nn.Dense(4)), tokens()),
    "embedding, tied": lambda: linen(Embedded(nn.Dense(4), tied=True), tokens()),
    "attention": lambda: linen(Embedded(Causal()), tokens()),
    "attention, remat": lambda: linen(Embedded(nn.remat(Causal)()), tokens()),
    "layer norm": lambda: linen(Flat(nn.LayerNorm()), images(3, 4)),
    "RMS norm": lambda: linen(Flat(nn.RMSNorm()), images(3, 4)),
    "group norm": lambda: linen(Flat(nn.GroupNorm(2)), images(3, 3, 4)),
    "weight norm": lambda: linen(Flat(nn.WeightNorm(nn.Dense(5))), images(4)),
    "weight norm, conv": lambda: linen(Flat(nn.WeightNorm(nn.Conv(3, (2, 2)))), images(4, 4, 2)),
    "one layer twice": lambda: linen(Twice(), images(4)),
    "layers in a scan": lambda: linen(Layered(), images(4)),
    "arrays": raw,
    "nnx": neural_nnx,
}  # fmt: skip

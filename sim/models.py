"""Small Flax models of piecewise linear activation, for classification into 10 classes.

Convolutions are written as patches times a matrix: one matrix product is the form that compiled
loops and `vmap` over directions keep fast on every device, and it is the same convolution.
"""

from collections.abc import Callable, Mapping, Sequence

import flax.linen as nn
import jax.numpy as jnp


class PatchConv(nn.Module):
    """Convolution with square kernels, padded to ⌈size/stride⌉ outputs per side, NHWC."""

    features: int
    width: int = 3
    stride: int = 2

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.features)(patches(x, self.width, self.stride))


def patches(x, width: int, stride: int):
    """Every width × width neighbourhood of x (n, h, w, c), zero-padded as 'SAME', flattened:
    (n, ⌈h/stride⌉, ⌈w/stride⌉, width²·c)."""
    rows, columns = (-(-size // stride) for size in x.shape[1:3])
    pads = [
        max((count - 1) * stride + width - size, 0)
        for count, size in zip((rows, columns), x.shape[1:3], strict=True)
    ]
    padded = jnp.pad(x, ((0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)))
    shifted = [
        padded[
            :, i : i + (rows - 1) * stride + 1 : stride, j : j + (columns - 1) * stride + 1 : stride
        ]
        for i in range(width)
        for j in range(width)
    ]
    return jnp.concatenate(shifted, axis=-1)


class MLP(nn.Module):
    """Dense layers with ReLU between them."""

    widths: Sequence[int] = (64, 64, 10)

    @nn.compact
    def __call__(self, x):
        x = x.reshape(x.shape[0], -1)
        for width in self.widths[:-1]:
            x = nn.relu(nn.Dense(width)(x))
        return nn.Dense(self.widths[-1])(x)


class CNN(nn.Module):
    """Convolutions of stride 2 with ReLU, then two dense layers."""

    features: Sequence[int] = (8, 16)
    hidden: int = 32
    classes: int = 10

    @nn.compact
    def __call__(self, x):
        for features in self.features:
            x = nn.relu(PatchConv(features)(x))
        x = nn.relu(nn.Dense(self.hidden)(x.reshape(x.shape[0], -1)))
        return nn.Dense(self.classes)(x)


MODELS: Mapping[str, Callable[[], nn.Module]] = {"mlp": MLP, "cnn": CNN}

"""The seed paper's "5-layer CNN" for 10 classes of 28 × 28 images, whose widths it does not give.

Ours: convolutions 3 × 3 of stride 2 with 8, 16 and 32 features (28 → 14 → 7 → 4), a dense layer of
64 and one of 10, ReLU between them: 39,370 parameters.  Inside, the batch is the last axis (see
`planes`); from outside it is the first, as everywhere.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from sim.planes import conv

KERNEL = nn.initializers.lecun_normal()


class PlaneConv(nn.Module):
    """`planes.conv` and a bias per feature; `conv`: one of `planes.FORMS`."""

    features: int
    width: int = 3
    stride: int = 1
    conv: str = "patches"

    @nn.compact
    def __call__(self, x):
        shape = (self.width**2 * x.shape[0], self.features)
        kernel = self.param("kernel", KERNEL, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        y = conv(x, kernel, width=self.width, stride=self.stride, form=self.conv)
        return y + bias[:, None, None, None]


class DenseAfterPlanes(nn.Module):
    """A dense layer on all of (channels, height, width, n) → (n, features)."""

    features: int

    @nn.compact
    def __call__(self, x):
        flat = x.reshape(-1, x.shape[-1])
        kernel = self.param("kernel", KERNEL, (flat.shape[0], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return flat.T @ kernel + bias


class FashionCNN(nn.Module):
    """The CNN above, images (n, height, width, channels) → logits (n, classes); `conv`:
    "patches" (products of matrices) on a CPU, "lax" on a GPU, the same function."""

    features: Sequence[int] = (8, 16, 32)
    hidden: int = 64
    classes: int = 10
    conv: str = "patches"

    @nn.compact
    def __call__(self, x):
        x = x.transpose(3, 1, 2, 0)
        for features in self.features:
            x = nn.relu(PlaneConv(features, stride=2, conv=self.conv)(x))
        x = nn.relu(DenseAfterPlanes(self.hidden)(x))
        return nn.Dense(self.classes)(x)

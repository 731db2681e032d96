"""The seed paper's "5-layer CNN" for 28 × 28 images, whose widths it does not give."""

from collections.abc import Sequence

import flax.linen as nn
import jax

from sim.models import patches


class Conv(nn.Module):
    """Square convolution, padded to ⌈size/stride⌉ outputs per side, NHWC; its kernel is a matrix
    (width²·channels, features)."""

    features: int
    width: int = 3
    stride: int = 1
    conv: str = "patches"

    @nn.compact
    def __call__(self, x):
        shape = (self.width**2 * x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.conv == "patches":
            return patches(x, self.width, self.stride) @ kernel + bias
        kernel = kernel.reshape(self.width, self.width, x.shape[-1], self.features)
        form = ("NHWC", "HWIO", "NHWC")
        return (
            jax.lax.conv_general_dilated(
                x, kernel, (self.stride,) * 2, "SAME", dimension_numbers=form
            )
            + bias
        )


class FashionCNN(nn.Module):
    """Three convolutions of stride 2 (28 → 14 → 7 → 4) and two dense layers with ReLU."""

    features: Sequence[int] = (8, 16, 32)
    hidden: int = 64
    classes: int = 10
    conv: str = "patches"

    @nn.compact
    def __call__(self, x):
        for features in self.features:
            x = nn.relu(Conv(features, stride=2, conv=self.conv)(x))
        x = nn.relu(nn.Dense(self.hidden)(x.reshape(x.shape[0], -1)))
        return nn.Dense(self.classes)(x)

"""The CNN of the bench rows: conv 3 × 3 (1→16), max-pool 2, conv 3 × 3 (16→32), max-pool 2, dense
1568→128, dense 128→10, ReLU: 206,922 parameters, on 28 × 28 images."""

import flax.linen as nn

from sim.nets import DenseAfterPlanes, PlaneConv
from sim.planes import max_pool

PRODUCTS = (784 * 9 * 16, 196 * 144 * 32, 1568 * 128, 128 * 10)  # of one sample, layer by layer


class PooledCNN(nn.Module):
    """The network, from images (n, 28, 28, 1), in the form that compiled loops run fast."""

    @nn.compact
    def __call__(self, x):
        x = x.transpose(3, 1, 2, 0)
        for features in (16, 32):
            x = max_pool(nn.relu(PlaneConv(features)(x)))
        return nn.Dense(10)(nn.relu(DenseAfterPlanes(128)(x)))

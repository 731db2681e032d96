"""Uses that are matrix products, and what their samples' gradients are then.

For one sample a use is often W ↦ A·W, in G groups: dense layers, attention's projections, and
convolutions once the patches of their input are the rows of A.  With rows A (G, T, K), T
positions, and δ as columns D (G, T, O), the gradient in W is Σ_t A_tk D_to, (G, K, O); the
parameter's own layout is a transposition and reshaping of it.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from sim.uses import Use, kind


class Product(NamedTuple):
    """`rows(a)` → A (G, T, K); `columns(δ)` → D (G, T, O), both of one sample; `restored` takes
    (G, K, O) to the layout of the operand."""

    rows: Callable[[Array], Array]
    columns: Callable[[Array], Array]
    restored: Callable[[Array], Array]


def as_product(use: Use) -> Product | None:
    """The use as a matrix product, where it is one of a single operand with the data."""
    name = use.step.equation.primitive.name
    if len(use.operands) != 1 or len(use.data) != 1 or len(use.step.inputs) != 2:
        return None
    if name == "dot_general":
        return _dot(use)
    if name == "conv_general_dilated" and use.operands == (1,):
        return _conv(use)
    return None


def product(rows, columns):
    """Σ_t A_tk D_to of one sample: (G, T, K), (G, T, O) → (G, K, O)."""
    return jnp.einsum("gtk,gto->gko", rows, columns, precision=lax.Precision.HIGHEST)


def _sizes(shape, axes) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in axes)


def _dot(use: Use) -> Product:
    contracted, batched = use.step.equation.params["dimension_numbers"]
    w, a = use.operands[0], use.data[0]
    shapes = [kind(v).shape for v in use.step.equation.invars]
    free = [
        tuple(i for i in range(len(shapes[side])) if i not in contracted[side] + batched[side])
        for side in (0, 1)
    ]
    groups = _sizes(shapes[a], batched[a])
    g, t, k = (
        int(np.prod(_sizes(shapes[a], axes))) for axes in (batched[a], free[a], contracted[a])
    )
    out = int(np.prod(_sizes(shapes[w], free[w])))
    order = (*batched[w], *contracted[w], *free[w])

    def rows(x):
        return x.transpose(*batched[a], *free[a], *contracted[a]).reshape(g, t, k)

    def columns(delta):
        if a == 0:
            return delta.reshape(g, t, out)
        return delta.reshape(g, out, t).transpose(0, 2, 1)

    def restored(gradient):
        split = gradient.reshape(*groups, *_sizes(shapes[w], contracted[w] + free[w]))
        return split.transpose(*np.argsort(order))

    return Product(rows, columns, restored)


def _conv(use: Use) -> Product | None:
    params = use.step.equation.params
    numbers, groups = params["dimension_numbers"], params["feature_group_count"]
    if params["batch_group_count"] != 1:
        return None
    kernel = kind(use.step.equation.invars[1]).shape
    window = _sizes(kernel, numbers.rhs_spec[2:])
    features, inputs = kernel[numbers.rhs_spec[0]], kernel[numbers.rhs_spec[1]]

    def rows(x):
        x = x.transpose(numbers.lhs_spec[0], *numbers.lhs_spec[2:], numbers.lhs_spec[1])
        patches = _patches(x, window, params)
        split = patches.reshape(-1, len_window, groups, inputs)
        return split.transpose(2, 0, 1, 3).reshape(groups, -1, len_window * inputs)

    def columns(delta):
        spec = numbers.out_spec
        split = delta.transpose(spec[0], *spec[2:], spec[1])
        return split.reshape(-1, groups, features // groups).transpose(1, 0, 2)

    def restored(gradient):
        split = gradient.reshape(groups, *window, inputs, features // groups)
        last = len(window) + 2
        moved = split.transpose(0, last, last - 1, *range(1, last - 1))
        whole = moved.reshape(features, inputs, *window)
        return whole.transpose(*np.argsort(numbers.rhs_spec))

    len_window = int(np.prod(window))
    return Product(rows, columns, restored)


def _patches(x, window, params):
    """Windows of x (n, *space, c) as the convolution sees them: (n, *places, offsets, c)."""
    zero = jnp.zeros((), x.dtype)
    pads = zip(params["padding"], params["lhs_dilation"], strict=True)
    middle = [(low, high, dilation - 1) for (low, high), dilation in pads]
    x = lax.pad(x, zero, [(0, 0, 0), *middle, (0, 0, 0)])
    strides, dilation = params["window_strides"], params["rhs_dilation"]
    spans = [(size - 1) * step + 1 for size, step in zip(window, dilation, strict=True)]
    places = [
        (size - span) // stride + 1
        for size, span, stride in zip(x.shape[1:-1], spans, strides, strict=True)
    ]
    shifted = []
    for offset in np.ndindex(*window):
        start = [o * d for o, d in zip(offset, dilation, strict=True)]
        stop = [s + (p - 1) * k + 1 for s, p, k in zip(start, places, strides, strict=True)]
        shifted.append(
            lax.slice(x, (0, *start, 0), (x.shape[0], *stop, x.shape[-1]), (1, *strides, 1))
        )
    return jnp.stack(shifted, axis=-2)


class Rows(NamedTuple):
    """Reads rows of a table of `shape`: `indices(a)` → (T,), `columns(δ)` → (T, width)."""

    shape: tuple[int, ...]
    indices: Callable[[Array], Array]
    columns: Callable[[Array], Array]


def as_rows(use: Use) -> Rows | None:
    """The use as a look-up of whole rows of its operand, if it is one (an embedding)."""
    if use.step.equation.primitive.name != "gather" or use.operands != (0,) or use.data != (1,):
        return None
    params, table = use.step.equation.params, kind(use.step.equation.invars[0]).shape
    numbers = params["dimension_numbers"]
    plain = (
        len(table) == 2
        and tuple(numbers.collapsed_slice_dims) == (0,)
        and tuple(numbers.start_index_map) == (0,)
        and not numbers.operand_batching_dims
        and tuple(params["slice_sizes"]) == (1, table[1])
    )
    if not plain:
        return None
    clip = params["mode"] == lax.GatherScatterMode.CLIP
    (offset,) = numbers.offset_dims

    def indices(a):
        index = a.reshape(-1)
        return jnp.clip(index, 0, table[0] - 1) if clip else index

    def columns(delta):
        return jnp.moveaxis(delta, offset, -1).reshape(-1, table[1])

    return Rows(table, indices, columns)

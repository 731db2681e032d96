"""Convolution and pooling with the batch as the last axis: x (channels, height, width, n).

Shifts, maxima and sums then run over n contiguous numbers, and a convolution is one product of two
large matrices, its kernel's transpose times the patches, whose gradients are two more.  Compiled
loops on a CPU run this several times faster than `lax.conv` or patches with channels last, of which
they make slow gradients.  An accelerator is better served by `lax.conv`: `conv="lax"` is the same
function.  Everything can be differentiated in both modes, to any order, and batched.
"""

import jax
import jax.numpy as jnp

FORMS = ("patches", "lax")


def conv(x, kernel, *, width: int, stride: int = 1, form: str = "patches"):
    """Convolution (features, ⌈h/stride⌉, ⌈w/stride⌉, n), zero-padded as 'SAME', without bias.

    kernel: (width²·channels, features), rows ordered (row, column, channel).  Raises ValueError for
    a form that is not in FORMS.
    """
    if form == "lax":
        square = kernel.reshape(width, width, x.shape[0], -1)
        axes = ("CHWN", "HWIO", "CHWN")
        return jax.lax.conv_general_dilated(
            x, square, (stride,) * 2, "SAME", dimension_numbers=axes
        )
    if form != "patches":
        raise ValueError(f"conv must be one of {', '.join(FORMS)}, not {form!r}")
    seen = patches(x, width, stride)
    flat = seen.reshape(kernel.shape[0], -1)
    product = jax.lax.dot_general(kernel, flat, (((0,), (0,)), ((), ())))
    return product.reshape(-1, *seen.shape[2:])


def patches(x, width: int, stride: int = 1):
    """Every width × width neighbourhood, zero-padded as 'SAME':
    (width², channels, ⌈h/stride⌉, ⌈w/stride⌉, n)."""
    shifted = [_shifted(x, (i, j), width, stride) for i in range(width) for j in range(width)]
    return jnp.stack(shifted)


def _shifted(x, offsets: tuple[int, int], width: int, stride: int):
    """One member of every neighbourhood, by padding (negative: cutting) at both ends."""
    pads = [(0, 0, 0)]
    for size, offset in zip(x.shape[1:3], offsets, strict=True):
        reach = (-(-size // stride) - 1) * stride + 1
        low = max(reach - 1 + width - size, 0) // 2 - offset
        pads.append((low, reach - size - low, 0))
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), [*pads, (0, 0, 0)])
    return padded[:, ::stride, ::stride] if stride > 1 else padded


def max_pool(x):
    """The largest of every 2 × 2 square; height and width are even."""
    c, h, w, n = x.shape
    square = x.reshape(c, h // 2, 2, w // 2, 2, n)
    rows = jnp.maximum(square[:, :, 0], square[:, :, 1])
    return jnp.maximum(rows[:, :, :, 0], rows[:, :, :, 1])

"""The loss of one sample of a user's own model, as a function of one flat vector, and samples in
chunks.

A model is any `apply(params, inputs)` over a batch; what is asked is additive over samples: layers
that couple samples (batch normalisation in training mode) are outside.  Samples stay where they are
(in host memory, or a memory map) and come to the device chunk by chunk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

CHUNK_BYTES = 2**27  # of activations of one chunk's losses; derivatives take a few times as much
MOST_AT_ONCE = 256


def cross_entropy(output, label):
    """−ln softmax(output)[label] in nats, mean over positions: output (…, classes), label (…)."""
    log_p = jax.nn.log_softmax(output)
    return -jnp.take_along_axis(log_p, label[..., None], -1).mean()


@dataclass(frozen=True)
class ModelLoss:
    """ℓ(params, (x, y)) = loss(apply(params, x[None])[0], y)."""

    apply: Callable[[Any, Any], Any]
    loss: Callable[[Any, Any], Any] = cross_entropy

    def __call__(self, params, sample):
        inputs, label = sample
        output = self.apply(params, jax.tree.map(lambda x: x[None], inputs))
        return self.loss(output[0], label)


@dataclass(frozen=True)
class FlatLoss:
    """ℓ(θ, sample) of a flat vector θ (d,)."""

    loss: Callable[[Any, Any], Any]
    unravel: Callable[[Array], Any]

    def __call__(self, theta, sample):
        return self.loss(self.unravel(theta), sample)


def flat(loss: Callable, params) -> tuple[FlatLoss, Array]:
    """The loss over a flat vector, and the vector; ValueError unless params are finite floats of
    one precision, float32 or float64."""
    leaves = jax.tree.leaves(params)
    types = {jnp.asarray(leaf).dtype for leaf in leaves}
    if len(types) != 1 or types & {jnp.dtype(t) for t in ("float32", "float64")} != types:
        named = ", ".join(sorted(map(str, types))) or "none"
        raise ValueError(f"params must be all float32 or all float64, not {named}")
    theta, unravel = ravel_pytree(params)
    if not bool(jnp.isfinite(theta).all()):
        raise ValueError("params must be finite")
    return FlatLoss(loss, unravel), theta


def checked_samples(samples, least: int = 1) -> int:
    """The number of samples; ValueError unless all arrays are finite numbers of one length."""
    arrays = [leaf if hasattr(leaf, "ndim") else np.asarray(leaf)
              for leaf in jax.tree.leaves(samples)]  # fmt: skip
    sizes = {array.shape[0] if array.ndim else -1 for array in arrays}
    if len(sizes) != 1 or -1 in sizes:
        raise ValueError("samples must be arrays with one leading axis over samples, of one length")
    count = sizes.pop()
    if count < least:
        raise ValueError(f"at least {least} samples are needed, not {count}")
    for array in arrays:
        if array.dtype.kind not in "fiub" and array.dtype != jnp.bfloat16:
            raise ValueError(f"samples must be numbers, not {array.dtype}")
        finite = (np.isfinite(array[i : i + MOST_AT_ONCE]).all()
                  for i in range(0, count, MOST_AT_ONCE))  # fmt: skip
        if array.dtype.kind == "f" and not all(finite):
            raise ValueError("samples must be finite")
    return count


def checked_labels(apply: Callable, params, samples) -> None:
    """ValueError unless samples are (inputs, labels), the labels whole numbers below the number of
    classes that the model's output has."""
    inputs, labels = samples
    one = jax.tree.map(lambda x: jax.eval_shape(jnp.asarray, x[:1]), inputs)
    output = jax.eval_shape(apply, params, one)
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be whole numbers, not {labels.dtype}")
    if output.shape[1:-1] != labels.shape[1:]:
        raise ValueError(
            f"an output of shape {output.shape[1:]} does not go with labels of shape "
            f"{labels.shape[1:]} of one sample"
        )
    classes = output.shape[-1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must lie in 0 … {classes - 1}, not {labels.min()} … {labels.max()}"
        )


class Stream(NamedTuple):
    """Samples at `index` (m,), in chunks of `at_once`; floats come in the precision `dtype`."""

    samples: Any
    index: np.ndarray
    at_once: int
    dtype: Any

    def chunks(self, weights: np.ndarray | None = None) -> Iterator[tuple[Any, np.ndarray]]:
        """(chunk, weights) with weights 1/m unless given; the last chunk is filled up with samples
        of weight 0, so that one compiled program serves all."""
        m = self.index.size
        weights = np.full(m, 1 / m) if weights is None else weights
        size = min(self.at_once, m)
        for start in range(0, m, size):
            here = self.index[start : start + size]
            short = size - here.size
            taken = np.concatenate([here, np.repeat(here[:1], short)])
            weight = np.concatenate([weights[start : start + size], np.zeros(short)])
            yield self.at(taken), weight

    def at(self, index: np.ndarray):
        """The samples at `index`, on the device."""

        def bring(x):
            kind = self.dtype if jnp.issubdtype(x.dtype, jnp.floating) else None
            return jnp.asarray(x[index], kind)

        return jax.tree.map(bring, self.samples)


def stream(loss: FlatLoss, theta, samples) -> Stream:
    """All samples, so many at once that the losses' intermediate values take CHUNK_BYTES."""
    arrays = jax.tree.map(lambda x: x if hasattr(x, "ndim") else np.asarray(x), samples)
    count = jax.tree.leaves(arrays)[0].shape[0]
    whole = Stream(arrays, np.arange(count), 1, theta.dtype)

    def size(some: int) -> int:
        program = jax.make_jaxpr(jax.vmap(loss.loss, (None, 0)))
        return _bytes(program(loss.unravel(theta), whole.at(np.zeros(some, int))).jaxpr)

    most = CHUNK_BYTES // max(size(2) - size(1), 1)
    return whole._replace(at_once=int(np.clip(most, 1, MOST_AT_ONCE)))


def _bytes(jaxpr) -> int:
    """Bytes of all intermediate values, those of inner programs included."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [p for p in jax.tree.leaves(tuple(equation.params.values()), is_leaf=_program)
                 if _program(p)]  # fmt: skip
        total += sum(_bytes(getattr(p, "jaxpr", p)) for p in inner)
        if not inner:
            total += sum(
                prod(v.aval.shape) * v.aval.dtype.itemsize
                for v in equation.outvars
                if hasattr(v.aval, "shape")
            )
    return total


def _program(value) -> bool:
    return hasattr(value, "eqns") or hasattr(getattr(value, "jaxpr", None), "eqns")

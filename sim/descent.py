"""Compiled steps of training for any model whose losses JAX can differentiate.

A step draws a minibatch of B samples with replacement from the training set and moves
θ ← θ − εV, with V the direction of an update rule from the minibatch's mean gradient; θ is all
parameters raveled into one vector.  The loss is the mean over a fixed evaluation set.  Random
numbers belong to (key, step), so that it makes no difference where a run is looked at.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

from sim.lanes import across
from sim.measure import Population
from sim.rules import identified, make_rule

Losses = Callable[[Any, Array, Array], Array]


class CrossEntropy(NamedTuple):
    """Losses (n,), in nats, of a classifier `apply(params, inputs)` → logits (n, classes)."""

    apply: Callable[[Any, Array], Array]

    def __call__(self, params, inputs, labels):
        return optax.losses.softmax_cross_entropy_with_integer_labels(
            self.apply(params, inputs), labels
        )


class Method(NamedTuple):
    """How one trains, hashable: `losses(params, inputs, labels)` → (n, …), the rule as
    `sim.rules.identified` gives it, minibatches of `batch` samples, of which `chunk` go at once
    where cells go one by one: few enough for their activations to stay in a CPU's cache."""

    losses: Losses
    rule: tuple
    batch: int
    chunk: int


class Data(NamedTuple):
    """The training set, and the set whose mean loss is looked at (a fixed part of it, usually)."""

    train: Population
    evaluation: Population


class Place(NamedTuple):
    """Where a run stands: its parameters, any pytree of floats, and the state of its rule."""

    params: Any
    state: Any


def methodical(losses: Losses, rule: str, batch, chunk, parameters: Mapping[str, Any]) -> Method:
    """A `Method`; ValueError for a rule that is unknown, wrongly set or of one matrix only, or a
    batch or chunk that is not a whole number of at least 1."""
    name = identified(rule, parameters)
    if "shape" in dict(name[1:]):
        raise ValueError(f"rule {rule!r} acts on one matrix, not on all parameters of a network")
    check_whole("batch", batch, 1)
    check_whole("chunk", chunk, 1)
    return Method(losses, name, int(batch), int(chunk))


def check_whole(name: str, value, least: int) -> None:
    """ValueError where `value` is not a whole number of at least `least`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")


def transform(rule: tuple) -> optax.GradientTransformation:
    """The transformation of a rule given as `sim.rules.identified` gives it."""
    return make_rule(rule[0], **dict(rule[1:])).transform


def fresh(rule: tuple, params) -> Place:
    """Parameters whose rule has no memory yet."""
    return Place(params, transform(rule).init(ravel_pytree(params)[0]))


@partial(jax.jit, static_argnames="method")
def travel(method: Method, data: Data, place_c: Place, lr_c, key_c, span: tuple):
    """Runs c (leading axes) after the steps from span[0] up to span[1], and their losses there."""

    def one(place, lr, key):
        place = _advance(method, data.train, place, lr, key, span, at_once)
        return place, _evaluate(method.losses, place.params, data.evaluation, method.chunk)

    width = lr_c.shape[0]
    at_once = method.batch if width > 1 else method.chunk
    return across(one, width)(place_c, lr_c, key_c)


def minibatch(key, t, batch: int, size: int):
    """Which of `size` samples step t uses (batch,): drawn with replacement."""
    return jax.random.randint(jax.random.fold_in(key, t), (batch,), 0, size, jnp.int32)


def _advance(
    method: Method, train: Population, place: Place, lr, key, span: tuple, at_once: int
) -> Place:
    theta, unravel = ravel_pytree(place.params)
    update = transform(method.rule).update

    def step(t, carry):
        theta, state = carry
        chosen = minibatch(key, t, method.batch, train.size)
        gradient = _gradient(method.losses, unravel(theta), train, chosen, at_once)
        direction, state = update(gradient, state)
        return theta - lr * direction, state

    theta, state = jax.lax.fori_loop(span[0], span[1], step, (theta, place.state))
    return Place(unravel(theta), state)


def _gradient(losses: Losses, params, train: Population, chosen, at_once: int):
    """The raveled gradient of the mean loss of the chosen samples, summed over chunks."""
    batch = chosen.shape[0]
    count = -(-batch // at_once)
    size = -(-batch // count)

    def summed(params, index, weight):
        sample = (jnp.take(part, index, axis=0, mode="clip") for part in train)
        each = losses(params, *sample)
        return (each.reshape(size, -1).mean(1) * weight).sum() / batch

    def add(total, chunk):
        return total + ravel_pytree(jax.grad(summed)(params, *chunk))[0], None

    # the last chunk is filled up with samples that do not count
    index = jnp.pad(chosen, (0, count * size - batch)).reshape(count, size)
    weight = (jnp.arange(count * size) < batch).reshape(count, size)
    if count == 1:
        return ravel_pytree(jax.grad(summed)(params, index[0], 1.0))[0]
    zero = jnp.zeros_like(ravel_pytree(params)[0])
    return jax.lax.scan(add, zero, (index, weight.astype(zero.dtype)))[0]


def _evaluate(losses: Losses, params, evaluation: Population, at_once: int):
    """The mean loss over the evaluation set, in chunks."""
    size = evaluation.size
    whole = size // at_once * at_once

    def total(chunk):
        return losses(params, *chunk).mean() * chunk[1].shape[0]

    chunks = (part[:whole].reshape(-1, at_once, *part.shape[1:]) for part in evaluation)
    summed = jax.lax.map(total, tuple(chunks)).sum()
    if whole < size:
        summed = summed + total(tuple(part[whole:] for part in evaluation))
    return summed / size

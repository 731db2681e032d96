"""One optimizer step of any model with real minibatches, for every update rule.

Minibatches are drawn with replacement from the samples, which are the population; the rule is
applied to their mean gradients, and E[V]ᵀG and E[VᵀHV] are means over the draws of V, each V's
curvature over a random block of samples of its own, which is unbiased.  No gradient of a single
sample is stored.

Rules with a memory run in chains at frozen parameters: their burn-in, then steps that are measured.
Adafactor and Muon act on each matrix parameter by itself (`parameter_blocks`; a vector is a matrix
of one row), the others on all parameters as one vector.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from sim.directions import block, gradient, quadratic_form
from sim.estimate import Moments
from sim.noise_scales import widened
from sim.onestep import OneStep, one_step_from
from sim.parameter_blocks import Block, all_matrices
from sim.rules import UpdateRule, make_rule
from sim.sample_losses import FlatLoss, Stream, checked_samples, flat, stream

BLOCK = 64  # samples over which one direction's curvature is estimated
CHAIN_BYTES = 2**28  # of all chains' gradients
MOST_CHAINS = 32
BY_MATRIX = ("adafactor", "muon")


class _Task(NamedTuple):
    """A checked request: what is measured, the mean gradient G, and the rule."""

    loss: FlatLoss
    theta: Array
    samples: Stream
    mean: Array
    transform: optax.GradientTransformation
    batch: int


def minibatch_step(
    rule: str,
    loss,
    params: Any,
    samples: Any,
    *,
    batch: int,
    key,
    draws: int = 256,
    steps: int | None = None,
    **parameters,
) -> OneStep:
    """E[V]ᵀG (`numerator`), E[VᵀHV] (`denominator`), ε* (`lr_star`) and ΔL* (`decrease`, loss
    units) of `rule` with minibatches of `batch`, from at least `draws` V (`sim.onestep.OneStep`).

    `loss(params, sample)` is the loss of one sample: `ModelLoss(model.apply)` makes a classifier's.
    At batch 1 a rule without memory is enumerated over all samples where `draws` are as many:
    exact. A rule with memory is measured in up to 32 independent chains (fewer where their
    gradients take over 256 MiB), whose averages are the draws behind the standard error, widened
    for their number; with `steps`, V of exactly that step of each chain (adagrad has no other).

    Errors: ValueError for an unknown rule or a wrong parameter, batch < 1, draws < 2, steps that do
    not apply, or malformed params and samples.
    """
    _check_whole(
        batch=(batch, 1), draws=(draws, 2), **{} if steps is None else {"steps": (steps, 1)}
    )
    checked_samples(samples, 2)
    flat_loss, theta = flat(loss, params)
    everything = stream(flat_loss, theta, samples)
    made, transform = _ruled(rule, params, parameters)
    _check_steps(rule, made.burn_in, steps)
    mean = jnp.asarray(gradient(flat_loss, theta, everything))
    if not bool(jnp.isfinite(mean).all()):
        raise ValueError("gradients must be finite")
    task = _Task(flat_loss, theta, everything, mean, transform, batch)
    if made.burn_in == 0:
        return _single_draws(task, draws, key)
    return _chains(task, made, draws, steps, key)


def _check_whole(**values: tuple[Any, int]) -> None:
    for name, (value, least) in values.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}, not {value!r}")


def _check_steps(rule: str, memory: int | None, steps: int | None) -> None:
    if memory == 0 and steps is not None:
        raise ValueError(f"rule {rule!r} has no memory here: steps= does not apply")
    if memory is None and steps is None:
        raise ValueError(f"rule {rule!r} has no stationary state: say steps=, the step measured")


def _ruled(rule: str, params, given) -> tuple[UpdateRule, optax.GradientTransformation]:
    """The rule, and its transformation of flat gradients."""
    if rule not in BY_MATRIX:
        made = make_rule(rule, **given)
        return made, made.transform
    if "shape" in given:
        raise ValueError(
            f"rule {rule!r} takes the shapes of the model's own parameters, not shape="
        )
    blocks = all_matrices(params)
    each = [make_rule(rule, shape=shape, **given) for _, shape in blocks]
    return each[0], _side_by_side(blocks, [one.transform for one in each])


def _side_by_side(
    blocks: list[Block], parts: list[optax.GradientTransformation]
) -> optax.GradientTransformation:
    """Each transformation on its own stretch of the last axis."""

    def init(params):
        return tuple(
            p.init(params[..., where]) for p, (where, _) in zip(parts, blocks, strict=True)
        )

    def update(updates, state, params=None):
        del params
        done = [p.update(updates[..., where], s)
                for p, (where, _), s in zip(parts, blocks, state, strict=True)]  # fmt: skip
        directions, states = zip(*done, strict=True)
        return jnp.concatenate(directions, -1), states

    return optax.GradientTransformation(init, update)


@partial(jax.jit, static_argnums=0)
def _mean_gradients(loss: FlatLoss, theta, chunks, weights):
    """Σ_j w_j ∇ℓ (r, d) of each row of samples (r, b, …)."""

    def total(t, row):
        values = jax.vmap(loss, (None, 0))(t, row)
        return jnp.matmul(weights, values, precision=jax.lax.Precision.HIGHEST)

    return jax.vmap(jax.grad(total), (None, 0))(theta, chunks)


def _minibatches(task: _Task, chosen: np.ndarray) -> Array:
    """Mean gradients (r, d) of the samples `chosen` (r, B), so many at once as fit."""
    rows, batch = chosen.shape
    size = int(np.clip(task.samples.at_once // rows, 1, batch))
    total = jnp.zeros((rows, task.theta.size), task.theta.dtype)
    for start in range(0, batch, size):
        here = chosen[:, np.minimum(np.arange(start, start + size), batch - 1)]
        weights = (np.arange(start, start + size) < batch) / batch
        chunk = task.samples.at(task.samples.index[here.ravel()])
        chunk = jax.tree.map(lambda x: x.reshape(rows, size, *x.shape[1:]), chunk)
        total += _mean_gradients(
            task.loss, task.theta, chunk, jnp.asarray(weights, task.theta.dtype)
        )
    return total


def _products(task: _Task, v, whole: bool, key) -> tuple[float, float]:
    """VᵀG and VᵀHV, its curvature over all samples or over a random block."""
    part = task.samples if whole else block(task.samples, BLOCK, key)
    slope = jnp.matmul(v, task.mean, precision=jax.lax.Precision.HIGHEST)
    return float(slope), quadratic_form(task.loss, task.theta, part, v)


def _at_once(task: _Task) -> int:
    """Gradients that fit into CHAIN_BYTES, at least 2."""
    return max(2, CHAIN_BYTES // (task.theta.size * task.theta.dtype.itemsize))


def _single_draws(task: _Task, draws: int, key) -> OneStep:
    n = task.samples.index.size
    enumerated = task.batch == 1 and n <= draws
    generator = _generator(key)
    chosen = np.arange(n)[:, None] if enumerated else generator.integers(0, n, (draws, task.batch))
    products, step = [], _stepped(task)
    for part in np.array_split(chosen, -(-len(chosen) // min(_at_once(task), MOST_CHAINS))):
        gradients = _minibatches(task, part)
        for v in step(gradients, task.transform.init(jnp.zeros_like(gradients)))[0]:
            draw_key = jax.random.fold_in(key, len(products))
            products.append(_products(task, v, enumerated, draw_key))
    return _one_step(np.array(products), exact=enumerated)


def _stepped(task: _Task):
    return jax.jit(task.transform.update)


def _chains(task: _Task, rule: UpdateRule, draws: int, steps: int | None, key) -> OneStep:
    """Chains side by side, their gradients (c, d); each chain's average is one draw.  Where V of
    one step is asked for, there are as many chains as draws, some after others."""
    together = int(min(_at_once(task), MOST_CHAINS))
    rounds = 1 if steps is None else -(-draws // together)
    burn_in, spacing = (rule.burn_in or 0, rule.spacing) if steps is None else (steps - 1, 1)
    looks = -(-draws // together) if steps is None else 1
    averages, step = [], _stepped(task)
    n = task.samples.index.size
    for part in range(rounds):
        part_key = jax.random.fold_in(key, part)
        generator = _generator(part_key)
        state = task.transform.init(jnp.zeros((together, task.theta.size), task.theta.dtype))
        total = np.zeros((together, 2))
        for t in range(1, burn_in + looks * spacing + 1):
            gradients = _minibatches(task, generator.integers(0, n, (together, task.batch)))
            v, state = step(gradients, state)
            if t > burn_in and (t - burn_in) % spacing == 0:
                keys = jax.random.split(jax.random.fold_in(part_key, t), together)
                total += [_products(task, v[c], False, keys[c]) for c in range(together)]
        averages.append(total / looks)
    return _one_step(np.concatenate(averages))


def _one_step(products: np.ndarray, exact: bool = False) -> OneStep:
    """From (VᵀG, VᵀHV) of each draw (m, 2); those of all samples have no error."""
    mean = products.mean(0)
    deviation = products - mean
    scale = 0.0 if exact else widened(len(products)) ** 2
    moments = Moments(
        len(products), mean, scale * deviation.T @ deviation, (scale * deviation**2).max(0)
    )
    spans = 2 * np.abs(mean) * (not exact)
    return one_step_from(moments, (float(spans[0]), float(spans[1])))


def _generator(key) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.bits(key, (4,), np.uint32)))

"""One optimizer step of a network, measured with real minibatches.

The law under test needs Gaussian, independent gradients and knows the loss only to second order.
Here nothing of that is assumed: minibatches are drawn from the population with replacement and the
rule is applied to their mean gradients.  Two optima come out:

* second order, ε* = E[V]ᵀG / E[VᵀHV], numerator and denominator from draws of their own;
* by line search, the ε of the largest mean decrease of the loss itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from sim import measure
from sim.estimate import Estimate, Moments, chunk_moments, mean_estimate, merged, propagate
from sim.measure import Logits, Population
from sim.optimum import Optimum, optimum
from sim.rules import first_direction, make_rule

ROWS = 256  # minibatches drawn at once
BLOCK = 64  # samples over which one direction's curvature is estimated


class Point(NamedTuple):
    """A network at parameters θ: its population, per-sample gradients C (n, d) and mean G (d,)."""

    logits: Logits
    theta: Array
    population: Population
    gradients: Array
    mean: Array


class NetworkStep(NamedTuple):
    """`lr_star`, `decrease` (nats), `numerator` E[V]ᵀG and `denominator` E[VᵀHV] of one step."""

    lr_star: Estimate
    decrease: Estimate
    numerator: Estimate
    denominator: Estimate


def at_point(logits: Logits, theta, population: Population) -> Point:
    """The network at θ with its per-sample gradients."""
    gradients = measure.per_sample_gradients(logits, theta, population)
    return Point(logits, theta, population, gradients, gradients.mean(0))


def direction(rule: str, gradient):
    """V of a rule without memory, for each row of batch gradients (m, d)."""
    made = make_rule(rule)
    if made.burn_in != 0:
        raise ValueError(f"rule {rule!r} has a memory: single minibatches do not show its step")
    return first_direction(made, gradient)


def minibatch_step(rule: str, point: Point, *, batch: int, resolution: float, limit: int, key):
    """`NetworkStep` of `rule` with minibatches of `batch` samples.

    At batch 1 all n minibatches are enumerated and the result is exact (sem 0).  Otherwise a pilot
    of 256 minibatches, then discarded, says how many bring numerator and denominator each to the
    relative standard error `resolution`, up to `limit`.
    """
    if batch == 1:
        return _enumerated(rule, point)
    keys = jax.random.split(key, 4)
    pilot_num = _numerators(rule, point, batch, 1, keys[0])
    pilot_den = _denominators(rule, point, batch, 1, keys[1])
    num, den = (
        run(rule, point, batch, _chunks_for(resolution, pilot, limit), part_key)
        for run, pilot, part_key in (
            (_numerators, pilot_num, keys[2]),
            (_denominators, pilot_den, keys[3]),
        )
    )
    return _step(num, den)


def _step(num: Estimate, den: Estimate) -> NetworkStep:
    ratio, parts = num.mean / den.mean, (num, den)
    return NetworkStep(
        propagate(lambda m: m[0] / m[1], np.array([1 / den.mean, -ratio / den.mean]), parts),
        propagate(lambda m: 0.5 * m[0] ** 2 / m[1], np.array([ratio, -0.5 * ratio**2]), parts),
        num,
        den,
    )


def _enumerated(rule: str, point: Point) -> NetworkStep:
    v = direction(rule, point.gradients)
    curvature = measure.quadratic_forms(point.logits, point.theta, point.population, v)
    n = point.population.size
    means = (float((v @ point.mean).mean()), float(curvature.mean()))
    return _step(*(Estimate(mean, 0.0, n) for mean in means))


def _chunks_for(resolution: float, pilot: Estimate, limit: int) -> int:
    """Chunks of minibatches that bring the relative standard error to `resolution`."""
    if pilot.mean == 0:
        return -(-limit // ROWS)
    needed = pilot.n * (pilot.sem / (resolution * abs(pilot.mean))) ** 2
    return int(np.ceil(np.clip(needed, ROWS, limit) / ROWS))


def _numerators(rule: str, point: Point, batch: int, chunks: int, key) -> Estimate:
    """E[VᵀG]."""
    values = (
        jnp.matmul(
            direction(
                rule, measure.minibatch_gradients(point.gradients, k, batch=batch, rows=ROWS)
            ),
            point.mean,
            precision=jax.lax.Precision.HIGHEST,
        )
        for k in jax.random.split(key, chunks)
    )
    return _estimate(merged(ROWS, (chunk_moments(v[:, None]) for v in values)))


def _denominators(rule: str, point: Point, batch: int, chunks: int, key) -> Estimate:
    """E[VᵀHV], each direction's curvature over a random block of the population."""

    def values(chunk_key):
        draw_key, block_key = jax.random.split(chunk_key)
        v = direction(
            rule, measure.minibatch_gradients(point.gradients, draw_key, batch=batch, rows=ROWS)
        )
        return measure.sampled_quadratic_forms(
            point.logits, point.theta, point.population, v, block_key, size=_block(point)
        )

    drawn = (values(k)[:, None] for k in jax.random.split(key, chunks))
    return _estimate(merged(ROWS, map(chunk_moments, drawn)))


def _estimate(moments: Moments) -> Estimate:
    return mean_estimate(moments, 0, span=2.0 * abs(float(moments.mean[0])))


def _block(point: Point) -> int:
    return min(BLOCK, point.population.size)


def line_search(
    rule: str, point: Point, *, batch: int, lrs, draws: int, slope: Estimate, key, seed: int
) -> Optimum:
    """The ε (of the grid `lrs`) with the largest mean decrease of the population's loss itself.

    The decrease is ε E[V]ᵀG less what the linear term leaves; `slope` is E[V]ᵀG, measured with
    draws of its own.  Common random numbers over ε.  Raises EdgeOptimum.
    """
    draw_key, block_key = jax.random.split(key)
    gradients = measure.minibatch_gradients(point.gradients, draw_key, batch=batch, rows=draws)
    remainders = measure.remainders_along(
        point.logits,
        point.theta,
        point.population,
        direction(rule, gradients),
        jnp.asarray(lrs, point.theta.dtype),
        block_key,
        size=_block(point),
    )
    return optimum(lrs, np.asarray(remainders, np.float64), slope=slope, seed=seed)

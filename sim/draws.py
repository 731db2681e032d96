"""Draws of VᵀG and VᵀHV, from single steps and from chains of steps at a frozen gradient.

θ does not move: what a rule's state sees are draws of the batch gradient at one point.  A pair of
draws, or of whole chains, sees opposite noise where the noise's law is symmetric, and is averaged:
the part of VᵀG that is odd in the noise cancels, and its variance falls.  Where the law is skewed
there are single draws and chains instead.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim import quadratic as q
from sim.rules import UpdateRule, first_direction


class Course(NamedTuple):
    """Which steps of a chain are measured: `looks` of them, `spacing` apart, after `burn_in`."""

    burn_in: int
    spacing: int
    looks: int


def _batch_gradients(problem, key, rows: int, batch, average: bool):
    """Batch gradients (p, rows, d), p = 2 opposite ones, or p = 1 where the noise is skewed."""
    draw = q.averaged_noise if average else q.draw_noise_mean
    noise = draw(problem, key, rows, batch)
    both = jnp.stack([noise, -noise]) if q.family(problem.family).symmetric else noise[None]
    return q.gradient(problem) + both


def _products(problem, v):
    """VᵀG and VᵀHV as (rows, 2) of directions v (p, rows, d), averaged over p."""
    slope = jnp.matmul(v, q.gradient(problem), precision=q.HIGHEST)
    return jnp.stack([slope, q.quadratic_form(problem.hessian, v)], axis=-1).mean(0)


def draw_products(problem, rule: UpdateRule, key, rows: int, batch, average: bool):
    """VᵀG and VᵀHV of `rows` draws of a rule without memory, as (rows, 2)."""
    gradients = _batch_gradients(problem, key, rows, batch, average)
    return _products(problem, first_direction(rule, gradients))


def chain_products(problem, rule: UpdateRule, key, rows: int, batch, average: bool, course: Course):
    """VᵀG and VᵀHV of `rows` chains, each averaged over the steps that are measured: (rows, 2).

    The numbers of the course may be traced: one compiled program serves all of them.
    """

    def step(t, state):
        gradients = _batch_gradients(problem, jax.random.fold_in(key, t), rows, batch, average)
        return rule.transform.update(gradients, state)

    def advance(t, state):
        return step(t, state)[1]

    def look(i, carry):
        state, total = carry
        last = course.burn_in + (i + 1) * course.spacing - 1
        state = jax.lax.fori_loop(last - course.spacing + 1, last, advance, state)
        v, state = step(last, state)
        return state, total + _products(problem, v)

    start = jax.eval_shape(lambda: _batch_gradients(problem, key, rows, batch, average))
    state = rule.transform.init(jnp.zeros(start.shape, start.dtype))
    state = jax.lax.fori_loop(0, course.burn_in, advance, state)
    total = jnp.zeros((rows, 2), start.dtype)
    _, total = jax.lax.fori_loop(0, course.looks, look, (state, total))
    return total / course.looks

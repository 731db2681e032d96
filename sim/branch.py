"""Where runs stand when their mean loss reaches a target: starts from which other runs branch off.

The seed paper's protocol: train at one batch size and learning rate to a loss, then ask which
learning rate is best from there, at every batch size.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim import quadratic as q
from sim.families import FAMILIES
from sim.rules import identified, make_rule
from sim.trajectory import run_grid


class Branch(NamedTuple):
    """θ of every seed (s, d) after `step` steps, the first at which the mean loss is at most the
    target; the mean `loss` there."""

    theta_sd: np.ndarray
    step: int
    loss: float


def at_target(
    rule: str, problem: q.Quadratic, *, batch: float, lr: float, target: float, steps: int,
    seeds: int, key, **parameters,
) -> Branch:  # fmt: skip
    """The runs of a `run_grid` cell of these arguments, where their mean loss reaches `target`.

    target: a loss; steps: the most that may be taken.  Raises ValueError where it is not reached.
    """
    grid = run_grid(
        rule, problem, batches=[batch], lrs=[lr], steps=[steps], targets=[target],
        seeds=seeds, groups=seeds, key=key, **parameters,
    )  # fmt: skip
    passage = float(grid.passage_berm[0, 0, 0, 0])
    if not np.isfinite(passage):
        raise ValueError(f"{rule} does not reach a loss of {target:g} in {steps} steps")
    step = int(np.ceil(passage))
    ready = q.with_noise_factor(q.validated(problem))
    theta = _walk(
        ready, jnp.asarray(batch, ready.theta.dtype), jnp.asarray(lr, ready.theta.dtype), step, key,
        rule=identified(rule, parameters), seeds=seeds,
    )  # fmt: skip
    loss = 0.5 * float(q.quadratic_form(ready.hessian, theta).mean())
    return Branch(np.asarray(theta), step, loss)


@partial(jax.jit, static_argnames=("rule", "seeds"))
def _walk(problem, batch, lr, step, key, *, rule, seeds: int):
    """θ (s, d) after `step` steps, with the random numbers of `run_grid`."""
    transform = make_rule(rule[0], **dict(rule[1:])).transform

    def noise(t):
        here = jax.random.fold_in(key, t)
        if q.family(problem.family) == FAMILIES["gaussian"]:
            return q.draw_noise(problem, here, seeds) / jnp.sqrt(batch)
        return q.draw_noise_mean(problem, here, seeds, batch)

    def advance(t, carry):
        theta, state = carry
        direction, state = transform.update(q.matvec(problem.hessian, theta) + noise(t), state)
        return theta - lr * direction, state

    theta = jnp.broadcast_to(problem.theta, (seeds, problem.theta.size))
    return jax.lax.fori_loop(0, step, advance, (theta, transform.init(theta)))[0]

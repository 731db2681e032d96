"""Training to target losses: the checkpoints at which a network is measured."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from sim.measure import Logits, Population, mean_loss

STEPS_BETWEEN_LOOKS = 10


class Checkpoint(NamedTuple):
    """Parameters θ (d,) after `steps` steps, where the population's loss is `loss` (nats)."""

    theta: Array
    steps: int
    loss: float


class TargetNotReached(Exception):
    """Training ended before the loss fell to its target."""


@partial(jax.jit, static_argnames=("logits", "batch", "lr"))
def _some_steps(logits: Logits, theta, state, population, key, *, batch: int, lr: float):
    adam = optax.adam(lr)

    def step(carry, step_key):
        theta, state = carry
        chosen = jax.random.randint(step_key, (batch,), 0, population.size)
        minibatch = Population(population.inputs[chosen], population.labels[chosen])
        gradient = jax.grad(mean_loss, argnums=1)(logits, theta, minibatch)
        update, state = adam.update(gradient, state)
        return (theta + update, state), None

    keys = jax.random.split(key, STEPS_BETWEEN_LOOKS)
    (theta, state), _ = jax.lax.scan(step, (theta, state), keys)
    return theta, state, mean_loss(logits, theta, population)


def train_to(
    logits: Logits,
    theta,
    population: Population,
    targets: Sequence[float],
    *,
    batch: int,
    lr: float,
    max_steps: int,
    key,
) -> list[Checkpoint]:
    """Checkpoints of Adam (β 0.9, 0.999) when the population's loss first is at most each target.

    `targets` decrease; the loss is looked at before the first and after every 10 steps.  Raises
    TargetNotReached after `max_steps`.
    """
    state = optax.adam(lr).init(theta)
    steps, loss = 0, float(mean_loss(logits, theta, population))
    reached: list[Checkpoint] = []
    for target in targets:
        while not loss <= target:
            if steps >= max_steps:
                raise TargetNotReached(f"loss {loss:.4g} after {steps} steps, target {target:g}")
            theta, state, seen = _some_steps(
                logits, theta, state, population, jax.random.fold_in(key, steps), batch=batch, lr=lr
            )
            steps, loss = steps + STEPS_BETWEEN_LOOKS, float(seen)
        reached.append(Checkpoint(jnp.asarray(theta), steps, loss))
    return reached

"""Runs whose rule has seen the start's gradients for long: what K steps from there on lose.

The rule rests at θ₀ until its averages are stationary (`UpdateRule.burn_in` steps of ε = 0, the
gradient's mean frozen), then takes K steps with a constant ε.  With K = 1 it is the one step that
laws with momentum are about; with K → ∞ a run.  Random numbers are common to all batch sizes and
learning rates, as in `trajectory`.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from sim import quadratic as q
from sim.rules import identified, make_rule
from sim.trajectory import _check, _noise, _replicates


def run_warm(
    rule: str,
    problem: q.Quadratic,
    *,
    batches: Sequence[float],
    lrs: Sequence[float],
    steps: Sequence[int],
    seeds: int = 32,
    groups: int = 8,
    key,
    **parameters,
) -> np.ndarray:
    """Mean loss (b, e, 1 + groups, k) after each of `steps`; replicate 0 has all seeds, 1 … leaves
    one group out.  ValueError for what is malformed, or a rule without a stationary state."""
    name = identified(rule, parameters)
    rest = make_rule(rule, **parameters).burn_in
    if rest is None:
        raise ValueError(f"{rule} has no stationary state")
    _check(batches, lrs, steps, (), seeds, groups)
    ready = q.with_noise_factor(q.validated(problem))
    dtype = ready.theta.dtype
    losses = [
        _of_batch(
            ready, jnp.asarray([batch], dtype), jnp.asarray(lrs, dtype), jnp.asarray(steps), key,
            rule=name, rest=rest, seeds=seeds, groups=groups,
        )
        for batch in batches
    ]  # fmt: skip
    return np.asarray(losses, np.float64)


@partial(jax.jit, static_argnames=("rule", "rest", "seeds", "groups"))
def _of_batch(problem, batch_1, lr_e, steps_k, key, *, rule, rest: int, seeds: int, groups: int):
    """Losses (e, r, k) at one batch size."""
    transform = make_rule(rule[0], **dict(rule[1:])).transform
    before, after = jax.random.split(key)
    theta = jnp.broadcast_to(problem.theta, (1, seeds, problem.theta.size))
    still = q.matvec(problem.hessian, theta)

    def wait(t, state):
        noise = _noise(problem, jax.random.fold_in(before, t), seeds, batch_1)
        return transform.update(still + noise, state)[1]

    state = jax.lax.fori_loop(0, rest, wait, transform.init(theta))
    state = jax.tree.map(lambda x: _spread(x, lr_e.size, theta.ndim), state)
    theta = jnp.repeat(theta, lr_e.size, 0)

    def advance(t, carry):
        theta, state = carry
        noise = _noise(problem, jax.random.fold_in(after, t), seeds, batch_1)
        gradient = q.matvec(problem.hessian, theta) + noise
        direction, state = transform.update(gradient, state)
        return theta - lr_e[:, None, None] * direction, state

    def segment(carry, ends):
        carry = jax.lax.fori_loop(ends[0], ends[1], advance, carry)
        return carry, _replicates(0.5 * q.quadratic_form(problem.hessian, carry[0]), groups)

    begins = jnp.concatenate([jnp.zeros(1, steps_k.dtype), steps_k[:-1]])
    _, loss_ker = jax.lax.scan(segment, (theta, state), (begins, steps_k))
    return jnp.moveaxis(loss_ker, 0, -1)


def _spread(leaf, count: int, ndim: int):
    """A state's array (1, s, d) once per learning rate; counters stay as they are."""
    return jnp.repeat(leaf, count, 0) if jnp.ndim(leaf) == ndim else leaf

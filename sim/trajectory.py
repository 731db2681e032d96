"""Whole runs on a quadratic over a grid of batch sizes, learning rates and seeds.

θ ← θ − ε(V + λθ), and the loss is ½ θᵀHθ.  All cells of a grid see the same random numbers, seed by
seed and step by step (scaled by 1/√B where the noise is Gaussian), so that what is compared is
learning rates and not their luck.  Kept are the mean loss over seeds at chosen steps, and the step
at which that mean first falls to each target, interpolated between steps.  Both are kept for all
seeds and, one group of seeds left out in turn, for the jackknife: whatever is computed from them
has a standard error.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim import quadratic as q
from sim.families import FAMILIES
from sim.rules import identified, make_rule

CHUNK_FLOATS = 2**20  # coordinates of all runs that go at once
LARGEST = 1e6  # times its start: a mean loss beyond has diverged


class Grid(NamedTuple):
    """What the runs did; replicate r = 0 has all seeds, r = 1 … leaves one group out.

    loss_berk: mean loss at the chosen steps; passage_berm: steps until the mean loss first falls
    to each target (0 if it starts there, inf if it never does); diverged_be: whether the mean loss
    left every bound.
    """

    loss_berk: np.ndarray
    passage_berm: np.ndarray
    diverged_be: np.ndarray


def run_grid(
    rule: str,
    problem: q.Quadratic,
    *,
    batches: Sequence[float],
    lrs: Sequence[float],
    steps: Sequence[int],
    targets: Sequence[float] = (),
    seeds: int = 32,
    groups: int = 8,
    weight_decay: float = 0.0,
    start=None,
    key,
    **parameters,
) -> Grid:
    """Runs of `rule` from `problem.theta` with constant learning rates, to the last of `steps`.

    batches, lrs: positive; steps: increasing, at which losses are kept; targets: losses; seeds: a
    multiple of `groups`; weight_decay: λ, decoupled (AdamW is adam with it); start: (seeds, d), one
    θ per seed in place of the problem's, the rule's state being new.  Memory is bounded by chunks
    of cells; the result does not depend on how cells are chunked, up to rounding.  Raises
    ValueError for what is malformed.
    """
    name = identified(rule, parameters)
    _check(batches, lrs, steps, targets, seeds, groups)
    ready = q.with_noise_factor(q.validated(problem))
    begin = _begin(ready, seeds, start, weight_decay)
    dtype, d = ready.theta.dtype, ready.theta.size
    batch_p, lr_p = (np.ravel(grid) for grid in np.meshgrid(batches, lrs, indexing="ij"))
    width = max(1, min(CHUNK_FLOATS // (seeds * d), batch_p.size))
    parts = []
    for start in range(0, batch_p.size, width):
        # the last chunk is filled up with its last cell: one compiled program serves all
        cells = np.minimum(np.arange(start, start + width), batch_p.size - 1)
        part = _chunk(
            ready, jnp.asarray(batch_p[cells], dtype), jnp.asarray(lr_p[cells], dtype),
            jnp.asarray(steps), jnp.asarray(targets, dtype), begin, weight_decay, key,
            rule=name, seeds=seeds, groups=groups,
        )  # fmt: skip
        parts.append([np.asarray(x, np.float64) for x in part])
    shape = (len(batches), len(lrs), groups + 1)
    loss, passage = (
        np.concatenate(part)[: batch_p.size].reshape(*shape, -1)
        for part in zip(*parts, strict=True)
    )
    bound = LARGEST * 0.5 * float(q.quadratic_form(ready.hessian, begin).mean())
    return Grid(loss, passage, ~(np.abs(loss[:, :, 0, -1]) < bound))


@partial(jax.jit, static_argnames=("rule", "seeds", "groups"))
def _chunk(
    problem,
    batch_p,
    lr_p,
    steps_k,
    targets_m,
    start_sd,
    decay,
    key,
    *,
    rule,
    seeds: int,
    groups: int,
):
    """Losses (p, r, k) and passages (p, r, m) of the cells p."""
    transform = make_rule(rule[0], **dict(rule[1:])).transform

    def advance(t, carry):
        theta, curved, state, loss, passage = carry
        gradient = curved + _noise(problem, jax.random.fold_in(key, t), seeds, batch_p)
        direction, state = transform.update(gradient, state)
        theta = theta - lr_p[:, None, None] * (direction + decay * theta)
        curved = q.matvec(problem.hessian, theta)
        earlier, loss = loss, _replicates(0.5 * (curved * theta).sum(-1), groups)
        return theta, curved, state, loss, _passed(passage, t, earlier, loss, targets_m)

    def segment(carry, ends):
        begin, end = ends
        carry = jax.lax.fori_loop(begin, end, advance, carry)
        return carry, carry[3]

    theta = jnp.broadcast_to(start_sd, (batch_p.size, *start_sd.shape))
    curved = q.matvec(problem.hessian, theta)
    loss = _replicates(0.5 * (curved * theta).sum(-1), groups)
    passage = jnp.where(loss[..., None] <= targets_m, 0, jnp.inf).astype(theta.dtype)
    begins = jnp.concatenate([jnp.zeros(1, steps_k.dtype), steps_k[:-1]])
    carry = (theta, curved, transform.init(theta), loss, passage)
    carry, loss_kpr = jax.lax.scan(segment, carry, (begins, steps_k))
    return jnp.moveaxis(loss_kpr, 0, -1), carry[4]


def _begin(problem, seeds: int, start, weight_decay: float):
    """θ of every seed at step 0, (s, d)."""
    if not (np.isfinite(weight_decay) and weight_decay >= 0):
        raise ValueError(f"weight_decay must be finite and not negative, not {weight_decay}")
    d, dtype = problem.theta.size, problem.theta.dtype
    if start is None:
        return jnp.broadcast_to(problem.theta, (seeds, d))
    begin = jnp.asarray(start, dtype)
    if begin.shape != (seeds, d) or not bool(jnp.isfinite(begin).all()):
        raise ValueError(f"start must be finite and of shape ({seeds}, {d}), not {begin.shape}")
    return begin


def _noise(problem, key, seeds: int, batch_p):
    """Noise of batch means (p, s, d), or one that broadcasts to it."""
    if q.family(problem.family) == FAMILIES["gaussian"]:
        return q.draw_noise(problem, key, seeds) / jnp.sqrt(batch_p)[:, None, None]
    return jax.vmap(lambda batch: q.draw_noise_mean(problem, key, seeds, batch))(batch_p)


def _replicates(loss_ps, groups: int):
    """Mean over all seeds, and over all but each group in turn, (p, 1 + groups)."""
    group = loss_ps.reshape(loss_ps.shape[0], groups, -1).mean(-1)
    whole = group.mean(-1, keepdims=True)
    return jnp.concatenate([whole, (groups * whole - group) / (groups - 1)], axis=-1)


def _passed(passage, t, earlier, loss, targets_m):
    """First passages, where step t + 1 brought the loss from `earlier` to `loss`."""
    fell = jnp.log(earlier)[..., None] - jnp.log(loss)[..., None]
    share = (jnp.log(earlier)[..., None] - jnp.log(targets_m)) / fell
    now = (loss[..., None] <= targets_m) & jnp.isinf(passage)
    return jnp.where(now, t + share, passage)


def _check(batches, lrs, steps, targets, seeds, groups) -> None:
    for what, values in (("batches", batches), ("lrs", lrs), ("steps", steps)):
        array = np.asarray(values, float)
        if array.ndim != 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
            raise ValueError(f"{what} must be one or more finite numbers above 0")
    aims = np.asarray(targets, float)
    if aims.ndim != 1 or not (np.isfinite(aims) & (aims > 0)).all():
        raise ValueError("targets must be finite numbers above 0")
    if any(step != int(step) for step in steps) or (np.diff(steps) <= 0).any():
        raise ValueError("steps must be whole numbers that increase")
    if groups < 2 or seeds < groups or seeds % groups:
        raise ValueError(f"seeds must be a multiple of groups ≥ 2, not {seeds} of {groups}")

"""Runs that branch off from one fixed checkpoint, and training to checkpoints.

Every learning rate then starts at the same point of the same curvature, unlike in the seed paper's
protocol, where each has arrived at the target loss somewhere else.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim.descent import Data, Losses, Place, check_whole, fresh, methodical, travel
from sim.lanes import groups, over_groups
from sim.train import TargetNotReached
from sim.train_grid import cells, check_cells
from sim.train_runs import FIXED, begin, checked_ladder, run_to, streams


class BranchGrid(NamedTuple):
    """The evaluation loss at the checkpoint, and after K steps for learning rates e and seeds s."""

    before: float
    after_es: np.ndarray


class Reached(NamedTuple):
    """The place of the first look at or below a target, the loss there, and the step at which the
    loss crossed the target, interpolated."""

    place: Place
    loss: float
    steps: float


def branch_from(
    losses: Losses,
    params,
    data: Data,
    *,
    rule: str,
    batch: int,
    lrs: Sequence[float],
    seeds: Sequence[int],
    further: int,
    key,
    state=None,
    at_once: int = 1,
    threads: int = 1,
    chunk: int = 64,
    **parameters,
) -> BranchGrid:
    """K = `further` steps of `rule` from `params`, for every learning rate and seed.

    state: the rule's, as `train_to_checkpoints` gives it; without it the rule has no memory.  All
    learning rates of a seed share their minibatches.  The rest as for `train_grid`.
    """
    method = methodical(losses, rule, batch, chunk, parameters)
    check_cells(data, lrs, seeds, at_once, threads)
    check_whole("further", further, 1)
    fixed = fresh(method.rule, params) if state is None else Place(params, state)
    lr_p, round_p = cells(lrs, seeds, key)
    run = partial(travel, method, data)

    def after(group: np.ndarray, steps: int = further) -> np.ndarray:
        lr_c, key_c = jnp.asarray(lr_p[group]), streams(round_p[group], FIXED)
        place = jax.tree.map(lambda x: jnp.broadcast_to(x, (group.size, *jnp.shape(x))), fixed)
        return np.asarray(run(place, lr_c, key_c, (0, steps))[1])

    before = float(after(next(groups(lr_p.size, at_once)), 0)[0])
    after_p = np.concatenate(over_groups(after, lr_p.size, at_once, threads))[: lr_p.size]
    return BranchGrid(before, after_p.reshape(len(lrs), len(seeds)))


def train_to_checkpoints(
    losses: Losses,
    init: Callable[[Any], Any],
    data: Data,
    *,
    rule: str,
    batch: int,
    lr: float,
    seed: int,
    targets: Sequence[float],
    max_steps: int,
    key,
    growth: float = 0.04,
    gap: int = 1,
    chunk: int = 64,
    **parameters,
) -> list[Reached]:
    """Where the run of `train_grid` with these arguments first is at or below each target.

    Raises ValueError as `train_grid` does, TargetNotReached where a target is not reached.
    """
    method = methodical(losses, rule, batch, chunk, parameters)
    check_cells(data, [lr], [seed], 1)
    aims, ladder = checked_ladder(targets, max_steps, growth, gap)
    lr_c, key_c = cells([lr], [seed], key)
    place = begin(key_c, init=init, rule=method.rule)
    record = run_to(partial(travel, method, data), place, jnp.asarray(lr_c), key_c, aims, ladder)
    if np.isinf(record.steps_ck).any():
        loss, steps = record.loss_c[0], record.taken_c[0]
        raise TargetNotReached(f"loss {loss:.4g} after {steps} steps, target {aims[-1]:g}")
    return [
        Reached(jax.tree.map(lambda x: x[0], kept), float(loss), float(steps))
        for kept, loss, steps in zip(
            record.places_k, record.before_ck[0], record.steps_ck[0], strict=True
        )
    ]

"""Runs of training that advance together from look to look until all of them are over."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim.crossings import crossing, next_look
from sim.descent import Place, check_whole, fresh

LARGEST = 1e6  # times its start: a loss beyond has diverged
START, RUN, BRANCH, FIXED = range(4)  # what a round's key is folded with

Travel = Callable[..., tuple[Place, Any]]


class Ladder(NamedTuple):
    """Looks: every `growth` of the steps so far, but no fewer steps than `gap`; `last` in all."""

    growth: float
    gap: int
    last: int


class Record(NamedTuple):
    """What is known of runs c: per target k the crossing, and the loss and the place of the first
    look at or below it; per run the last look's loss and step, and whether the run has diverged
    and is over."""

    steps_ck: np.ndarray
    before_ck: np.ndarray
    places_k: list[Place]
    loss_c: np.ndarray
    taken_c: np.ndarray
    diverged_c: np.ndarray
    over_c: np.ndarray


def checked_ladder(targets, max_steps, growth, gap) -> tuple[np.ndarray, Ladder]:
    """Targets as an array, and the ladder; ValueError where one is malformed."""
    aims = np.asarray(targets, float)
    if aims.ndim != 1 or not aims.size or not (np.isfinite(aims) & (aims > 0)).all():
        raise ValueError("targets must be one or more finite numbers above 0")
    if (np.diff(aims) >= 0).any():
        raise ValueError("targets must decrease")
    if not (np.isfinite(growth) and growth >= 0):
        raise ValueError(f"growth must be finite and not negative, not {growth}")
    check_whole("max_steps", max_steps, 1)
    check_whole("gap", gap, 1)
    return aims, Ladder(growth, gap, max_steps)


@partial(jax.jit, static_argnames=("init", "rule"))
def begin(key_c, *, init, rule: tuple) -> Place:
    """Runs c at their start, of rounds with the keys `key_c`."""
    return jax.vmap(lambda key: fresh(rule, init(jax.random.fold_in(key, START))))(key_c)


@jax.jit
def streams(key_c, *indices):
    """Keys of the rounds, folded with each index in turn."""
    for index in indices:
        key_c = jax.vmap(lambda key, index=index: jax.random.fold_in(key, index))(key_c)
    return key_c


def run_to(run: Travel, place: Place, lr_c, key_c, targets, ladder: Ladder) -> Record:
    """Runs c from `place` until every one has reached the last of the targets (k,), diverged, or
    taken all steps."""
    stream = streams(key_c, RUN)
    _, loss = run(place, lr_c, stream, (0, 0))
    record = _first(place, np.asarray(loss, float), targets)
    bound_c, t = LARGEST * record.loss_c, 0
    while t < ladder.last and not record.over_c.all():
        span = t, next_look(t, ladder.growth, ladder.gap, ladder.last)
        place, loss = run(place, lr_c, stream, span)
        record, t = _seen(record, place, np.asarray(loss, float), span, targets, bound_c), span[1]
    return record


def _first(place: Place, loss_c, targets) -> Record:
    """The record after the look at the start."""
    reached_ck = loss_c[:, None] <= targets
    diverged_c = ~np.isfinite(loss_c)
    return Record(
        np.where(reached_ck, 0.0, np.inf),
        np.where(reached_ck, loss_c[:, None], np.nan),
        [place] * targets.size,
        loss_c,
        np.zeros(loss_c.shape, int),
        diverged_c,
        diverged_c | reached_ck[:, -1],
    )


def _seen(record: Record, place: Place, loss_c, span, targets, bound_c) -> Record:
    """The record after another look; that of a run that is over stays as it is."""
    on_c = ~record.over_c
    now_ck = np.isnan(record.before_ck) & (loss_c[:, None] <= targets) & on_c[:, None]
    steps_ck, before_ck = record.steps_ck.copy(), record.before_ck.copy()
    for c, k in np.argwhere(now_ck):
        steps_ck[c, k] = crossing(span, record.loss_c[c], loss_c[c], targets[k])
        before_ck[c, k] = loss_c[c]
    diverged_c = on_c & ~(loss_c < bound_c)
    return Record(
        steps_ck,
        before_ck,
        [
            _chosen(now_c, place, kept) if now_c.any() else kept
            for now_c, kept in zip(now_ck.T, record.places_k, strict=True)
        ],
        np.where(on_c, loss_c, record.loss_c),
        np.where(on_c, span[1], record.taken_c),
        record.diverged_c | diverged_c,
        record.over_c | diverged_c | (loss_c <= targets[-1]),
    )


@jax.jit
def _chosen(now_c, new: Place, old: Place) -> Place:
    def choose(x, y):
        return jnp.where(now_c.reshape(-1, *(1,) * (x.ndim - 1)), x, y)

    return jax.tree.map(choose, new, old)


def branches(run: Travel, record: Record, lr_c, key_c, further: int):
    """The losses (c, k) K steps after the looks that first were at or below the targets."""
    after_ck = np.full_like(record.before_ck, np.nan)
    for k, place in enumerate(record.places_k):
        reached_c = ~np.isnan(record.before_ck[:, k])
        if reached_c.any():
            _, loss = run(place, lr_c, streams(key_c, BRANCH, k), (0, further))
            after_ck[:, k] = np.where(reached_c, loss, np.nan)
    return after_ck

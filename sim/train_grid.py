"""Training a network over learning rates and seeds at one batch size, to several target losses.

Every run has a constant learning rate ε.  Runs of one seed share their random numbers: the same
initial parameters and, step by step, the same minibatches for all ε, so that what is compared is
learning rates and not their luck.  A run is looked at on the ladder of `crossings`.  From the first
look at or below a target K further steps branch off, with the same ε and B and with minibatches
that all ε share; the run itself goes on undisturbed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim.crossings import crossing, next_look
from sim.descent import Data, Losses, Method, Place, check_whole, fresh, methodical, travel
from sim.lanes import groups

LARGEST = 1e6  # times its start: a loss beyond has diverged
START, RUN, BRANCH = range(3)  # what a round's key is folded with


class TrainGrid(NamedTuple):
    """What runs did, over learning rates e, seeds s and targets k; losses are evaluation losses.

    steps_esk: steps until the loss first falls to the target, interpolated between looks (0 if it
    starts there, inf if it never does); before_esk: the loss at the first look at or below the
    target; after_esk: the loss K steps later (both NaN if there is no such look); loss_es and
    taken_es: the loss at the last look and the steps until then; diverged_es: whether it was not
    finite or beyond all bounds.
    """

    steps_esk: np.ndarray
    before_esk: np.ndarray
    after_esk: np.ndarray
    loss_es: np.ndarray
    taken_es: np.ndarray
    diverged_es: np.ndarray


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


def train_grid(
    losses: Losses,
    init: Callable[[Any], Any],
    data: Data,
    *,
    rule: str,
    batch: int,
    lrs: Sequence[float],
    seeds: Sequence[int],
    targets: Sequence[float],
    further: int,
    max_steps: int,
    key,
    growth: float = 0.04,
    gap: int = 1,
    at_once: int = 1,
    **parameters,
) -> TrainGrid:
    """Runs of `rule` from `init(key)` for every learning rate and seed, at one batch size.

    losses(params, inputs, labels) → (n, …), params any pytree of floats; seeds: numbers of rounds,
    each with random numbers of its own whatever others are there; targets: decreasing losses; a
    run ends at the last of them, after `max_steps`, or where it diverges; further: K; growth, gap:
    a look comes max(gap, growth·t) steps after the one at step t; at_once: cells that go together,
    1 on a CPU, as many as memory holds on a GPU.  Same arguments, same result; at_once changes
    rounding only.  One compilation serves a batch size.  Raises ValueError for what is malformed.
    """
    method = methodical(losses, rule, batch, parameters)
    check_cells(data, lrs, seeds, at_once)
    _check_run(targets, further, max_steps, growth, gap)
    ladder = Ladder(growth, gap, max_steps)
    lr_p, round_p = cells(lrs, seeds, key)
    parts = []
    for group in groups(lr_p.size, at_once):
        lr_c, key_c = jnp.asarray(lr_p[group]), round_p[group]
        place = _begin(key_c, init=init, method=method)
        run = partial(travel, method, data)
        record = _run(run, place, lr_c, key_c, np.asarray(targets, float), ladder)
        after_ck = _branches(run, record, lr_c, key_c, further)
        parts.append((*record[:2], after_ck, *record[3:6]))
    shape = (len(lrs), len(seeds))
    whole = (np.concatenate(part)[: lr_p.size] for part in zip(*parts, strict=True))
    return TrainGrid(*(part.reshape(*shape, *part.shape[1:]) for part in whole))


def cells(lrs, seeds, key):
    """ε and the round's key of every cell p = (e, s)."""
    lr_p = np.repeat(np.asarray(lrs, np.float32), len(seeds))
    seed_p = jnp.asarray(np.tile(np.asarray(seeds, np.uint32), len(lrs)))
    return lr_p, jax.vmap(lambda seed: jax.random.fold_in(key, seed))(seed_p)


@partial(jax.jit, static_argnames=("init", "method"))
def _begin(key_c, *, init, method: Method) -> Place:
    return jax.vmap(lambda key: fresh(method, init(jax.random.fold_in(key, START))))(key_c)


@jax.jit
def _stream(key_c, *indices):
    """Keys of the rounds, folded with each index in turn."""
    for index in indices:
        key_c = jax.vmap(lambda key, index=index: jax.random.fold_in(key, index))(key_c)
    return key_c


def _run(run, place: Place, lr_c, key_c, targets, ladder: Ladder) -> Record:
    """Runs that advance together until all are over."""
    stream = _stream(key_c, RUN)
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


def _branches(run, record: Record, lr_c, key_c, further: int):
    """The losses (c, k) K steps after the looks that first were at or below the targets."""
    after_ck = np.full_like(record.before_ck, np.nan)
    for k, place in enumerate(record.places_k):
        reached_c = ~np.isnan(record.before_ck[:, k])
        if reached_c.any():
            _, loss = run(place, lr_c, _stream(key_c, BRANCH, k), (0, further))
            after_ck[:, k] = np.where(reached_c, loss, np.nan)
    return after_ck


def check_cells(data: Data, lrs, seeds, at_once) -> None:
    """ValueError where the data, learning rates, seeds or the number at once are malformed."""
    for what, part in data._asdict().items():
        if not part.labels.shape[0] or part.inputs.shape[0] != part.labels.shape[0]:
            raise ValueError(f"{what} must hold as many inputs as labels, and at least one")
    array = np.asarray(lrs, float)
    if array.ndim != 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError("lrs must be one or more finite numbers above 0")
    if not len(seeds):
        raise ValueError("seeds must be one or more whole numbers")
    for seed in seeds:
        check_whole("a seed", seed, 0)
    check_whole("at_once", at_once, 1)


def _check_run(targets, further, max_steps, growth, gap) -> None:
    aims = np.asarray(targets, float)
    if aims.ndim != 1 or not aims.size or not (np.isfinite(aims) & (aims > 0)).all():
        raise ValueError("targets must be one or more finite numbers above 0")
    if (np.diff(aims) >= 0).any():
        raise ValueError("targets must decrease")
    if not (np.isfinite(growth) and growth >= 0):
        raise ValueError(f"growth must be finite and not negative, not {growth}")
    for name, value in (("further", further), ("max_steps", max_steps), ("gap", gap)):
        check_whole(name, value, 1)

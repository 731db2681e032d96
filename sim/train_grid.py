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

from sim.descent import Data, Losses, check_whole, methodical, travel
from sim.lanes import over_groups
from sim.train_runs import begin, branches, checked_ladder, run_to


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
    threads: int = 1,
    chunk: int = 64,
    **parameters,
) -> TrainGrid:
    """Runs of `rule` from `init(key)` for every learning rate and seed, at one batch size.

    losses(params, inputs, labels) → (n, …), params any pytree of floats; seeds: numbers of rounds,
    each with random numbers of its own whatever others are there; targets: decreasing losses; a
    run ends at the last of them, after `max_steps`, or where it diverges; further: K; growth, gap:
    a look comes max(gap, growth·t) steps after the one at step t; at_once: cells that go together,
    1 on a CPU, as many as memory holds on a GPU; threads: such groups that go side by side, the
    CPU's cores, and 1 on a GPU; chunk: samples that go together where cells go one by one (16 is
    best where activations are large).  Same arguments, same result; at_once and chunk change
    rounding only, threads nothing.  One compilation serves a batch size.  Raises ValueError for
    what is malformed.
    """
    method = methodical(losses, rule, batch, chunk, parameters)
    check_cells(data, lrs, seeds, at_once, threads)
    check_whole("further", further, 1)
    aims, ladder = checked_ladder(targets, max_steps, growth, gap)
    lr_p, round_p = cells(lrs, seeds, key)
    run = partial(travel, method, data)

    def grouped(group: np.ndarray) -> tuple:
        lr_c, key_c = jnp.asarray(lr_p[group]), round_p[group]
        place = begin(key_c, init=init, rule=method.rule)
        record = run_to(run, place, lr_c, key_c, aims, ladder)
        return *record[:2], branches(run, record, lr_c, key_c, further), *record[3:6]

    parts = over_groups(grouped, lr_p.size, at_once, threads)
    shape = (len(lrs), len(seeds))
    whole = (np.concatenate(part)[: lr_p.size] for part in zip(*parts, strict=True))
    return TrainGrid(*(part.reshape(*shape, *part.shape[1:]) for part in whole))


def cells(lrs, seeds, key):
    """ε and the round's key of every cell p = (e, s)."""
    lr_p = np.repeat(np.asarray(lrs, np.float32), len(seeds))
    seed_p = jnp.asarray(np.tile(np.asarray(seeds, np.uint32), len(lrs)))
    return lr_p, jax.vmap(lambda seed: jax.random.fold_in(key, seed))(seed_p)


def check_cells(data: Data, lrs, seeds, at_once, threads=1) -> None:
    """ValueError where the data, learning rates, seeds, at_once or threads are malformed."""
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
    check_whole("threads", threads, 1)

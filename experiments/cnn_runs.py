"""Training runs of the seed paper's convolutional network on Fashion-MNIST, a cell a round.

Its protocol: from scratch at constant (ε, B) to a target loss, then K further steps with the same
(ε, B).  The loss is the mean over a fixed random part of the training set, which also is the
population of every measurement at a checkpoint.  All learning rates of a round share initial
parameters and minibatches.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import xarray as xr

from experiments.errors import InputError
from sim import data, descent, nets, train_grid
from sim.measure import Population

DATASET = "fashion_mnist"
RULES: Mapping[str, Mapping[str, Any]] = {
    "adam": {"beta1": 0.9, "beta2": 0.999},
    "sign": {},  # Adam with β1 = β2 = 0
}
AT_ONCE = 64  # runs in one program on an accelerator
GROWTH = 0.08  # of the steps so far, from look to look


class Net(NamedTuple):
    """Widths of the convolutions and of the hidden dense layer; samples of the evaluation set."""

    features: tuple[int, ...]
    hidden: int
    evaluation: int


class Loaded(NamedTuple):
    """`losses(params, inputs, labels)`, `init(key)` → params, `apply(params, inputs)`, the data."""

    losses: descent.Losses
    init: Callable[[Any], Any]
    apply: Callable[[Any, Any], Any]
    data: descent.Data


def accelerated() -> bool:
    """Whether JAX computes on something else than a CPU."""
    return jax.default_backend() != "cpu"


def at_once() -> int:
    """How many runs make one program."""
    return AT_ONCE if accelerated() else 1


def threads() -> int:
    """How many programs go side by side: one to a core, or one."""
    return 1 if accelerated() else os.cpu_count() or 1


def loader(net: Net, seed: int, data_dir: Path | None):
    """What loads the network and its data, once."""

    @cache
    def load() -> Loaded:
        images = data.DATASETS[DATASET](data_dir)
        if net.evaluation > len(images.labels):
            raise InputError(f"evaluation must be at most {len(images.labels)} images")
        part = data.subset(images, net.evaluation, seed)
        train, evaluation = (
            Population(jnp.asarray(some.inputs), jnp.asarray(some.labels))
            for some in (images, part)
        )
        form = "lax" if accelerated() else "patches"
        model = nets.FashionCNN(features=net.features, hidden=net.hidden, conv=form)

        def init(key):
            return model.init(key, train.inputs[:1])

        apply: Any = model.apply
        return Loaded(descent.CrossEntropy(apply), init, apply, descent.Data(train, evaluation))

    return load


def runs(loaded: Loaded, rule: str, batch: int, lrs, targets, steps: int, k: int, key, seed: int):
    """All learning rates of one round: a dataset by `rate` and `target`."""
    grid = train_grid.train_grid(
        loaded.losses, loaded.init, loaded.data, rule=rule, batch=batch, lrs=lrs, seeds=[seed],
        targets=targets, further=k, max_steps=steps, key=key, growth=GROWTH, at_once=at_once(),
        threads=threads(), **RULES[rule],
    )  # fmt: skip
    both = ("rate", "target")
    return xr.Dataset(
        {
            "steps": (both, grid.steps_esk[:, 0]),
            "before": (both, grid.before_esk[:, 0]),
            "after": (both, grid.after_esk[:, 0]),
            "loss": ("rate", grid.loss_es[:, 0]),
            "taken": ("rate", grid.taken_es[:, 0]),
            "diverged": ("rate", grid.diverged_es[:, 0]),
        }
    )

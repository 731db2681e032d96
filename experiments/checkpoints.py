"""Checkpoints of small networks: θ at initialisation and where training first meets a target loss.

One cell holds all checkpoints of a network; every experiment on it recalls the same.
"""

import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree

from experiments.errors import InputError
from experiments.spec import check_positive
from experiments.store import Store
from sim import data, measure, models, network, train

INITIAL = float("inf")  # a target loss that initialisation meets


class Setting(NamedTuple):
    """A network: its data set, model and population size."""

    dataset: str
    model: str
    population: int


NETWORKS = {
    "digits_mlp": Setting("digits", "mlp", 1797),
    "fashion_cnn": Setting("fashion_mnist", "cnn", 512),
}


class Training(NamedTuple):
    """How checkpoints are made: a network's name, target losses (nats) after initialisation, the
    seed, and the minibatch, learning rate and longest run of Adam."""

    network: str
    targets: tuple[float, ...]
    seed: int
    batch: int = 64
    lr: float = 1e-3
    steps: int = 20_000

    @property
    def setting(self) -> Setting:
        """The network's data set, model and population."""
        return NETWORKS[self.network]

    @property
    def question(self) -> dict:
        """What the checkpoints depend on."""
        return self._asdict() | {"setting": self.setting._asdict()}


def check_targets(targets: tuple[float, ...]) -> None:
    """Target losses must be above zero and decrease."""
    check_positive(**{f"target {i + 1}": target for i, target in enumerate(targets)})
    if list(targets) != sorted(set(targets), reverse=True):
        raise InputError(f"targets must decrease: {list(targets)}")


def loader(training: Training, data_dir: Path | None):
    """What loads a network, once: (logits, θ₀, population)."""
    return lru_cache(maxsize=None)(partial(_load, training.setting, training.seed, data_dir))


def trained_checkpoints(training: Training, store: Store, load) -> tuple[xr.Dataset, bool]:
    """θ at initialisation and at each target loss: a cell, and whether it was recalled."""
    return store.cell(
        f"checkpoints-{training.network}", training.question,
        (sys.modules[__name__],),
        lambda: _train(training, *load()),
    )  # fmt: skip


def _load(setting: Setting, seed: int, data_dir: Path | None):
    """(logits, θ₀, population) of a network; the population in seeded random order."""
    images = data.DATASETS[setting.dataset](data_dir)
    images = data.subset(images, setting.population, seed)
    population = measure.Population(jnp.asarray(images.inputs), jnp.asarray(images.labels))
    model = models.MODELS[setting.model]()
    params = model.init(jax.random.key(seed), population.inputs[:1])
    theta, unravel = ravel_pytree(params)
    return (lambda t, x: model.apply(unravel(t), x)), theta, population


def _train(training: Training, logits, theta, population) -> xr.Dataset:
    try:
        checkpoints = train.train_to(
            logits, theta, population, (INITIAL, *training.targets), batch=training.batch,
            lr=training.lr, max_steps=training.steps, key=jax.random.key(training.seed),
        )  # fmt: skip
    except train.TargetNotReached as error:
        raise InputError(str(error)) from None
    return xr.Dataset({
        "theta": (("checkpoint", "parameter"), np.stack([c.theta for c in checkpoints])),
        "steps": ("checkpoint", [c.steps for c in checkpoints]),
        "loss": ("checkpoint", [c.loss for c in checkpoints]),
    })  # fmt: skip


def at_checkpoint(loaded, state: xr.Dataset) -> network.Point:
    """The network at one of its checkpoints, with its per-sample gradients."""
    logits, _, population = loaded
    return network.at_point(logits, jnp.asarray(state.theta.to_numpy()), population)

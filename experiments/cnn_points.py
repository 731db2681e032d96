"""The network of `cnn_runs` at fixed checkpoints: what it is, which rate is best, what laws say.

The evaluation set is the population: it defines mean, noise and Hessian, and minibatches are drawn
from it.  A checkpoint is where one run of Adam first has a target loss.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree

from experiments.cnn_runs import RULES, Loaded, at_once, threads
from experiments.correlated_scale import correlated_scale
from experiments.errors import InputError
from experiments.gaussianity import gaussianity
from experiments.network_laws import one_step_laws
from sim import network, network_measure, train_branch
from sim.lanes import over_groups
from sim.noise_scales import Measured
from sim.train import TargetNotReached

SCALES = ("b_simple", "b_noise", "noise_trace", "gradient_squared", "trace", "sign_curvature",
          "ratio_curvature", "ratio_strength")  # fmt: skip
GAUSSIAN_BATCHES = (1, 4, 16, 64, 256)
COORDINATES = 1024


def checkpoints(loaded: Loaded, targets, batch: int, lr: float, steps: int, key) -> xr.Dataset:
    """θ, the loss and the steps where one run of Adam first has each target loss."""
    try:
        reached = train_branch.train_to_checkpoints(
            loaded.losses, loaded.init, loaded.data, rule="adam", batch=batch, lr=lr, seed=0,
            targets=targets, max_steps=steps, key=key,
        )  # fmt: skip
    except TargetNotReached as error:
        raise InputError(f"cnn_fashion: {error}") from None
    theta = np.stack([np.asarray(ravel_pytree(one.place.params)[0]) for one in reached])
    return xr.Dataset({
        "theta": (("target", "parameter"), theta),
        "point_loss": ("target", [one.loss for one in reached]),
        "point_steps": ("target", [one.steps for one in reached]),
    })  # fmt: skip


def params_of(loaded: Loaded, theta) -> dict:
    """The parameters that are θ (d,) in one row."""
    like = jax.eval_shape(loaded.init, jax.random.key(0))
    _, unravel = ravel_pytree(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like))
    return unravel(theta)


def point_at(loaded: Loaded, theta) -> network.Point:
    """The network at θ (d,), with the gradient of every sample of the population."""

    def logits(t, inputs):
        return loaded.apply(params_of(loaded, t), inputs)

    return network.at_point(logits, jnp.asarray(theta), loaded.data.evaluation)


def one_step(loaded: Loaded, theta, batches, resolution: float, limit: int, key) -> xr.Dataset:
    """ε* of one step of sign descent, to second order, with real minibatches."""
    point = point_at(loaded, theta)

    def step(index: np.ndarray) -> network.NetworkStep:
        place = int(index[0])
        return network.minibatch_step(
            "sign", point, batch=int(batches[place]), resolution=resolution, limit=limit,
            key=jax.random.fold_in(key, place),
        )  # fmt: skip

    steps = over_groups(step, len(batches), 1, threads())
    columns = {}
    for name in ("lr_star", "numerator", "denominator"):
        parts = [getattr(step, name) for step in steps]
        columns[f"one_{name}_mean"] = ("batch", [part.mean for part in parts])
        columns[f"one_{name}_sem"] = ("batch", [part.sem for part in parts])
    return xr.Dataset(columns)


def branch(loaded: Loaded, theta, rule: str, batch: int, lrs, k: int, seeds: int, key):
    """The loss K steps from a checkpoint, with a rule that has no memory yet."""
    found = train_branch.branch_from(
        loaded.losses, params_of(loaded, theta), loaded.data, rule=rule, batch=batch,
        lrs=lrs, seeds=range(seeds), further=k, key=key, at_once=at_once(),
        threads=threads(), **RULES[rule],
    )  # fmt: skip
    return xr.Dataset(
        {"fixed_after": (("rate", "seed"), found.after_es), "fixed_before": found.before}
    )


def measured(loaded: Loaded, theta, key) -> xr.Dataset:
    """Noise scales and curvatures, the histogram of πσ²/(2μ²), and how Gaussian gradients are."""
    keys = jax.random.split(key, 2)
    found = network_measure.measure_network(
        loaded.apply, params_of(loaded, theta), tuple(loaded.data.evaluation), key=keys[0],
        piecewise_linear=True,
    )  # fmt: skip
    columns: dict[str, Any] = {}
    for name in SCALES:
        pair: Measured = getattr(found, name)
        columns |= {name: pair.population.mean, f"{name}_mc": pair.population.sem,
                    f"{name}_other": pair.distribution.mean,
                    f"{name}_other_sem": pair.distribution.sem}  # fmt: skip
    columns["histogram"] = ("ratio_from", found.histogram.counts)
    columns["no_mean"] = found.histogram.no_mean
    scales = xr.Dataset(columns, coords={"ratio_from": found.histogram.edges[:-1]})
    gradients = point_at(loaded, theta).gradients
    return xr.merge([scales, gaussianity(gradients, GAUSSIAN_BATCHES, COORDINATES, keys[1])])


def laws(loaded: Loaded, theta, batches, draws: int, key) -> xr.Dataset:
    """`network_laws.one_step_laws`, by `law_batch`."""
    found = one_step_laws(point_at(loaded, theta), batches, draws, key)
    return found.rename(batch="law_batch", b_noise="b_noise_law", S="S_law", trace="trace_law")


def correlated(loaded: Loaded, theta, rows: int, key) -> xr.Dataset:
    """`correlated_scale` at the checkpoint."""
    return correlated_scale(point_at(loaded, theta), rows, key, threads=threads())

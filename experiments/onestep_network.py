"""The one-step law against real networks on real data, from initialisation to low loss.

Measured with real minibatches: ε* of sign descent to second order and by line search on the loss.
Beside it the independent law (Theorem 2) and the exact law for Gaussian noise of the network's own
covariance.  By what factor is the independent law off, and where do real minibatches surge?

Expensive laws (they take thousands of curvatures) are kept in cells like measurements, but under a
key that also hashes the source of `theory`: a changed formula is evaluated anew.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jax
import numpy as np
import xarray as xr

import theory
from experiments import checkpoints, curvature, network_laws
from experiments.checkpoints import (
    INITIAL,
    NETWORKS,
    Training,
    at_checkpoint,
    check_targets,
    loader,
    trained_checkpoints,
)
from experiments.errors import InputError
from experiments.network_laws import one_step_laws
from experiments.progress import Report, notice, progress
from experiments.spec import (
    Experiment,
    check_batches,
    check_names,
    check_positive,
    check_resolution,
    check_seed,
)
from experiments.store import Store
from sim import data, estimate, network, optimum

CODE = (checkpoints, sys.modules[__name__])
MOST_OCTAVES = 20


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: minibatch sizes; `line_batches`: those with a line search; `targets`:
    population losses (nats) after initialisation at which to measure; `resolution`: relative
    standard error aimed at, `limit`: most minibatches, for numerator and denominator each;
    `gaussian_draws`: draws of the Gaussian law; `line_draws`: minibatches of a line search."""

    networks: tuple[str, ...] = tuple(NETWORKS)  # scientific
    targets: tuple[float, ...] = (1.0, 0.3, 0.02)  # scientific
    batches: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096)  # scientific
    line_batches: tuple[int, ...] = (4, 64, 1024)  # scientific
    resolution: float = 0.025  # nuisance
    limit: int = 16384  # nuisance
    gaussian_draws: int = 512  # nuisance
    line_draws: int = 256  # nuisance
    line_octaves: int = 2  # nuisance
    seed: int = 0  # nuisance
    train_batch: int = 64  # fixed
    train_lr: float = 1e-3  # fixed
    train_steps: int = 20_000  # fixed


PRESETS = {
    "smoke": Spec(
        networks=("digits_mlp",), targets=(0.3,), batches=(1, 16, 256), line_batches=(16,),
        resolution=0.05, gaussian_draws=256, line_draws=64,
    ),
    "default": Spec(),
    "paper": Spec(resolution=0.01, limit=2**18, gaussian_draws=8192, line_draws=1024),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_batches(spec.line_batches)
    if not set(spec.line_batches) <= set(spec.batches):
        raise InputError("line-batches must be among batches")
    check_resolution(spec.resolution)
    check_positive(train_lr=spec.train_lr)
    check_targets(spec.targets)
    check_seed(spec.seed)
    for name in ("limit", "gaussian_draws", "line_draws", "line_octaves", "train_batch"):
        if getattr(spec, name) < 2:
            raise InputError(f"{name.replace('_', '-')} must be at least 2")
    if spec.line_octaves > MOST_OCTAVES:
        raise InputError(f"line-octaves must be at most {MOST_OCTAVES}")
    check_names("network", spec.networks, tuple(NETWORKS))


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:
    """Per network one cell of training, then per checkpoint one of measurement and one of laws."""
    present = [n for n in spec.networks if data.available(NETWORKS[n].dataset, data_dir)]
    if not present:
        data.folder_of(NETWORKS[spec.networks[0]].dataset, data_dir)
    for name in sorted(set(spec.networks) - set(present)):
        notice(f"{name} is left out: no {NETWORKS[name].dataset} in the data folder (SURGE_DATA)")
    checkpoints = len(spec.targets) + 1
    with progress("onestep_network", len(present) * (1 + 2 * checkpoints)) as report:
        parts = [_network(spec, name, store, data_dir, report) for name in present]
    whole = xr.concat(parts, "network", join="exact", data_vars="all")
    whole = whole.assign_coords(network=present, checkpoint=range(checkpoints))
    return _with_factors(whole.assign(target=("checkpoint", [INITIAL, *spec.targets])))


def _network(
    spec: Spec, name: str, store: Store, data_dir: Path | None, report: Report
) -> xr.Dataset:
    training = Training(
        name, spec.targets, spec.seed, spec.train_batch, spec.train_lr, spec.train_steps
    )
    load, base = loader(training, data_dir), training.question
    trained, recalled = trained_checkpoints(training, store, load)
    report(f"{name} training", recalled=recalled)
    rows: list[xr.Dataset] = []
    for k in range(len(spec.targets) + 1):
        state = trained.isel(checkpoint=k)
        point = lru_cache(maxsize=None)(lambda state=state: at_checkpoint(load(), state))
        key = jax.random.fold_in(jax.random.key(spec.seed + 1), 2 * k)
        asked = base | {"checkpoint": k, "batches": spec.batches, "line": spec.line_batches,
                        "resolution": spec.resolution, "limit": spec.limit,
                        "line_draws": spec.line_draws, "octaves": spec.line_octaves}  # fmt: skip
        measured, recalled = store.cell(
            f"onestep_network-{name}-{k}-measured", asked, CODE,
            lambda point=point, key=key: _measure(spec, point(), key),
        )  # fmt: skip
        report(f"{name} checkpoint {k}, minibatches", recalled=recalled)
        asked = base | {"checkpoint": k, "batches": spec.batches, "draws": spec.gaussian_draws}
        laws, recalled = store.cell(
            f"onestep_network-{name}-{k}-laws", asked, (*CODE, theory, curvature, network_laws),
            lambda point=point, key=key: one_step_laws(
                point(), spec.batches, spec.gaussian_draws, jax.random.fold_in(key, 1)
            ),
        )  # fmt: skip
        report(f"{name} checkpoint {k}, laws", recalled=recalled)
        rows.append(xr.merge([state[["loss", "steps"]], measured, laws], join="exact"))
    whole = xr.concat(rows, "checkpoint", join="exact", data_vars="all")
    return whole.assign(parameters=trained.sizes["parameter"], population=NETWORKS[name].population)


def _measure(spec: Spec, point: network.Point, key) -> xr.Dataset:
    quantities = ("lr_star", "decrease", "numerator", "denominator")
    steps, lines = [], []
    for i, batch in enumerate(spec.batches):
        step_key, line_key = jax.random.split(jax.random.fold_in(key, i))
        step = network.minibatch_step(
            "sign", point, batch=batch, resolution=spec.resolution, limit=spec.limit, key=step_key
        )
        steps.append(step)
        if batch in spec.line_batches:
            lines.append(_line_search(spec, point, batch, step, line_key))
    columns: dict[str, tuple] = {}
    for quantity in quantities:
        parts: list[estimate.Estimate] = [getattr(step, quantity) for step in steps]
        columns[f"{quantity}_mean"] = ("batch", [part.mean for part in parts])
        columns[f"{quantity}_sem"] = ("batch", [part.sem for part in parts])
        columns[f"{quantity}_draws"] = ("batch", [part.n for part in parts])
        columns[f"{quantity}_heavy"] = ("batch", [part.heavy for part in parts])
    for i, name in enumerate(("lr_line", "lr_line_low", "lr_line_high")):
        columns[name] = ("line_batch", [line[i] for line in lines])
    noise = float(((point.gradients - point.mean) ** 2).sum(1).mean())
    columns["b_simple"] = ((), noise / float((point.mean**2).sum()))
    coords = {"batch": list(spec.batches), "line_batch": list(spec.line_batches)}
    return xr.Dataset(columns, coords=coords)


def _line_search(
    spec: Spec, point: network.Point, batch: int, step: network.NetworkStep, key
) -> optimum.Optimum:
    """The best learning rate of the loss itself; NaN where a grid of `line_octaves` factors of two
    to either side of the second-order optimum does not bracket it, or there is none."""
    absent = optimum.Optimum(np.nan, np.nan, np.nan)
    if not step.lr_star.mean > 0:
        return absent
    lrs = step.lr_star.mean * np.geomspace(
        2.0**-spec.line_octaves, 2.0**spec.line_octaves, 4 * spec.line_octaves + 1
    )
    try:
        return network.line_search(
            "sign", point, batch=batch, lrs=lrs, draws=spec.line_draws, slope=step.numerator,
            key=key, seed=spec.seed,
        )  # fmt: skip
    except optimum.EdgeOptimum:
        return absent


def _with_factors(measured: xr.Dataset) -> xr.Dataset:
    """The measurements with the factors by which the laws are off: law / measured.

    Where E[V]ᵀG is not above zero by its interval, no learning rate is known to lower the loss:
    ε* and ΔL* are NaN there, and `ascends` says where the loss provably rises.
    """
    half = estimate.Z95 * measured.numerator_sem
    descends = measured.numerator_mean - half > 0
    result = measured.assign(
        lr_star_mean=measured.lr_star_mean.where(descends),
        decrease_mean=measured.decrease_mean.where(descends),
        ascends=measured.numerator_mean + half < 0,
    )
    result = result.assign(
        factor_independent=result.lr_independent / result.lr_star_mean,
        factor_gaussian=result.lr_gaussian / result.lr_star_mean,
    )
    for name in result.data_vars:
        if str(name).startswith(("lr_", "decrease", "loss")):
            result[name].attrs["units"] = "nats" if not str(name).startswith("lr_") else "1/nat"
    result["batch"].attrs["units"] = "samples"
    return result


EXPERIMENT = Experiment(
    name="onestep_network",
    title="One step of real networks on real data",
    core=True,
    budget_seconds=240,
    presets=PRESETS,
    validate=validate,
    run=run,
)

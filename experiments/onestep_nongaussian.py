"""Small batches of samples that are not Gaussian: what each law of sign descent explains.

On quadratics with known families of noise: the Gaussian law, Edgeworth's to two orders and the
enumerated one against Monte Carlo, B = 1 … 64. On the digits network: how much of the factor
between the Gaussian law and real minibatches is mean signs, zeros, or dependence.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import xarray as xr

import theory
from experiments import checkpoints, curvature, nongaussian_families, nongaussian_network
from experiments.checkpoints import (
    INITIAL,
    Training,
    at_checkpoint,
    check_targets,
    loader,
    trained_checkpoints,
)
from experiments.errors import InputError
from experiments.progress import Report, progress
from experiments.spec import (
    Experiment,
    check_batches,
    check_names,
    check_resolution,
    check_seed,
)
from experiments.store import Store

NETWORK = "digits_mlp"
FAMILIES = (nongaussian_families, sys.modules[__name__])
NETWORKS = (checkpoints, nongaussian_network, sys.modules[__name__])


@dataclass(frozen=True)
class Spec:
    """Settings. `families`: of noise; `batches`, `network_batches`: in samples; `targets`:
    population losses (nats) after initialisation, of `onestep_network`; `network`: whether to run
    it; `resolution`, `network_resolution`: relative standard errors aimed at, with at most `limit`
    and `network_limit` draws; `samples`: drawn for the enumerated law; `draws`: of the copula."""

    families: tuple[str, ...] = tuple(nongaussian_families.CUMULANTS)  # scientific
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)  # scientific
    network: bool = True  # scientific
    targets: tuple[float, ...] = (1.0, 0.3, 0.02)  # scientific
    network_batches: tuple[int, ...] = (1, 4, 16)  # scientific
    resolution: float = 0.003  # nuisance
    limit: int = 2**20  # nuisance
    network_resolution: float = 0.01  # nuisance
    network_limit: int = 16384  # nuisance
    samples: int = 4096  # nuisance
    draws: int = 1024  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(families=("exponential", "sparse"), batches=(1, 8), network=False),
    "default": Spec(),
    "paper": Spec(resolution=0.0005, limit=2**24, network_limit=2**17, samples=2**16, draws=16384),
}


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_batches(spec.network_batches)
    check_resolution(spec.resolution)
    check_resolution(spec.network_resolution)
    check_seed(spec.seed)
    check_targets(spec.targets)
    for name in ("limit", "network_limit", "samples", "draws"):
        if getattr(spec, name) < 2:
            raise InputError(f"{name.replace('_', '-')} must be at least 2")
    check_names("family", spec.families, nongaussian_families.CUMULANTS)


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """Two cells per family and per checkpoint, one of measurement and one of laws."""
    checkpoints = (len(spec.targets) + 1) * spec.network
    cells = 2 * len(spec.families) + 2 * checkpoints + spec.network
    with progress("onestep_nongaussian", cells) as report:
        rows = [_family(spec, name, store, report) for name in spec.families]
        result = xr.concat(rows, "family", join="exact", data_vars="all")
        result = result.assign_coords(family=list(spec.families))
        if spec.network:
            result = xr.merge([result, _network(spec, store, report)], join="exact")
    for name in result.data_vars:
        if str(name).startswith("lr_star"):
            result[name].attrs["units"] = "θ²/loss"
    for batch in {"batch", "network_batch"} & set(result.coords):
        result[batch].attrs["units"] = "samples"
    return result


def _family(spec: Spec, name: str, store: Store, report: Report) -> xr.Dataset:
    asked = {"family": name, "seed": spec.seed, "batches": spec.batches}
    effort = {"resolution": spec.resolution, "limit": spec.limit}
    measured, recalled = store.cell(
        f"onestep_nongaussian-{name}", asked | effort, FAMILIES,
        partial(nongaussian_families.measure, name, spec.seed, spec.batches, **effort),
    )  # fmt: skip
    report(f"{name} noise", recalled=recalled)
    laws, recalled = store.cell(
        f"onestep_nongaussian-{name}-laws", asked | {"samples": spec.samples},
        (*FAMILIES, theory),
        partial(nongaussian_families.laws, name, spec.seed, spec.batches, spec.samples),
    )  # fmt: skip
    report(f"{name} noise, laws", recalled=recalled)
    return xr.merge([measured, laws], join="exact")


def _network(spec: Spec, store: Store, report: Report) -> xr.Dataset:
    training = Training(NETWORK, spec.targets, spec.seed)
    load = loader(training, None)
    trained, recalled = trained_checkpoints(training, store, load)
    report(f"{NETWORK} training", recalled=recalled)
    rows = [_checkpoint(spec, k, trained, load, store, report) for k in range(trained.loss.size)]
    whole = xr.concat(rows, "checkpoint", join="exact", data_vars="all")
    targets = [INITIAL, *spec.targets]
    return whole.assign_coords(checkpoint=range(len(rows))).assign(target=("checkpoint", targets))


def _checkpoint(
    spec: Spec, k: int, trained: xr.Dataset, load, store: Store, report: Report
) -> xr.Dataset:
    state, batches = trained.isel(checkpoint=k), spec.network_batches
    key = jax.random.fold_in(jax.random.key(spec.seed + 2), k)
    asked = {"checkpoint": k, "targets": spec.targets, "seed": spec.seed, "batches": batches}
    effort = {"resolution": spec.network_resolution, "limit": spec.network_limit}
    measured, recalled = store.cell(
        f"onestep_nongaussian-{k}-measured", asked | effort, NETWORKS,
        lambda: nongaussian_network.measure(
            at_checkpoint(load(), state), batches, **effort, key=key
        ),
    )  # fmt: skip
    report(f"checkpoint {k}, minibatches", recalled=recalled)
    laws, recalled = store.cell(
        f"onestep_nongaussian-{k}-network-laws", asked | {"draws": spec.draws},
        (*NETWORKS, theory, curvature),
        lambda: nongaussian_network.laws(
            at_checkpoint(load(), state), batches, spec.draws,
            jax.random.fold_in(key, 1),
        ),
    )  # fmt: skip
    report(f"checkpoint {k}, laws", recalled=recalled)
    return xr.merge([state[["loss"]], measured, laws], join="exact")


EXPERIMENT = Experiment(
    name="onestep_nongaussian",
    title="One step with samples that are not Gaussian",
    core=True,
    budget_seconds=60,
    presets=PRESETS,
    validate=validate,
    run=run,
)

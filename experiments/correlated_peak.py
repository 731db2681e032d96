"""Where ε* of sign descent peaks under correlated noise: the exact law, its small-batch law, the
paper's noise scale, and Monte Carlo.

Four problems drawn at random: H is diagonal plus low rank with one strong coherent direction; the
noise has unit variance plus a part shaped like H, or of low rank; |μ_i/σ_i| is about 0.05, so that
the peak lies at small batches (`theory.correlated_small_batch`).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import theory
from experiments.errors import InputError
from experiments.progress import progress
from experiments.spec import (
    Experiment,
    check_batches,
    check_names,
    check_resolution,
    check_seed,
)
from experiments.store import Store
from sim import Quadratic, onestep, quadratic
from theory.correlated_small_batch import correlated_small_batch

SIGNAL, SPREAD, BULK = 0.05, 0.5, (4.0, 2.0, 1.0)
FINE_POINTS = 61
CODE = (sys.modules[__name__],)


class Kind(NamedTuple):
    """d; the curvature of the coherent direction; how the noise is correlated, and how much."""

    d: int
    coherent: float
    shape: str
    share: float


KINDS: Mapping[str, Kind] = {
    "half_shaped": Kind(64, 30.0, "hessian", 0.5),
    "shaped": Kind(64, 30.0, "hessian", 1.0),
    "half_low_rank": Kind(128, 100.0, "low_rank", 0.5),
    "low_rank": Kind(64, 60.0, "low_rank", 1.0),
}


def draw(name: str, seed: int) -> Quadratic:
    """The problem of this kind, in float32."""
    kind = KINDS[name]
    rng = np.random.default_rng((seed, list(KINDS).index(name)))
    signs = np.where(rng.random(kind.d) < 0.5, -1.0, 1.0)
    factor = rng.standard_normal((kind.d, 4))
    factor[:, 0] = signs * np.abs(factor[:, 0])
    hessian = np.diag(rng.uniform(0.5, 1.5, kind.d))
    hessian += (factor * (kind.coherent, *BULK)) @ factor.T / kind.d
    if kind.shape == "hessian":
        part = hessian * kind.d / np.trace(hessian)
    else:
        loadings = np.hstack([factor[:, :2], rng.standard_normal((kind.d, 6))])
        part = loadings @ loadings.T / loadings.shape[1]
    covariance = np.eye(kind.d) + kind.share * part
    ratio = signs * SIGNAL * np.exp(SPREAD * rng.standard_normal(kind.d))
    theta = np.linalg.solve(hessian, ratio * np.sqrt(np.diag(covariance)))
    hessian, theta, covariance = (jnp.asarray(x, jnp.float32) for x in (hessian, theta, covariance))
    return Quadratic(hessian=hessian, theta=theta, noise=covariance)


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: batch sizes in samples; `resolution`: relative standard error aimed at;
    `limit`: most pairs of draws per batch size; `seed`: of problems and draws."""

    problems: tuple[str, ...] = tuple(KINDS)  # scientific
    batches: tuple[int, ...] = tuple(round(10 ** (k / 2)) for k in range(10))  # scientific
    resolution: float = 0.005  # nuisance
    limit: int = 2**22  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(problems=("half_shaped",), batches=(10, 100, 1000), resolution=0.02),
    "default": Spec(),
    "paper": Spec(batches=tuple(round(10 ** (k / 4)) for k in range(2, 19)), resolution=0.001),
}


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_resolution(spec.resolution)
    check_seed(spec.seed)
    if spec.limit < 2:
        raise InputError(f"limit must be at least 2, not {spec.limit}")
    check_names("problem", spec.problems, KINDS)


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """One cell of measurement and one of laws per problem."""
    rows = []
    with progress("correlated_peak", len(spec.problems)) as report:
        for name in spec.problems:
            asked = {"problem": name, "seed": spec.seed, "batches": spec.batches}
            measured, recalled = store.cell(
                f"correlated_peak-{name}",
                asked | {"resolution": spec.resolution, "limit": spec.limit},
                CODE,
                partial(_measured, spec, name),
            )
            laws, _ = store.cell(
                f"correlated_peak-{name}-laws",
                asked,
                (quadratic, theory, sys.modules[__name__]),
                partial(_laws, spec, name),
            )
            rows.append(xr.merge([measured, laws], join="exact", compat="no_conflicts"))
            report(name, recalled=recalled)
    result = xr.concat(rows, "problem", join="exact", data_vars="all")
    result["batch"].attrs["units"] = "samples"
    result["lr_star_mean"].attrs["units"] = "θ²/loss"
    return result.assign_coords(problem=list(spec.problems))


def _measured(spec: Spec, name: str) -> xr.Dataset:
    key = jax.random.fold_in(jax.random.key(spec.seed + 1), list(KINDS).index(name))
    steps = onestep.measure_to(
        spec.resolution, "sign", draw(name, spec.seed),
        batches=spec.batches, limit=spec.limit, key=key,
    )  # fmt: skip
    found = [step.lr_star for step in steps]
    return xr.Dataset(
        {
            "lr_star_mean": ("batch", [lr.mean for lr in found]),
            "lr_star_sem": ("batch", [lr.sem for lr in found]),
            "draws": ("batch", [lr.n for lr in found]),
        },
        coords={"batch": list(spec.batches)},
    )


def _laws(spec: Spec, name: str) -> xr.Dataset:
    """The exact curve and its peak; D0, D1 and M; the paper's ε_max and B_noise."""
    hessian, theta, covariance = (np.asarray(x, np.float64) for x in draw(name, spec.seed)[:3])
    sigma = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sigma, sigma)
    np.fill_diagonal(correlation, 1.0)
    mu = hessian @ theta

    def law(batch: np.ndarray, **noise: Any) -> Any:
        return theory.optimal_lr("sign", mu=mu, sigma=sigma, hessian=hessian, batch=batch, **noise)

    batches = np.asarray(spec.batches, np.float64)
    fine = np.geomspace(batches[0], batches[-1], FINE_POINTS)
    curve = law(fine, correlation=correlation)
    small = correlated_small_batch(mu, sigma, hessian, correlation)
    paper = theory.small_batch(mu, sigma, hessian)
    return xr.Dataset(
        {
            "lr_star_law": ("batch", law(batches, correlation=correlation)),
            "lr_star_independent": ("batch", law(batches)),
            "lr_star_fine": ("batch_fine", curve),
            "peak": _peak(np.log(fine), curve),
            "correlated_noise_scale": small.b_noise,
            "in_regime": small.in_regime,
            **{key: getattr(small, key) for key in ("D0", "D1", "M")},
            "paper_eps_max": paper.eps_max,
            "paper_noise_scale": paper.b_noise,
        },
        coords={"batch": list(spec.batches), "batch_fine": fine},
    )


def _peak(log_batch: np.ndarray, lr: np.ndarray) -> float:
    """The batch size of the largest ε*, by a parabola through the top three; nan at an end."""
    top = int(np.argmax(lr))
    if not 0 < top < len(lr) - 1:
        return float("nan")
    window = slice(top - 1, top + 2)
    bend, slope, _ = np.polyfit(log_batch[window] - log_batch[top], lr[window], 2)
    return float(np.exp(log_batch[top] - slope / (2 * bend)))


EXPERIMENT = Experiment(
    name="correlated_peak",
    title="The peak of sign descent under correlated noise",
    core=True,
    budget_seconds=30,
    presets=PRESETS,
    validate=validate,
    run=run,
)

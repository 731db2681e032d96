"""Quadratics whose samples are skewed, heavy-tailed or sparse: sign descent and four laws of it.

Noise is independent between coordinates, so that only the mean sign ℰ_i can be wrong: N = Gᵀℰ,
D = ℰᵀHℰ + Σ_i H_ii (P(V_i ≠ 0) − ℰ_i²).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import theory
from sim import Quadratic, onestep
from sim.families import SHARE
from sim.quadratic import dense, gradient, rotated, sample_gradients, standard_deviation
from theory.descent import numerator_and_curvature, optimum
from theory.enumeration import sample_marginals
from theory.hessian import as_hessian

DIMENSION = 64
SIGNAL = 0.3  # root mean square of μ_i/σ_i
LEVELS = ("gaussian", "edgeworth_1", "edgeworth_2", "enumerated")
QUANTITIES = ("lr_star", "numerator", "denominator")
SPREAD = SHARE * (1 - SHARE)
# skewness and excess kurtosis of each family of sim.families
CUMULANTS = {
    "gaussian": (0.0, 0.0),
    "exponential": (2.0, 6.0),
    "laplace": (0.0, 3.0),
    "student": (0.0, 6.0),
    "sparse": (0.0, 3 / SHARE - 3),
    "bernoulli": ((1 - 2 * SHARE) / SPREAD**0.5, (1 - 6 * SPREAD) / SPREAD),
}


def make_problem(family: str, seed: int) -> Quadratic:
    """λ_k = 1/k in a random basis, at a drawn point, equal noise in all coordinates."""
    keys = jax.random.split(jax.random.key(seed))
    hessian = rotated(1.0 / jnp.arange(1.0, DIMENSION + 1), keys[0])
    theta = jax.random.normal(keys[1], (DIMENSION,), jnp.float32)
    mu = np.asarray(hessian, np.float64) @ np.asarray(theta, np.float64)
    sigma = np.full(DIMENSION, np.sqrt((mu**2).mean()) / SIGNAL)
    return Quadratic(hessian, theta, jnp.asarray(sigma, jnp.float32), family)


def measure(
    family: str, seed: int, batches: tuple[int, ...], resolution: float, limit: int
) -> xr.Dataset:
    """Monte Carlo of one step by batch size."""
    steps = onestep.measure_to(
        resolution, "sign", make_problem(family, seed), batches=batches, limit=limit,
        key=jax.random.key(seed + 1),
    )  # fmt: skip
    columns = {"draws": [step.numerator.n for step in steps]}
    for name in QUANTITIES:
        columns[f"{name}_mean"] = [getattr(step, name).mean for step in steps]
        columns[f"{name}_sem"] = [getattr(step, name).sem for step in steps]
    return xr.Dataset(
        {name: ("batch", np.asarray(values)) for name, values in columns.items()},
        coords={"batch": list(batches)},
    )


def laws(family: str, seed: int, batches: tuple[int, ...], samples: int) -> xr.Dataset:
    """N, D and ε* of the four laws by batch size; the enumerated one knows the family only from
    `samples` drawn per-sample gradients."""
    problem, batch_b = make_problem(family, seed), np.asarray(batches, float)
    drawn = sample_gradients(problem, jax.random.key(seed + 2), samples).astype(float)
    given: dict[str, Any] = {
        "mu": np.asarray(gradient(problem), float),
        "sigma": np.asarray(standard_deviation(problem), float),
        "hessian": np.asarray(dense(problem.hessian), float),
        "batch": batch_b,
    }
    skewness, kurtosis = CUMULANTS[family]
    cumulants = {"skewness": skewness, "kurtosis": kurtosis}
    found = [
        theory.one_step("sign", **given),
        theory.one_step("sign_edgeworth", **given, **cumulants, terms=1),
        theory.one_step("sign_edgeworth", **given, **cumulants, terms=2),
        _enumerated(given, drawn),
    ]
    rows = {
        f"{name}_law": (("level", "batch"), np.stack([getattr(law, name) for law in found]))
        for name in QUANTITIES
    }
    return xr.Dataset(rows, coords={"level": list(LEVELS), "batch": list(batches)})


def _enumerated(given: dict, drawn: jax.Array) -> theory.OneStep:
    mu, hessian = jnp.asarray(given["mu"]), as_hessian(given["hessian"], DIMENSION)
    mean = drawn.mean(axis=0)
    marginals = sample_marginals(mean, drawn - mean, jnp.asarray(given["batch"]))
    variance_bd = marginals.plus + marginals.minus - marginals.mean**2
    sums = [numerator_and_curvature(mu, row, hessian) for row in marginals.mean]
    numerator, along_mean = (jnp.stack(part) for part in zip(*sums, strict=True))
    denominator = along_mean + variance_bd @ hessian.diagonal
    best = optimum(numerator, denominator)
    values = (numerator, denominator, *best, jnp.zeros_like(denominator))
    return theory.OneStep(*map(np.asarray, values))

"""The laws, and deliberately wrong ones, on the quadratic problems.

They are kept in cells like measurements, but under a key that also hashes the source of `theory`
and of this module: a changed formula is evaluated anew.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import theory
from experiments.problems import PROBLEMS, make_problem
from sim import quadratic

QUANTITIES = ("lr_star", "decrease", "numerator", "denominator")
CONTROLS = ("half the noise", "batch off by one", "no off-diagonal terms", "independence")
FINE_POINTS = 65


def problem_laws(name: str, seed: int, rules: tuple[str, ...], batches: tuple) -> xr.Dataset:
    """Laws and controls of one problem, by rule and batch size, with its scalars."""
    given, batch_b = exact(name, seed), np.asarray(batches, np.float64)
    fine = np.geomspace(batch_b[0], batch_b[-1], FINE_POINTS)
    parts = [_laws(rule, given, batch_b, fine) for rule in rules]
    whole = xr.concat(parts, "rule", join="exact", data_vars="all")
    return whole.assign_coords(rule=list(rules)).assign(_scalars(given))


@dataclass(frozen=True)
class Exact:
    """What the laws are given of a problem, in float64."""

    mu: np.ndarray
    sigma: np.ndarray
    hessian: np.ndarray
    correlation: np.ndarray | None


def exact(name: str, seed: int) -> Exact:
    problem = make_problem(name, seed)
    hessian = np.asarray(quadratic.dense(problem.hessian), np.float64)
    sigma = np.asarray(quadratic.standard_deviation(problem), np.float64)
    correlation = None
    if PROBLEMS[name].correlated:
        correlation = np.asarray(problem.noise, np.float64) / np.outer(sigma, sigma)
        np.fill_diagonal(correlation, 1.0)
    return Exact(hessian @ np.asarray(problem.theta, np.float64), sigma, hessian, correlation)


def control_laws(rule: str, given: Exact, batches: np.ndarray) -> dict[str, theory.OneStep]:
    """The deliberately wrong laws."""
    mu, sigma, hessian, correlation = given.mu, given.sigma, given.hessian, given.correlation
    diagonal = np.diag(np.diag(hessian))
    true = {"mu": mu, "sigma": sigma, "hessian": hessian, "batch": batches}
    noise = {} if correlation is None else {"correlation": correlation}
    wrong = {
        "half the noise": true | noise | {"sigma": sigma / 2},
        "batch off by one": true | noise | {"batch": batches + 1},
        "no off-diagonal terms": true | noise | {"hessian": diagonal},
    }
    if correlation is not None:
        wrong["independence"] = true
    return {name: theory.one_step(rule, **kwargs) for name, kwargs in wrong.items()}


def _laws(rule: str, given: Exact, batches, fine) -> xr.Dataset:
    arguments: dict[str, Any] = {"mu": given.mu, "sigma": given.sigma, "hessian": given.hessian}
    law = theory.one_step(rule, **arguments, batch=batches, correlation=given.correlation)
    wrong = control_laws(rule, given, batches)
    curve = theory.optimal_lr(rule, **arguments, batch=fine, correlation=given.correlation)
    independent = curve
    if given.correlation is not None:
        independent = theory.optimal_lr(rule, **arguments, batch=fine)
    data: dict[str, tuple] = {
        "lr_star_fine": ("batch_fine", curve),
        "lr_star_independent_fine": ("batch_fine", independent),
    }
    for quantity in QUANTITIES:
        data[f"{quantity}_law"] = ("batch", getattr(law, quantity))
        missing = np.full(len(batches), np.nan)
        data[f"{quantity}_control"] = (
            ("control", "batch"),
            [getattr(wrong[c], quantity) if c in wrong else missing for c in CONTROLS],
        )
    small = theory.small_batch(given.mu, given.sigma, given.hessian)
    theorem3 = theory.LAWS["small_batch_lr"].jax
    data["lr_star_small_batch"] = ("batch", theorem3(batches, small.eps_max, small.b_noise))
    data["lr_star_small_batch_control"] = (
        "batch",
        theorem3(batches, small.eps_max, small.b_noise * 2 / np.pi),
    )
    return xr.Dataset(
        {name: (dims, np.asarray(values)) for name, (dims, values) in data.items()},
        coords={"batch": batches.astype(int), "batch_fine": fine, "control": list(CONTROLS)},
    )


def _scalars(given: Exact) -> dict[str, float]:
    """Per problem: T, S, Q, the noise scale, Theorem 4 and, for a common |μ/σ|, the exact peak."""
    ratio = np.abs(given.mu / given.sigma)
    signs = np.sign(given.mu)
    small = theory.small_batch(given.mu, given.sigma, given.hessian)
    q = float(signs @ given.hessian @ signs)
    common = bool(np.ptp(ratio) < 1e-5 * ratio.max()) and given.correlation is None
    kappa2 = float(1 / np.mean(ratio) ** 2)
    return {
        "trace": small.T,
        "S": small.S,
        "Q": q,
        "b_noise": small.b_noise,
        "eps_max": small.eps_max,
        "regime": small.regime,
        "ratio_min": float(ratio[ratio > 0].min()),
        "ratio_max": float(ratio.max()),
        "ratio_common": common,
        "plateau": theory.large_batch_limit(
            given.mu, given.hessian, given.sigma, given.correlation
        ),
        "plateau_without_silent": float(np.abs(given.mu).sum() / q),
        "b_peak_common": theory.common_ratio_peak(kappa2, small.T, q) if common else np.nan,
    }

"""The laws of the update rules, and deliberately wrong ones, on the problems drawn at random.

Cells of laws hash the source of `theory` and of this module, so that a changed formula is evaluated
anew.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import sim
import theory
from experiments import random_problems
from experiments.rule_cases import Case
from experiments.rules_measured import QUANTITIES
from sim import quadratic

CONTROLS = ("half the noise", "no off-diagonal terms", "independence", "no momentum")
SHOWN = ("dense_independent", "dense_shaped", "low_rank_low_rank")  # with a fine curve
FINE_POINTS = 13
DRAWS, FEW_DRAWS = 4096, 256  # where a law takes draws: for it, and for wrong ones


class Operator(NamedTuple):
    """A Hessian as `theory` takes it."""

    matvec: Callable[[jax.Array], jax.Array]
    diagonal: jax.Array


class Exact(NamedTuple):
    """What the laws are given of a problem, in float64."""

    mu: np.ndarray
    sigma: np.ndarray
    hessian: Operator
    correlation: np.ndarray | None


def exact(problem: str, d: int, seed: int) -> Exact:
    """The float32 problem, taken at its word."""
    drawn = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, jnp.float64), random_problems.draw(problem, d, seed)[:3]
    )
    hessian, theta, noise = drawn
    sigma = np.asarray(quadratic.standard_deviation(sim.Quadratic(hessian, theta, noise)))
    return Exact(
        np.asarray(quadratic.matvec(hessian, theta)),
        sigma,
        Operator(lambda v: quadratic.matvec(hessian, v), quadratic.diagonal(hessian)),
        _correlation(np.asarray(noise), sigma),
    )


def _correlation(noise: np.ndarray, sigma: np.ndarray) -> np.ndarray | None:
    if noise.ndim == 1:
        return None
    covariance = noise if noise.shape[0] == noise.shape[1] else noise @ noise.T
    correlation = covariance / np.outer(sigma, sigma)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def law(case: Case, given: Exact, batches: np.ndarray, **changed: Any) -> theory.OneStep:
    """The rule's law on a problem; `changed` arguments make it a wrong one."""
    arguments: dict[str, Any] = {
        "mu": given.mu, "sigma": given.sigma, "hessian": given.hessian, "batch": batches,
        "correlation": given.correlation, "draws": DRAWS, **case.at(len(given.mu)),
    }  # fmt: skip
    return theory.one_step(case.rule.name, **(arguments | changed))


def control_laws(case: Case, given: Exact, batches: np.ndarray) -> dict[str, theory.OneStep]:
    """The deliberately wrong laws, where they make a difference."""
    diagonal = given.hessian.diagonal
    wrong: dict[str, dict[str, Any]] = {
        "half the noise": {"sigma": given.sigma * np.sqrt(0.5)},
        "no off-diagonal terms": {"hessian": Operator(lambda v: v * diagonal, diagonal)},
    }
    if given.correlation is not None:
        wrong["independence"] = {"correlation": None}
    if case.given.get("beta1", case.rule.parameters.get("beta1", 0)) > 0:
        wrong["no momentum"] = {"beta1": 0.0}
    return {
        name: law(case, given, batches, draws=FEW_DRAWS, **changed)
        for name, changed in wrong.items()
    }


def laws(case: Case, problem: str, seed: int, batches: tuple[int, ...]) -> xr.Dataset:
    """Law and controls of one rule on one problem, by batch size."""
    d, compared = case.size(problem), case.batches(batches)
    given, batch_b = exact(problem, d, seed), np.asarray(compared, np.float64)
    right, wrong = law(case, given, batch_b), control_laws(case, given, batch_b)
    missing = np.full(len(compared), np.nan)
    data: dict[str, Any] = {
        "d": float(d),
        "law_sem": ("batch", right.denominator_sem / right.denominator),
    }
    for quantity in QUANTITIES:
        data[f"{quantity}_law"] = ("batch", getattr(right, quantity))
        others = [getattr(wrong[c], quantity) if c in wrong else missing for c in CONTROLS]
        data[f"{quantity}_control"] = (("control", "batch"), np.stack(others))
    fine = np.geomspace(batches[0], batches[-1], FINE_POINTS)
    data |= _curves(case, problem, given, fine)
    coords = {"batch": list(compared), "batch_fine": fine, "control": list(CONTROLS)}
    return xr.Dataset(data, coords=coords).reindex(batch=list(batches))


def _curves(case: Case, problem: str, given: Exact, fine: np.ndarray) -> dict[str, Any]:
    """ε* on a fine grid, with the noise's correlation and without, where it is drawn."""
    curve = independent = np.full(len(fine), np.nan)
    if problem in SHOWN and not case.of_matrices:
        curve = independent = law(case, given, fine).lr_star
        if given.correlation is not None:
            independent = law(case, given, fine, correlation=None).lr_star
    return {
        "lr_star_fine": ("batch_fine", curve),
        "lr_star_independent_fine": ("batch_fine", independent),
    }

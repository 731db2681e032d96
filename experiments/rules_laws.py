"""The laws of the update rules, and deliberately wrong ones, on the problems drawn at random.

Rules and the parameters at which they are compared come from `theory.RULES`: a new rule is here by
itself.  Cells of laws hash the source of `theory` and of this module, so that a changed formula is
evaluated anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import sim
import theory
from experiments import random_problems
from sim import quadratic
from sim.rules import UpdateRule, make_rule
from theory.coordinatewise import Coordinatewise
from theory.rules.rule import Rule, resolved

QUANTITIES = ("lr_star", "decrease", "numerator", "denominator")
CONTROLS = ("half the noise", "no off-diagonal terms", "independence", "no momentum")
SHOWN = ("dense_independent", "dense_shaped", "low_rank_low_rank")  # with a fine curve
FINE_POINTS = 13
DRAWS, FEW_DRAWS = 4096, 256  # where a law takes draws: for it, and for wrong ones
MOVING = 100  # batch size from which signs with momentum stand still
LONG = 1000  # steps of burn-in from which every other batch size must do


@dataclass(frozen=True)
class Case:
    """A rule at the parameters at which it is compared; a value may be a function of d."""

    rule: Rule
    given: Mapping[str, Any]

    @property
    def id(self) -> str:
        """`rule`, or `rule(value,…)` with the values that do not depend on d."""
        values = [str(value) for value in self.given.values() if not callable(value)]
        return f"{self.rule.name}({','.join(values)})" if values else self.rule.name

    @property
    def exact(self) -> bool:
        """Whether the law is claimed to be right, and not merely within 2 %."""
        assert self.rule.accuracy is not None
        return self.rule.accuracy <= 0.01

    def tried(self, problem: str) -> bool:
        """Whether the rule is tried on this problem: not where its law knows no such noise, nor
        on all nine where it is costly."""
        kind, sums = random_problems.KINDS[problem], self.rule.sums
        plain = isinstance(sums, Coordinatewise) and sums.pair is None and sums.series is None
        named = self.rule.name in (kind.only or [self.rule.name])
        cheap = self.burn_in == 0 and not self.of_matrices
        return named and (cheap or kind.costly) and not (plain and kind.correlated)

    def at(self, d: int) -> dict[str, Any]:
        """The parameters for d coordinates."""
        return resolved(self.given, d)

    def size(self, problem: str) -> int:
        """Number of coordinates at which a problem is drawn for this rule."""
        sizes = random_problems.KINDS[problem].sizes
        if self.of_matrices and not self.remembers_long:
            return sizes.singular
        return sizes.single if self.burn_in == 0 else sizes.chain

    @property
    def _update(self) -> UpdateRule:
        known = {name: value for name, value in self.at(64).items() if name != "steps"}
        return make_rule(self.rule.simulated, **known)

    @property
    def burn_in(self) -> int | None:
        """Of the rule of `sim`: 0 where it has no memory, None where it never is stationary."""
        return self._update.burn_in

    @property
    def stands_still(self) -> bool:
        """Whether chains of it are constant at large batches: a sign with momentum."""
        return bool(self.burn_in) and self._update.saturates(64, None)

    def batches(self, grid: tuple[int, ...]) -> tuple[int, ...]:
        """The batch sizes that are compared: every other one where the rule's memory is long, or
        where its law takes singular values; the small ones and the largest where chains of signs
        stand still between, for only thousands of them would say that nothing happens."""
        if self.stands_still:
            return (*(batch for batch in grid[:-1] if batch <= MOVING), grid[-1])
        return grid[::2] if self.remembers_long or self.of_matrices else grid

    @property
    def remembers_long(self) -> bool:
        """Whether a chain needs so many steps that it is cut short elsewhere."""
        return (self.burn_in or 0) >= LONG

    @property
    def of_matrices(self) -> bool:
        """Whether d coordinates form a matrix."""
        return "shape" in self.given


def cases() -> dict[str, Case]:
    """Every case of every rule that is claimed to be right and that can be simulated."""
    found = [
        Case(rule, given)
        for rule in theory.RULES.values()
        if rule.accuracy is not None and rule.simulated in sim.RULES
        for given in rule.cases
    ]
    return {case.id: case for case in found}


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

"""The one-step laws on quadratics with known Hessians: ε*(B) for B = 1 … 65536 on nine problems.

Measured by Monte Carlo: E[VᵀG], E[VᵀHV], ε* and ΔL* of SGD and sign descent.  Beside it the laws
(Lemma 1, Theorems 2 to 5; with the noise's correlation where there is one) and deliberately wrong
laws, the negative controls.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import xarray as xr

import sim
import theory
from experiments import problems
from experiments.errors import InputError
from experiments.problems import PROBLEMS, make_problem
from experiments.progress import progress
from experiments.spec import Experiment, check_batches, check_positive
from experiments.store import Store
from sim import estimate, onestep, quadratic, rules

QUANTITIES = ("lr_star", "decrease", "numerator", "denominator")
UNITS = {"lr_star": "θ²/loss", "decrease": "loss", "numerator": "loss/θ", "denominator": "loss/θ²"}
CONTROLS = ("half the noise", "batch off by one", "no off-diagonal terms", "independence")
FINE_POINTS = 65


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: batch sizes in samples; `resolution`: relative standard error aimed at;
    `limit`: most pairs of draws per batch size; `seed`: of problems and draws."""

    problems: tuple[str, ...] = tuple(PROBLEMS)  # scientific
    rules: tuple[str, ...] = ("sign", "sgd")  # scientific
    batches: tuple[int, ...] = tuple(2**k for k in range(17))  # scientific
    resolution: float = 0.0015  # nuisance
    limit: int = 2**22  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(problems=("diagonal", "rank_one"), batches=(1, 16, 256, 65536), resolution=0.004),
    "default": Spec(),
    "paper": Spec(resolution=0.0005, limit=2**25),
}


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_positive(resolution=spec.resolution)
    if spec.limit < 2:
        raise InputError(f"limit must be at least 2, not {spec.limit}")
    for kind, chosen, known in (
        ("problem", spec.problems, PROBLEMS),
        ("rule", spec.rules, ("sign", "sgd")),
    ):
        if not chosen or len(set(chosen)) < len(chosen):
            raise InputError(f"name each {kind} once, and at least one")
        for name in chosen:
            if name not in known:
                raise InputError(f"unknown {kind} {name!r}; known: {', '.join(known)}")


def measure(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """One cell per problem and rule, over all batch sizes."""
    modules = (problems, onestep, quadratic, estimate, rules)
    grid = [(name, rule) for name in spec.problems for rule in spec.rules]
    cells = []
    with progress("onestep_quadratic", len(grid)) as report:
        for name, rule in grid:
            question = {
                "problem": name,
                "rule": rule,
                "batches": spec.batches,
                "resolution": spec.resolution,
                "limit": spec.limit,
                "seed": spec.seed,
            }
            cell, recalled = store.cell(
                f"onestep_quadratic-{name}-{rule}",
                question,
                modules,
                lambda name=name, rule=rule: _measure_cell(spec, name, rule),
            )
            cells.append(cell)
            report(f"{name}, {rule}", recalled=recalled)
    return _grid(spec, cells)


def _grid(spec: Spec, cells: list[xr.Dataset]) -> xr.Dataset:
    """Datasets of all (problem, rule), problems outermost, as one."""
    width = len(spec.rules)
    rows = [
        xr.concat(cells[i : i + width], "rule", join="exact", data_vars="all")
        for i in range(0, len(cells), width)
    ]
    whole = xr.concat(rows, "problem", join="exact", data_vars="all")
    return whole.assign_coords(problem=list(spec.problems), rule=list(spec.rules))


def _measure_cell(spec: Spec, name: str, rule: str) -> xr.Dataset:
    key = jax.random.fold_in(jax.random.key(spec.seed + 1), list(PROBLEMS).index(name))
    steps = onestep.measure_to(
        spec.resolution,
        rule,
        make_problem(name, spec.seed),
        batches=spec.batches,
        limit=spec.limit,
        key=jax.random.fold_in(key, list(sim.RULES).index(rule)),
    )
    columns: dict[str, list] = {"covariance": [step.covariance for step in steps]}
    columns["draws"] = [step.numerator.n for step in steps]
    columns["heavy"] = [any(part.heavy for part in step.estimates) for step in steps]
    for quantity in QUANTITIES:
        parts = [getattr(step, quantity) for step in steps]
        columns[f"{quantity}_mean"] = [part.mean for part in parts]
        columns[f"{quantity}_sem"] = [part.sem for part in parts]
    return xr.Dataset(
        {name: ("batch", np.asarray(values)) for name, values in columns.items()},
        coords={"batch": list(spec.batches)},
    )


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


def evaluate(spec: Spec, measured: xr.Dataset) -> xr.Dataset:
    """The measurements with the laws and the controls beside them."""
    batches = np.asarray(spec.batches, np.float64)
    fine = np.geomspace(batches[0], batches[-1], FINE_POINTS)
    rows = []
    for name in spec.problems:
        given = exact(name, spec.seed)
        scalars = _scalars(given)
        rows += [_laws(rule, given, batches, fine).assign(scalars) for rule in spec.rules]
    result = xr.merge([measured, _grid(spec, rows)], join="exact", compat="no_conflicts")
    for quantity, unit in UNITS.items():
        for variable in result.data_vars:
            if str(variable).startswith(quantity):
                result[variable].attrs["units"] = unit
    result["batch"].attrs["units"] = "samples"
    return result


def _laws(rule: str, given: Exact, batches, fine) -> xr.Dataset:
    arguments = {"mu": given.mu, "sigma": given.sigma, "hessian": given.hessian}
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


EXPERIMENT = Experiment(
    name="onestep_quadratic",
    title="One step on quadratics with known Hessians",
    core=True,
    budget_seconds=150,
    presets=PRESETS,
    validate=validate,
    measure=measure,
    evaluate=evaluate,
)

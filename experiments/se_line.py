"""Steps against samples: the fewest steps to a loss at each batch size, from grids of whole runs.

S(B) is the least, over constant learning rates, of the steps to a target loss.  To it is fitted
S = S_min (1 + B_noise/B), which in E = BS is the line 1/S = 1/S_min − B_noise/E, and its B_noise is
laid beside the noise scales averaged along the run (`flow_scales`) and where ε*(B) of these very
runs peaks.  `greedy`: SGD with a share of the best learning rate of each single step, exactly.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from experiments import run_problems
from experiments.errors import InputError
from experiments.fit import data_of, fit
from experiments.flow_scales import Means, dense_covariance, flow_scales
from experiments.greedy_sgd import greedy_sgd
from experiments.progress import Report, progress
from experiments.run_problems import KINDS
from experiments.spec import Experiment, check_batches, check_groups, check_names, check_seed
from experiments.store import Store
from sim import Quadratic, best_lr, trajectory
from sim import quadratic as q
from sim.best_lr import Best, best_lrs, jackknife
from theory.rivals import Rival
from theory.symbols import B_noise, S_min
from theory.tradeoff import RUN_STEPS

CODE = (run_problems, trajectory, best_lr, sys.modules[__name__])
LINE = Rival(RUN_STEPS, (S_min, B_noise), "steps against samples")
RULES: dict[str, dict[str, Any]] = {"sgd": {}, "sign": {}, "adam": {"beta1": 0.9, "beta2": 0.999}}
SCALES = ("mccandlish", "paper", "half")
STEP = 1.16  # between learning rates
SGD_REACH, SIGN_REACH = (3e-3, 1.6), (1.5e-3, 1.5)  # ε in units of 2/λ_max; ε of signs
COLUMNS = ("s_min", "b_noise", "b_noise_sem", "chi2", "dof", "line", "ratio_sem", "b_peak",
           "b_peak_sem")  # fmt: skip
UNITS = {"batch": "samples", "b_noise": "samples", "scale": "samples", "b_peak": "samples",
         "steps": "steps", "s_min": "steps"}  # fmt: skip
FLOOR = 0.02  # relative error of S from the learning rates' grid, added to each in squares
GROUPS = 16
SHARES = (0.02, 1.0)  # of the best learning rate of a step: gentle and greedy SGD
GENTLE = (16.0, 40_000)  # smallest batch of gentle SGD, and its most steps


@dataclass(frozen=True)
class Spec:
    """Settings. `targets`: losses over that of the start; `batches`: in samples, in two parts at
    `split`, with runs of `longest` steps below and `shortest` from there on."""

    problems: tuple[str, ...] = ("coherent", "diagonal", "power_law")  # scientific
    targets: tuple[float, ...] = (0.2, 0.05)  # scientific
    batches: tuple[int, ...] = tuple(2**k for k in range(2, 17))  # scientific
    split: int = 256  # fixed
    longest: int = 2000  # fixed
    shortest: int = 300  # fixed
    seeds: int = 64  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(problems=("coherent",), targets=(0.2,), batches=(16, 64, 256, 1024, 4096),
                  longest=300, shortest=100, seeds=16),
    "default": Spec(),
    "paper": Spec(problems=tuple(KINDS), seeds=128),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_seed(spec.seed)
    check_names("problem", spec.problems, KINDS)
    falling = all(a > b for a, b in zip((1.0, *spec.targets), (*spec.targets, 0.0), strict=True))
    if not spec.targets or not falling:
        raise InputError(f"targets must fall, between 1 and 0: {list(spec.targets)}")
    check_groups(spec.seeds, GROUPS)
    if spec.shortest < 1 or spec.longest < 1:
        raise InputError("a run has at least one step")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """Two cells of measurement per problem and rule; fits and scales are computed anew."""
    parts = _parts(spec)
    with progress("se_line", len(spec.problems) * (len(RULES) * len(parts) + 1)) as report:
        rows = [_problem(spec, name, parts, store, report) for name in spec.problems]
    result = xr.concat(rows, "problem", join="exact", data_vars="all")
    result = result.assign_coords(problem=list(spec.problems))
    for name, unit in UNITS.items():
        result[name].attrs["units"] = unit
    return result


def _parts(spec: Spec) -> list[tuple[tuple[int, ...], int]]:
    low = tuple(b for b in spec.batches if b < spec.split)
    high = tuple(b for b in spec.batches if b >= spec.split)
    return [part for part in ((low, spec.longest), (high, spec.shortest)) if part[0]]


def _problem(spec: Spec, name: str, parts, store: Store, report: Report) -> xr.Dataset:
    problem, rows = run_problems.make(name), []
    targets = _targets(spec, problem)
    scales = {rule: flow_scales(rule, problem, targets) for rule in ("sgd", "sign")}
    for rule in RULES:
        cells = []
        for batches, steps in parts:
            cell, recalled = store.cell(
                f"se_line-{name}-{rule}",
                {"problem": name, "rule": rule, "batches": batches, "steps": steps,
                 "targets": spec.targets, "seeds": spec.seeds, "seed": spec.seed},
                CODE,
                partial(_measured, spec, name, rule, batches, steps),
            )  # fmt: skip
            cells.append(cell)
            report(f"{name}, {rule}, {steps} steps", recalled=recalled)
        measured = xr.concat(cells, "batch", data_vars="all").assign_coords(
            batch=list(spec.batches)
        )
        rows.append(_judged(spec, measured, scales["sgd" if rule == "sgd" else "sign"]))
    joined = xr.concat(rows, "rule", join="exact", data_vars="all")
    joined = joined.assign_coords(rule=list(RULES), target=list(spec.targets))
    report(f"{name}, greedy", recalled=False)
    return xr.merge([joined, _greedy(spec, name)], join="exact", compat="no_conflicts")


def _targets(spec: Spec, problem: Quadratic) -> list[float]:
    start = 0.5 * float(q.quadratic_form(problem.hessian, problem.theta))
    return [start * share for share in spec.targets]


def learning_rates(rule: str, problem: Quadratic) -> np.ndarray:
    """The grid: for SGD beyond 2/λ_max, for a run of few steps may end before it diverges."""
    low, high = SIGN_REACH
    if rule == "sgd":
        edge = 2 / np.linalg.eigvalsh(np.asarray(q.dense(problem.hessian), float))[-1]
        low, high = SGD_REACH[0] * edge, SGD_REACH[1] * edge
    return np.geomspace(low, high, round(np.log(high / low) / np.log(STEP)) + 1)


def _measured(spec: Spec, name: str, rule: str, batches: Sequence[int], steps: int) -> xr.Dataset:
    """ε* and fewest steps by batch size, target and replicate."""
    problem = run_problems.make(name)
    lrs = learning_rates(rule, problem)
    grid = trajectory.run_grid(
        rule, problem, batches=batches, lrs=lrs.tolist(), steps=[steps],
        targets=_targets(spec, problem),
        seeds=spec.seeds, groups=GROUPS, key=jax.random.key(spec.seed + 1), **RULES[rule],
    )  # fmt: skip
    best: Best = best_lrs(lrs, np.moveaxis(grid.passage_berm, -1, 1))
    both = ("batch", "target")
    return xr.Dataset(
        {
            "lr_star": ((*both, "replicate"), best.lr_r),
            "lr_sem": (both, best.log_lr_sem),
            "steps_r": ((*both, "replicate"), best.value_r),
            "cliff": (both, best.cliff),
            "edge": (both, best.edge),
        }
    )


def _judged(spec: Spec, measured: xr.Dataset, scales: Means) -> xr.Dataset:
    """The line fitted per target, with the jackknife's errors; the scales; the peak of ε*(B)."""
    batch = np.asarray(spec.batches, float)
    found: dict[str, list] = {key: [] for key in COLUMNS}
    steps = measured.steps_r.transpose("target", "batch", "replicate").values
    steps = np.where(measured.edge.values.T[..., None], np.nan, steps)
    rate = measured.lr_star.transpose("target", "batch", "replicate").values
    for m in range(len(spec.targets)):
        fits = line_fits(batch, steps[m])
        peaks = np.array([peak_of(np.log(batch), np.log(r)) for r in rate[m].T])
        noise = np.log([one.value["B_noise"] for one in fits])
        lines = np.array([RUN_STEPS.jax(batch, one.value["S_min"], one.value["B_noise"])
                          for one in fits])  # fmt: skip
        columns = (
            fits[0].value["S_min"], np.exp(noise[0]), float(jackknife(noise)), fits[0].chi2,
            fits[0].dof, lines[0], jackknife((np.log(lines) - np.log(steps[m].T)).T),
            np.exp(peaks[0]), float(jackknife(peaks)),
        )  # fmt: skip
        for key, value in zip(found, columns, strict=True):
            found[key].append(np.asarray(value))
    two: dict[str, tuple] = dict.fromkeys(("line", "ratio_sem"), ("target", "batch"))
    return xr.Dataset(
        {
            "steps": (("target", "batch"), steps[..., 0]),
            "steps_sem": (("target", "batch"), jackknife(np.log(steps))),  # of ln S
            "lr_star": (("target", "batch"), rate[..., 0]),
            "lr_sem": (("target", "batch"), measured.lr_sem.values.T),
            "steps_r": (("target", "batch", "replicate"), steps),
            **{key: (two.get(key, ("target",)), np.array(rows)) for key, rows in found.items()},
            "scale": (("target", "kind"), np.array(
                [scales.get(kind, np.full(len(spec.targets), np.nan)) for kind in SCALES]).T),
        },
        coords={"batch": list(spec.batches), "kind": list(SCALES)},
    )  # fmt: skip


def line_fits(batch, steps_br) -> list:
    """The fit of each replicate, weighted by the errors of all seeds; points that some replicate
    lacks are left out."""
    there = np.isfinite(steps_br).all(1)
    sem = steps_br[there, 0] * jackknife(np.log(steps_br[there]))
    return [
        fit(LINE, data_of(batch[there], column, sem, floor=FLOOR), thorough=False)
        for column in steps_br[there].T
    ]


def peak_of(x, y) -> float:
    """Where the parabola through the top three points peaks; nan at an end, or without a top."""
    if not np.isfinite(y).any():
        return float("nan")
    top = int(np.nanargmax(y))
    if not 0 < top < len(y) - 1 or not np.isfinite(y[top - 1 : top + 2]).all():
        return float("nan")
    bend, slope, _ = np.polyfit(x[top - 1 : top + 2] - x[top], y[top - 1 : top + 2], 2)
    return float(x[top] - slope / (2 * bend)) if bend < 0 else float("nan")


def _greedy(spec: Spec, name: str) -> xr.Dataset:
    """Steps of SGD with a share of each step's best rate, and the line fitted to them."""
    problem = run_problems.make(name)
    hessian, theta = np.asarray(q.dense(problem.hessian), float), np.asarray(problem.theta, float)
    batch = np.asarray([b for b in spec.batches if b >= GENTLE[0]], float)
    targets = _targets(spec, problem)
    rows = []
    for share in SHARES:
        run = greedy_sgd(
            hessian, theta, dense_covariance(problem), batch, targets, share=share, most=GENTLE[1]
        )
        steps = np.where(np.isfinite(run.steps), run.steps, np.nan)
        fits = [fit(LINE, data_of(batch, row, 0 * row, floor=FLOOR), thorough=False)
                for row in steps]  # fmt: skip
        line = [RUN_STEPS.jax(batch, one.value["S_min"], one.value["B_noise"]) for one in fits]
        columns = {
            "greedy_steps": (("target", "batch_greedy"), steps),
            "greedy_line": (("target", "batch_greedy"), np.array(line)),
            "greedy_b_noise": ("target", [one.value["B_noise"] for one in fits]),
            "greedy_s_min": ("target", [one.value["S_min"] for one in fits]),
        }
        rows.append(xr.Dataset(columns))
    found = xr.concat(rows, "share", join="exact", data_vars="all")
    return found.assign_coords(share=list(SHARES), target=list(spec.targets), batch_greedy=batch)


EXPERIMENT = Experiment(
    name="se_line",
    title="Steps against samples of whole runs",
    core=False,
    budget_seconds=240,
    presets=PRESETS,
    validate=validate,
    run=run,
)

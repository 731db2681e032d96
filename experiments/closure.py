"""Whole runs predicted and simulated: expected loss and best learning rate over a (B × ε) grid.

The prediction is `theory.closure`: exact for SGD and momentum, the Gaussian closure for signs, a
mean second moment for Adam and RMSProp. The best rates of both are found by the same parabola, by
target and by horizon. `index` is ε‖H‖√B/σ: how far a step moves a gradient, in units of its noise.
Wrong laws beside: half the noise, and signs whose remainders are independent.
"""

import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

import theory
from experiments import run_cells, run_problems, run_rules
from experiments.errors import InputError
from experiments.progress import Report, progress
from experiments.run_cells import GROUPS, Question, measured
from experiments.run_problems import KINDS, make
from experiments.run_rules import RULES, learning_rates
from experiments.spec import Experiment, check_batches, check_seed
from experiments.store import Store
from sim.best_lr import best_lrs, jackknife
from sim.quadratic import DiagonalPlusLowRank, dense, standard_deviation
from theory.closure import predict_runs
from theory.closure_rules import MAKERS

CODE = (run_problems, run_rules, run_cells)
LAWS = (*CODE, theory, sys.modules[__name__])
SIGNS = ("sign", "signum", "lion")
SENSES = {"by_target": "target", "by_horizon": "horizon"}


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: each four times the one before, for the control with half the noise;
    `targets`: fractions of the starting loss; `horizons`: in steps; `ratio`: between rates."""

    problems: tuple[str, ...] = tuple(KINDS)  # scientific
    rules: tuple[str, ...] = ("sgd", "sign", "signum", "adam")  # scientific
    batches: tuple[int, ...] = tuple(4**k for k in range(8))  # scientific
    targets: tuple[float, ...] = (0.5, 0.2, 0.05)  # scientific
    horizons: tuple[int, ...] = (30, 80, 240)  # scientific
    ratio: float = 1.25  # nuisance
    seeds: int = 64  # nuisance
    seed: int = 7  # nuisance


PRESETS = {
    "smoke": Spec(
        problems=("coherent", "diagonal"), rules=("sgd", "sign"), batches=(16, 64, 256),
        targets=(0.5,), horizons=(10, 30), ratio=1.4, seeds=32,
    ),
    "default": Spec(),
    "paper": Spec(rules=("sgd", "momentum", "sign", "signum", "lion", "rmsprop", "adam"),
                  ratio=1.15, seeds=512),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_batches(spec.batches)
    check_seed(spec.seed)
    if any(4 * b != c for b, c in zip(spec.batches, spec.batches[1:], strict=False)):
        raise InputError("each batch size must be four times the one before")
    for kind, chosen, known in (
        ("problem", spec.problems, KINDS), ("rule", spec.rules, set(RULES) & set(MAKERS)),
    ):  # fmt: skip
        if not chosen or len(set(chosen)) < len(chosen):
            raise InputError(f"name each {kind} once, and at least one")
        for name in chosen:
            if name not in known:
                raise InputError(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")
    if not 1 < spec.ratio <= 1.5:
        raise InputError(f"ratio must be above 1 and at most 1.5, not {spec.ratio}")
    if spec.seeds < 2 * GROUPS or spec.seeds % GROUPS:
        raise InputError(f"seeds must be a multiple of {GROUPS} above it, not {spec.seeds}")
    for name, values, way in (("targets", spec.targets, -1), ("horizons", spec.horizons, 1)):
        if not values or min(values) <= 0 or (way * np.diff(values) <= 0).any():
            raise InputError(f"{name} must be positive and in order: {list(values)}")
    if spec.targets[0] >= 1:
        raise InputError("targets must be below 1")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """A cell of measurement and one of laws by problem and rule; then best rates of both."""
    pairs = [(problem, rule) for problem in spec.problems for rule in spec.rules]
    parts: list[xr.Dataset] = []
    with progress("closure", 2 * len(pairs)) as report:
        for problem, rule in pairs:
            part = _pair(spec, problem, rule, store, report)
            parts.append(part.expand_dims(problem=[problem], rule=[rule]))
    joined: xr.Dataset = xr.merge(parts, join="outer", compat="no_conflicts")
    result = joined.sel(problem=list(spec.problems), rule=list(spec.rules))
    for name, unit in (("batch", "samples"), ("target", "loss/start"), ("horizon", "steps")):
        result[name].attrs["units"] = unit
    result["rate"].attrs["units"] = "θ²/loss for rules linear in the gradient, else θ"
    return result.assign_attrs(seeds=spec.seeds, groups=GROUPS)


def _pair(spec: Spec, problem: str, rule: str, store: Store, report: Report) -> xr.Dataset:
    question = {
        "problem": problem, "rule": rule, "batches": spec.batches, "ratio": spec.ratio,
        "seed": spec.seed, "seeds": spec.seeds, "targets": spec.targets, "horizons": spec.horizons,
    }  # fmt: skip
    cell, recalled = store.cell(
        f"closure-{problem}-{rule}", question, CODE, partial(measured, question)
    )
    report(f"{problem}, {rule}", recalled=recalled)
    laws, recalled = store.cell(
        f"closure-{problem}-{rule}-laws", question, LAWS, partial(predicted, question)
    )
    report(f"{problem}, {rule}, predicted", recalled=recalled)
    found = [_best(cell[sense], laws[f"{sense}_law"]) for sense in SENSES]
    losses = cell["by_horizon"].transpose("batch", "lr", "horizon", "replicate")
    columns = {
        "loss": losses[..., 0].values, "loss_sem": jackknife(losses.values),
        "loss_law": laws["by_horizon_law"].sel(law="closure").transpose("batch", "lr", "horizon"),
        "index": laws["index"],
    }  # fmt: skip
    whole = xr.merge(found, join="exact").assign(
        {
            name: (("batch", "step", "horizon")[: np.ndim(x)], np.asarray(x, np.float32))
            for name, x in columns.items()
        }
    )
    return whole.assign(
        rate=("step", cell["lr"].values), seconds=laws["seconds"], norm=laws["norm"]
    ).assign_coords(step=np.arange(cell.sizes["lr"]))


def predicted(question: Question) -> xr.Dataset:
    """Passages (b, e, m) and losses (b, e, k), relative to the start, by law."""
    case, problem = RULES[question["rule"]], make(question["problem"])
    lrs = learning_rates(question["rule"], problem, question["ratio"])
    hessian = problem.hessian
    matrix = dense(hessian) if isinstance(hessian, DiagonalPlusLowRank) else hessian
    theta = np.asarray(problem.theta, float)
    full = np.asarray(dense(hessian), float)
    start = 0.5 * theta @ full @ theta
    laws = ["closure", "half the noise"]
    laws += ["independent remainders"] if question["rule"] in SIGNS and matrix.ndim == 2 else []
    passages, losses, seconds = [], [], 0.0
    for law in laws:
        # four times the batch size is half the noise, and a place further in the grid
        batches = np.asarray(question["batches"], float) * (4 if law == "half the noise" else 1)
        begin = time.perf_counter()
        found = predict_runs(
            case.rule, hessian=matrix, theta0=theta, noise=problem.noise, batches=batches.tolist(),
            lrs=lrs.tolist(), steps=question["horizons"],
            targets=[start * target for target in question["targets"]],
            remainder="independent" if law == "independent remainders" else "arcsine",
            **case.parameters,
        )  # fmt: skip
        seconds = seconds or time.perf_counter() - begin
        passages.append(found.passage_bem)
        losses.append(found.loss_bek / start)
    norm = float(np.linalg.eigvalsh(full)[-1])
    sigma = float(np.sqrt((np.asarray(standard_deviation(problem), float) ** 2).mean()))
    index = lrs * norm * np.sqrt(np.asarray(question["batches"], float))[:, None] / sigma
    return xr.Dataset(
        {
            "by_target_law": (("law", "batch", "lr", "target"), np.stack(passages)),
            "by_horizon_law": (("law", "batch", "lr", "horizon"), np.stack(losses)),
            "index": (("batch", "lr"), index),
            "seconds": ((), seconds),
            "norm": ((), norm / sigma),
        },
        {"law": laws, "lr": lrs},
    )


def _best(value: xr.DataArray, law: xr.DataArray) -> xr.Dataset:
    """Best rates by batch size and target (or horizon), measured and by law; `refused` where the
    measured one has no optimum inside the grid, or runs beside it never reach."""
    sense, axis = str(value.name), SENSES[str(value.name)]
    found = best_lrs(value["lr"].values, value.transpose("batch", axis, "lr", "replicate").values)
    exact = law.transpose("law", "batch", axis, "lr").values
    ours = best_lrs(value["lr"].values, np.repeat(exact[..., None], 3, axis=-1))
    columns = {
        "lr": found.lr, "log_lr_sem": found.log_lr_sem, "value": found.value,
        "log_value_sem": found.log_value_sem,
        "refused": (found.unreached | found.edge | found.cliff).astype(np.int8),
    }  # fmt: skip
    result = xr.Dataset(
        {f"{sense}_{name}": (("batch", axis), column) for name, column in columns.items()},
        {"batch": value["batch"].values, axis: value[axis].values, "law": law["law"].values},
    )
    result[f"{sense}_lr_law"] = (("law", "batch", axis), ours.lr)
    result[f"{sense}_value_law"] = (("law", "batch", axis), ours.value)
    return result


EXPERIMENT = Experiment(
    name="closure",
    title="Whole runs on quadratics: predicted against simulated",
    core=False,
    budget_seconds=300,
    presets=PRESETS,
    validate=validate,
    run=run,
)

"""Every update rule against its law: one step on problems drawn at random, B = 1 … 10⁶.

For each rule of `theory.RULES` that claims to be right, at each of its cases, Monte Carlo of
E[VᵀG], E[VᵀHV], ε* and ΔL* (after the rule's own burn-in where it has a memory, at the step that
the case names where it has no stationary state) beside the law and deliberately wrong ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

import theory
from experiments import random_problems, rule_cases, rules_laws, rules_measured
from experiments.errors import InputError
from experiments.progress import progress
from experiments.random_problems import KINDS
from experiments.rule_cases import Case
from experiments.rules_measured import measurement
from experiments.spec import (
    Experiment,
    check_batches,
    check_names,
    check_resolution,
    check_seed,
)
from experiments.store import Store
from sim import quadratic

NAME = "onestep_rules"
UNITS = {"lr_star": "θ²/loss", "decrease": "loss", "numerator": "loss/θ", "denominator": "loss/θ²"}
CASES = rule_cases.cases()


@dataclass(frozen=True)
class Spec:
    """Settings. `batches`: batch sizes in samples; `resolution`: relative standard error aimed at;
    `limit`: most draws (of chains: measured steps) per batch size; `seed`: of problems, draws."""

    cases: tuple[str, ...] = tuple(CASES)  # scientific
    problems: tuple[str, ...] = tuple(KINDS)  # scientific
    batches: tuple[int, ...] = tuple(10**k for k in range(7))  # scientific
    resolution: float = 0.0016  # nuisance
    limit: int = 2**23  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(
        cases=tuple(name for name in ("sign", "sgd") if name in CASES),
        problems=("dense_independent", "dense_shaped"),
        batches=(1, 100, 10**4),
    ),
    "default": Spec(),
    "paper": Spec(resolution=0.0005, limit=2**26),
}


def validate(spec: Spec, cases: Mapping[str, Case] = CASES) -> None:
    """InputError unless the settings make sense; `cases` are the known ones."""
    check_batches(spec.batches)
    check_resolution(spec.resolution)
    check_seed(spec.seed)
    if spec.limit < 2:
        raise InputError(f"limit must be at least 2, not {spec.limit}")
    check_names("case", spec.cases, cases)
    check_names("problem", spec.problems, KINDS)


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """All rules, on the problems that they can afford."""
    return compared(NAME, CASES, spec, store)


def compared(name: str, cases: Mapping[str, Case], spec: Spec, store: Store) -> xr.Dataset:
    """One cell of measurement and one of laws per case and problem, of the experiment `name`;
    together, with units."""
    pairs = [
        (cases[case], problem)
        for case in spec.cases
        for problem in spec.problems
        if cases[case].tried(problem)
    ]
    if not pairs:
        raise InputError("none of these cases is tried on these problems")
    cells = []
    with progress(name, 2 * len(pairs)) as report:
        for case, problem in pairs:
            stem = f"{name}-{case.id}-{problem}"
            for part, words in ((_measured, ""), (_laws, ", laws")):
                cell, recalled = part(stem, spec, case, problem, store)
                cells.append(cell)
                report(f"{case.id}, {problem}{words}", recalled=recalled)
    merged = [
        xr.merge(both, join="exact", compat="no_conflicts")
        for both in zip(cells[::2], cells[1::2], strict=True)
    ]
    named = [(case.id, problem) for case, problem in pairs]
    result = _assembled(dict(zip(named, merged, strict=True)), spec.problems)
    result["rule"] = ("case", [cases[case].rule.name for case in result["case"].values])
    return result


def _assembled(parts: Mapping[tuple[str, str], Any], problems: tuple[str, ...]) -> xr.Dataset:
    """One dataset over cases and problems; what was not tried is missing in it."""
    tried = list(dict.fromkeys(case for case, _ in parts))
    rows = [
        xr.concat(
            [part.assign_coords(problem=p) for (c, p), part in parts.items() if c == case],
            "problem", join="exact", data_vars="all",
        )
        for case in tried
    ]  # fmt: skip
    result = xr.concat(rows, "case", join="outer", data_vars="all")
    result = result.reindex(problem=list(problems)).assign_coords(case=tried)
    for quantity, unit in UNITS.items():
        for variable in result.data_vars:
            if str(variable).startswith(quantity):
                result[variable].attrs["units"] = unit
    result["batch"].attrs["units"] = "samples"
    return result


def _question(spec: Spec, case: Case, problem: str) -> dict:
    """What both cells of a case and a problem depend on."""
    d = case.size(problem)
    return {
        "problem": problem, "d": d, "seed": spec.seed, "batches": spec.batches,
        "rule": case.rule.name, "parameters": case.at(d), "case": case.id,
        "compared": case.batches(spec.batches),
    }  # fmt: skip


def _laws(stem: str, spec: Spec, case: Case, problem: str, store: Store):
    return store.cell(
        f"{stem}-laws",
        _question(spec, case, problem),
        (random_problems, quadratic, theory, rules_laws),
        partial(rules_laws.laws, case, problem, spec.seed, spec.batches),
    )


def _measured(stem: str, spec: Spec, case: Case, problem: str, store: Store):
    return store.cell(
        stem,
        _question(spec, case, problem)
        | {"simulated": case.rule.simulated, "resolution": spec.resolution, "limit": spec.limit},
        (random_problems, rules_measured),
        partial(measurement, case, problem, spec.seed, spec.batches, spec.resolution, spec.limit),
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="One step of every update rule on problems drawn at random",
    core=True,
    budget_seconds=150,
    presets=PRESETS,
    validate=validate,
    run=run,
)

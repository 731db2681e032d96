"""Cells of measurement of whole runs: what a question asks, simulated.

A question names `problem`, `rule`, `batches`, `ratio` between learning rates, `seeds` and `seed`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import xarray as xr

from experiments.run_problems import KINDS, make
from experiments.run_rules import RULES, learning_rates, unit
from sim import branch, trajectory
from sim.quadratic import Quadratic, quadratic_form

GROUPS = 16  # of seeds, for the jackknife
BRANCH_STEPS = 2000  # within which the runs to branch off from must reach their loss

Question = Mapping[str, Any]


def _start(problem: Quadratic) -> float:
    return 0.5 * float(quadratic_form(problem.hessian, problem.theta))


def _key(question: Question, stream: int):
    key = jax.random.fold_in(
        jax.random.key(question["seed"]), list(KINDS).index(question["problem"])
    )
    return jax.random.fold_in(key, stream)


def _runs(question: Question, stream: int, steps: Sequence[int], **options):
    """A grid of the question's rule on its problem, its learning rates beside."""
    case, problem = RULES[question["rule"]], make(question["problem"])
    lrs = learning_rates(question["rule"], problem, question["ratio"])
    grid = trajectory.run_grid(
        case.rule, problem, batches=question["batches"], lrs=lrs.tolist(), steps=steps,
        seeds=question["seeds"], groups=GROUPS, weight_decay=case.decay,
        key=_key(question, stream), **case.parameters, **options,
    )  # fmt: skip
    return lrs, grid


def measured(question: Question) -> xr.Dataset:
    """Passages (b, e, r, m) and losses (b, e, r, k) of whole runs, relative to the start."""
    start = _start(make(question["problem"]))
    targets = [start * target for target in question["targets"]]
    lrs, grid = _runs(question, 0, question["horizons"], targets=targets)
    return xr.Dataset(
        {
            "by_target": (("batch", "lr", "replicate", "target"), grid.passage_berm),
            "by_horizon": (("batch", "lr", "replicate", "horizon"), grid.loss_berk / start),
        },
        {
            "batch": list(question["batches"]),
            "lr": lrs,
            "target": list(question["targets"]),
            "horizon": list(question["horizons"]),
        },
    )


def branched(question: Question) -> xr.Dataset:
    """Losses (b, e, r, k) some steps after a common branch, relative to the loss there."""
    case, problem = RULES[question["rule"]], make(question["problem"])
    if case.reference is None:
        raise ValueError(f"{question['rule']} has no rate at which to train to a branch")
    begin = branch.at_target(
        case.rule, problem, batch=question["batch"],
        lr=case.reference * unit(question["rule"], problem),
        target=question["loss"] * _start(problem), steps=BRANCH_STEPS,
        seeds=question["seeds"], key=_key(question, 1), **case.parameters,
    )  # fmt: skip
    lrs, grid = _runs(question, 2, question["after"], start=begin.theta_sd)
    return xr.Dataset(
        {
            "by_branch": (("batch", "lr", "replicate", "after"), grid.loss_berk / begin.loss),
            "branch_step": ((), begin.step),
        },
        {"batch": list(question["batches"]), "lr": lrs, "after": list(question["after"])},
    )

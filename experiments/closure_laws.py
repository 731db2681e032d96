"""What `closure` lays beside its simulations: predicted runs, and wrong laws."""

import time

import numpy as np
import xarray as xr

from experiments.run_cells import Question
from experiments.run_problems import make
from experiments.run_rules import RULES, learning_rates
from sim.quadratic import DiagonalPlusLowRank, dense, standard_deviation
from theory.closure import predict_runs

SIGNS = ("sign", "signum", "lion")


def predicted(question: Question) -> xr.Dataset:
    """Passages (b, e, m) and losses (b, e, k), relative to the start, by law."""
    problem = make(question["problem"])
    lrs = learning_rates(question["rule"], problem, question["ratio"])
    hessian = problem.hessian
    matrix = dense(hessian) if isinstance(hessian, DiagonalPlusLowRank) else hessian
    full = np.asarray(dense(hessian), float)
    # four times the batch size is half the noise: the grid goes one place further
    batches = np.asarray(question["batches"], float)
    begin = time.perf_counter()
    passage, loss = _runs(question, matrix, lrs, [*batches, 4 * batches[-1]], "arcsine")
    seconds = time.perf_counter() - begin
    found = {"closure": (passage[:-1], loss[:-1]), "half the noise": (passage[1:], loss[1:])}
    if question["rule"] in SIGNS and matrix.ndim == 2:
        wrong = _runs(question, matrix, lrs, batches, "independent")
        found["independent remainders"] = wrong
    passages, losses = zip(*found.values(), strict=True)
    norm = float(np.linalg.eigvalsh(full)[-1])
    sigma = float(np.sqrt((np.asarray(standard_deviation(problem), float) ** 2).mean()))
    index = lrs * norm * np.sqrt(batches)[:, None] / sigma
    return xr.Dataset(
        {
            "by_target_law": (("law", "batch", "lr", "target"), np.stack(passages)),
            "by_horizon_law": (("law", "batch", "lr", "horizon"), np.stack(losses)),
            "index": (("batch", "lr"), index),
            "seconds": ((), seconds),
            "norm": ((), norm / sigma),
        },
        {"law": list(found), "lr": lrs},
    )


def _runs(question: Question, matrix, lrs: np.ndarray, batches, remainder: str):
    """Passages and losses over the start's of one law."""
    case, problem = RULES[question["rule"]], make(question["problem"])
    theta = np.asarray(problem.theta, float)
    start = 0.5 * theta @ np.asarray(dense(problem.hessian), float) @ theta
    found = predict_runs(
        case.rule, hessian=matrix, theta0=theta, noise=problem.noise, batches=batches,
        lrs=lrs.tolist(), steps=question["horizons"],
        targets=[start * target for target in question["targets"]],
        remainder=remainder, **case.parameters,
    )  # fmt: skip
    return found.passage_bem, found.loss_bek / start

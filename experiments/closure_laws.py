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

"""Update rules of the whole runs, with the learning rates at which each is tried.

A rate's range is wide enough that its optimum lies inside for the problems, batch sizes, targets
and horizons of `whole_runs`; where it does not the optimum is refused.  For rules that move every
coordinate by about ε the range is in the unit of θ; for rules linear in the gradient it is in units
of 1/λ₁, λ₁ the largest eigenvalue of H.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.run_problems import D
from sim.quadratic import Quadratic, dense

SIDE = int(D**0.5)  # rules of matrices read θ as a square one


class RunRule(NamedTuple):
    """A rule of `sim.rules` with its parameters and decoupled weight decay; the range of rates, and
    the one at which it trains to where others branch off (None: nothing branches off)."""

    rule: str
    low: float
    high: float
    parameters: Mapping[str, Any] = {}
    decay: float = 0.0
    linear: bool = False
    reference: float | None = None


RULES: Mapping[str, RunRule] = {
    "sign": RunRule("sign", 0.004, 1.2, reference=0.03),
    "adam": RunRule("adam", 0.006, 3.2, {"beta1": 0.9, "beta2": 0.999}, reference=0.03),
    "sgd": RunRule("sgd", 0.01, 3.0, linear=True, reference=0.4),
    "momentum": RunRule("momentum", 0.01, 40.0, {"beta1": 0.9}, linear=True),
    "signum": RunRule("signum", 0.004, 3.2, {"beta1": 0.9}),
    "lion": RunRule("lion", 0.004, 3.2, {"beta1": 0.9, "beta2": 0.99}),
    "rmsprop": RunRule("rmsprop", 0.004, 3.2, {"beta2": 0.999}),
    "adamw": RunRule("adam", 0.006, 3.2, {"beta1": 0.9, "beta2": 0.999}, decay=0.01),
    "adagrad": RunRule("adagrad", 0.02, 10.0),
    "adafactor": RunRule("adafactor", 0.004, 3.2, {"shape": (SIDE, SIDE)}),
    "muon": RunRule("muon", 0.01, 5.0, {"shape": (SIDE, SIDE), "beta1": 0.9}),
}


def learning_rates(name: str, problem: Quadratic, ratio: float) -> np.ndarray:
    """Rates at which the rule called `name` is tried on a problem, `ratio` apart."""
    case = RULES[name]
    count = int(np.ceil(np.log(case.high / case.low) / np.log(ratio))) + 1
    return unit(name, problem) * case.low * ratio ** np.arange(count)


def unit(name: str, problem: Quadratic) -> float:
    """What the rates of the rule called `name` are multiples of."""
    if not RULES[name].linear:
        return 1.0
    return 1.0 / float(np.linalg.eigvalsh(np.asarray(dense(problem.hessian), float))[-1])

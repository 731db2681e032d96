"""Momentum over many steps: what averaging does to the sum of K updates, not to one of them.

Steps of a run share their average m, so that the noise of successive updates adds up. With m
stationary at a frozen gradient, the noise of Σ_{t≤K} m_t is c_K times that of K gradients: c_K is
c = (1−β)/(1+β) for one step and 1 in the long run, where averaging gains nothing. Signum's updates
of pure noise have covariance (2/π) arcsin βᵏ at lag k, so that K of them vary F_K = 1 + 4A_K/π
times as much as K signs, while each has a mean 1/√c larger (small h). Hence K steps of Signum with
ε at B are K steps of sign descent with ε√F_K at B/(cF_K): a batch multiplier of 1/c for one step,
in the long run never above 1/ln 2 ≈ 1.44, however long the memory.
"""

import numpy as np
import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.momentum import AVERAGES, EMA_FACTOR, checked_decay
from theory.symbols import A_K, B, K_steps, beta_1, epsilon, lambda_H, sigma

SOURCE = "Derived here"
SIGNS = (*AVERAGES, holds.GAUSSIAN, holds.SMALL_BATCH)
FORGOTTEN = 1e-17  # a lag beyond which βᵏ adds nothing

RUN_FACTOR = Law(
    "run_factor",
    (beta_1, K_steps),
    1 - 2 * beta_1 * (1 - beta_1**K_steps) / (K_steps * (1 - beta_1**2)),
    SOURCE,
    AVERAGES,
    "Variance of a sum of K stationary averages, over that of a sum of K gradients",
)
MOMENTUM_STATIONARY = Law(
    "momentum_stationary",
    (epsilon, sigma, B, lambda_H, beta_1),
    epsilon * sigma**2 / (B * lambda_H * (2 - EMA_FACTOR.expr * epsilon * lambda_H)),
    SOURCE,
    (holds.QUADRATIC, holds.INDEPENDENT_SAMPLES),
    "Momentum: stationary variance of a parameter along an eigenvector of the Hessian",
)
SIGNUM_RUN_FACTOR = Law(
    "signum_run_factor",
    (A_K,),
    1 + 4 * A_K / sp.pi,
    SOURCE,
    SIGNS,
    "Signum: variance of a sum of K updates, over that of K independent signs",
)
SIGNUM_MULTIPLIER = Law(
    "signum_multiplier",
    (beta_1, A_K),
    1 / (EMA_FACTOR.expr * SIGNUM_RUN_FACTOR.expr),
    SOURCE,
    SIGNS,
    "Signum over K steps: batch size of sign descent that does the same, over its own",
)
SIGNUM_RATE = Law(
    "signum_rate",
    (epsilon, A_K),
    epsilon / sp.sqrt(SIGNUM_RUN_FACTOR.expr),
    SOURCE,
    SIGNS,
    "Signum over K steps: learning rate that does what ε does under sign descent",
)


def arcsine_sum(beta1: float, steps: float = np.inf) -> float:
    """A_K = Σ_{k=1}^{K−1} (1 − k/K) arcsin β1ᵏ, for K = `steps` (inf: the long run).

    Errors: ValueError for a decay outside [0, 1) or fewer than one step.
    """
    beta = checked_decay("beta1", beta1)
    if not steps >= 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    if beta == 0:
        return 0.0
    last = min(steps - 1, np.log(FORGOTTEN) / np.log(beta))
    lag = np.arange(1, np.floor(last) + 1)
    return float(((1 - lag / steps) * np.arcsin(beta**lag)).sum())

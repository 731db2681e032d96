"""Whole runs of SGD on a quadratic, in closed form along one eigenvector of the Hessian.

With gradient λθ + ξ/√B the mean of θ is multiplied by 1 − ελ in each step, and its variance P
becomes (1 − ελ)²P + ε²σ²/B, σ² = kᵀΣk being the noise along the eigenvector k. The loss is the sum
over eigenvectors, whatever Σ is: no covariance between two of them enters it.
"""

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import B, N_steps, epsilon, lambda_k, m_k, sigma

SOURCE = "Zhang et al. 2019 (1907.04164), noisy quadratic model"
HOLDS = (holds.QUADRATIC, holds.INDEPENDENT_SAMPLES)
SHRINKS = (1 - epsilon * lambda_k) ** 2

SGD_FLOOR = Law(
    "sgd_floor",
    (lambda_k, sigma, B, epsilon),
    epsilon * sigma**2 / (2 * B * (2 - epsilon * lambda_k)),
    SOURCE,
    (*HOLDS, holds.STABLE),
    "SGD: loss along one eigenvector after very many steps",
)
SGD_RUN_LOSS = Law(
    "sgd_run_loss",
    (lambda_k, m_k, sigma, B, epsilon, N_steps),
    SHRINKS**N_steps * lambda_k * m_k**2 / 2 + (1 - SHRINKS**N_steps) * SGD_FLOOR.expr,
    SOURCE,
    HOLDS,
    "SGD: expected loss along one eigenvector after K steps",
)

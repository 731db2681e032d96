"""Theorem 4: the learning rate that sign descent approaches as the batch grows.

Every coordinate with μ_i ≠ 0 ends with a certain sign. A coordinate with μ_i = 0 < σ_i never
does: its sign stays a coin, and its curvature stays in the denominator. The paper leaves out
this second kind; the law here keeps it.
"""

from typing import Any

import jax.numpy as jnp
import sympy as sp
from numpy.typing import ArrayLike

from theory import hypotheses as holds
from theory.descent import optimum
from theory.hessian import as_hessian
from theory.law import Law
from theory.moments import ARCSINE
from theory.problem import checked_correlation, checked_mu, checked_sigma
from theory.symbols import G1, A, Q

PLATEAU = Law(
    "plateau",
    (G1, Q, A),
    G1 / (Q + 2 * A / sp.pi),
    "Li et al. 2024 (2405.14578), Theorem 4, eq. (17), with coordinates of zero mean",
    (
        *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, holds.INDEPENDENT_SAMPLES),
        *(holds.JOINTLY_GAUSSIAN, holds.NO_DEAD_COORDINATE),
    ),
    "Sign descent: optimal learning rate at large batches",
)
SIMPLE_PLATEAU = Law(
    "simple_plateau",
    (G1, Q),
    G1 / Q,
    "Li et al. 2024 (2405.14578), Theorem 4, eq. (17)",
    (*PLATEAU.holds, holds.NO_VANISHING_MEAN),
    "Sign descent: optimal learning rate at large batches, all means non-zero",
)


def large_batch_limit(
    mu: ArrayLike,
    hessian: Any,
    sigma: ArrayLike | None = None,
    correlation: ArrayLike | None = None,
) -> float:
    """lim ε*(B) = Σ|μ_i| / (sᵀHs + (2/π) Σ_{i,j∈Z} H_ij arcsin ρ_ij), B → ∞; s = sign μ.

    Z holds the coordinates with μ_i = 0 < σ_i; `sigma` is needed only where some μ_i = 0.
    Noise is independent (Σ_{i∈Z} H_ii) unless `correlation` (d, d) is given; |Z| products with
    the Hessian. nan where no optimum exists.
    Source: Li et al. 2024, Theorem 4, completed.
    Errors: ValueError for malformed input, for μ_i = 0 without σ_i, and for μ_i = σ_i = 0.
    """
    mean = checked_mu(mu)
    size = mean.shape[0]
    operator = as_hessian(hessian, size)
    coins = jnp.flatnonzero(mean == 0)
    deviation = None if sigma is None else checked_sigma(sigma, size)
    matrix = None if correlation is None else checked_correlation(correlation, size)
    if coins.size and deviation is None:
        raise ValueError("sigma is required where mu has zeros")
    if deviation is not None and bool((deviation[coins] == 0).any()):
        raise ValueError("a coordinate with mu = sigma = 0 has no defined sign")
    if matrix is None:
        trace = operator.diagonal[coins].sum()
    else:
        covariance = ARCSINE.jax(matrix[coins][:, coins])
        trace = (operator.rows(coins)[:, coins] * covariance).sum()
    signs = jnp.sign(mean)
    return float(optimum(jnp.abs(mean).sum(), operator.quadratic(signs) + trace).lr_star)

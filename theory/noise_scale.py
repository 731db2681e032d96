"""Laws with a noise scale B_noise: SGD everywhere, sign descent at small batches.

SGD saturates: ε* = ε_max/(1 + B_noise/B). Sign descent with B ≪ πσ_i²/(2μ_i²) has ℰ_i ≈
√(2B/π) r_i, and its optimal learning rate rises as √B, peaks at B_noise = πT/(2S) and falls as
1/√B (Theorem 3), while the decrease of the loss saturates as under SGD (Theorem 5).
Noise is independent between coordinates.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import sympy as sp
from numpy.typing import ArrayLike

from theory import hypotheses as holds
from theory.hessian import as_hessian
from theory.law import Law
from theory.problem import checked_mu, checked_sigma
from theory.symbols import G2, B, B_noise, C, M, S, T, W, dL_max, eps_max, mu, sigma

PAPER = "Li et al. 2024 (2405.14578)"
MCCANDLISH = f"McCandlish et al. 2018 (1812.06162), §2.2; {PAPER}, eq. (1)"

SGD = (holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.INDEPENDENT_SAMPLES)
SMALL = (
    *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, holds.INDEPENDENT_SAMPLES),
    *(holds.GAUSSIAN, holds.INDEPENDENT_COORDINATES, holds.NOISY, holds.SMALL_BATCH),
    *(holds.POSITIVE_TRACE, holds.POSITIVE_S),
)

SGD_EPS_MAX = Law(
    "sgd_eps_max", (G2, C), G2 / C, MCCANDLISH, SGD, "SGD: learning rate without noise"
)
SGD_NOISE_SCALE = Law("sgd_noise_scale", (W, C), W / C, MCCANDLISH, SGD, "SGD: noise scale")
SGD_LR = Law(
    "sgd_lr",
    (B, eps_max, B_noise),
    eps_max / (1 + B_noise / B),
    MCCANDLISH,
    SGD,
    "SGD: optimal learning rate",
)
SGD_DECREASE = Law(
    "sgd_decrease",
    (B, dL_max, B_noise),
    dL_max / (1 + B_noise / B),
    MCCANDLISH,
    SGD,
    "SGD: decrease of the loss",
)
SMALL_BATCH_LR = Law(
    "small_batch_lr",
    (B, eps_max, B_noise),
    2 * eps_max / (sp.sqrt(B_noise / B) + sp.sqrt(B / B_noise)),
    f"{PAPER}, Theorem 3, eq. (13)",
    SMALL,
    "Sign descent, small batches: optimal learning rate",
)
NOISE_SCALE = Law(
    "noise_scale",
    (T, S),
    sp.pi * T / (2 * S),
    f"{PAPER}, Theorem 3, eq. (14)",
    SMALL,
    "Sign descent, small batches: noise scale and place of the peak",
)
EPS_MAX = Law(
    "eps_max",
    (M, S, T),
    M / (2 * sp.sqrt(S * T)),
    f"{PAPER}, Theorem 3, eq. (15)",
    SMALL,
    "Sign descent, small batches: largest optimal learning rate",
)
SMALL_BATCH_DECREASE = Law(
    "small_batch_decrease",
    SGD_DECREASE.args,
    SGD_DECREASE.expr,
    f"{PAPER}, Theorem 5, eq. (18)",
    SMALL,
    "Sign descent, small batches: decrease of the loss, of the same form as under SGD",
)
DECREASE_MAX = Law(
    "decrease_max",
    (M, S),
    M**2 / (2 * S),
    f"{PAPER}, Theorem 5, eq. (19)",
    SMALL,
    "Sign descent, small batches: largest decrease of the loss",
)
REGIME = Law(
    "regime",
    (mu, sigma),
    sp.pi * sigma**2 / (2 * mu**2),
    f"{PAPER}, Theorem 3",
    (holds.GAUSSIAN,),
    "Batch size far below which a coordinate's mean sign grows as √B",
)


class SmallBatch(NamedTuple):
    """The ingredients of Theorems 3 and 5; `regime` is min_i πσ_i²/(2μ_i²), in samples.

    `b_noise` and `eps_max` are inf for S = 0 (ε* grows as √B without a peak) and nan for S < 0
    or T ≤ 0 (Theorem 3 does not apply). Trust them for B, and b_noise, far below `regime`.
    """

    eps_max: float
    b_noise: float
    S: float
    T: float
    M: float
    regime: float


def small_batch(mu: ArrayLike, sigma: ArrayLike, hessian: Any) -> SmallBatch:
    """T = tr H, S = Σ_{i≠j} r_i r_j H_ij, M = Σ μ_i²/σ_i and the scales made of them.

    `mu`, `sigma` (d,); `hessian` (d, d) or an operator: one Hessian-vector product.
    Source: Li et al. 2024, Theorem 3. Holds for: independent Gaussian coordinates.
    Errors: ValueError for malformed input or a coordinate without noise, for r_i = μ_i/σ_i.
    """
    mean = checked_mu(mu)
    deviation = checked_sigma(sigma, mean.shape[0])
    if bool((deviation == 0).any()):
        raise ValueError("small_batch needs sigma > 0 in every coordinate")
    operator = as_hessian(hessian, mean.shape[0])
    ratio = mean / deviation
    trace = operator.diagonal.sum()
    # coordinate by coordinate, so that a diagonal Hessian gives S = 0 and not round-off
    off_diagonal = ratio @ (operator.matvec(ratio) - operator.diagonal * ratio)
    strength = mean @ ratio
    smallest = REGIME.jax(1.0, 1 / jnp.abs(ratio).max())
    # S = 0 divides to inf by itself; a negative sum is outside the theorem
    valid = (off_diagonal >= 0) & (trace > 0)
    noise_scale = jnp.where(valid, NOISE_SCALE.jax(trace, off_diagonal), jnp.nan)
    largest = jnp.where(valid, EPS_MAX.jax(strength, off_diagonal, trace), jnp.nan)
    values = (largest, noise_scale, off_diagonal, trace, strength, smallest)
    return SmallBatch(*map(float, values))

"""V = Σ_k a_k g_k/√(Σ_k w_k g_k²): exact moments of Adam, RMSProp and Adagrad by one quadrature.

The past gradients g_k ~ N(μ, s²), s² = σ²/B, are independent in time and the mean stands still.
As v^{−1/2} = π^{−1/2}∫t^{−1/2}e^{−tv}dt and v^{−1} = ∫e^{−tv}dt, the Gaussian integral factors over
k (`derivations/ratio.py`). For h = μ/s and t in units of 1/s²,
A = ½Σ ln(1 + 2tw_k), C = Σ w_k/(1 + 2tw_k), D_a = Σ a_k/(1 + 2tw_k), D_aa = Σ a_k²/(1 + 2tw_k):

    E[V]  = (h/√π) ∫₀^∞ t^{−1/2} D_a e^{−A − h²tC} dt,
    E[V²] = ∫₀^∞ (D_aa + h²D_a²) e^{−A − h²tC} dt.

The sums depend on t alone, and are taken once for all coordinates. The integrals are trapezoidal
sums in ln t, which converge like e^{−π²/Δ}: to round-off at Δ = 1/4.
"""

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array
from jax.typing import ArrayLike

from theory import hypotheses as holds
from theory.law import Law
from theory.moments import Moments, sign_moments
from theory.ratio_history import History
from theory.symbols import A_t, C_t, D_a, D_aa, h, s_aa, s_aw, s_ww, t

STEP = 0.25  # Δ of ln t
LARGEST = 1e5  # |h| beyond which the mean is ±1 within 1e-10
LOWEST = 1e-18  # first t: below it the integrands are pure powers of t for |h| < 1e4
HIGHEST = np.exp(60.0)
NEGLIGIBLE = -42.0  # logarithm of the part of an integrand that is left out above
AT_ONCE = 4096  # coordinates

HOLDS = (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.FROZEN, holds.NO_DEAD_COORDINATE)
TRANSFORM = sp.exp(-A_t - h**2 * t * C_t)  # E[e^{−tv}]

RATIO_ROOT_DENSITY = Law(
    "ratio_root_density",
    (h, t, A_t, C_t),
    TRANSFORM / sp.sqrt(sp.pi * t),
    "Derived here by Laplace transform",
    HOLDS,
    "Adam, RMSProp, Adagrad: density over t of the mean of 1/√v",
)
RATIO_MEAN_DENSITY = Law(
    "ratio_mean_density",
    (h, t, A_t, C_t, D_a),
    h * D_a * RATIO_ROOT_DENSITY.expr,
    "Derived here by Laplace transform",
    HOLDS,
    "Adam, RMSProp, Adagrad: density over t of the mean update",
)
RATIO_SQUARE_DENSITY = Law(
    "ratio_square_density",
    (h, t, A_t, C_t, D_a, D_aa),
    (D_aa + h**2 * D_a**2) * TRANSFORM,
    "Derived here by Laplace transform",
    HOLDS,
    "Adam, RMSProp, Adagrad: density over t of the mean squared update",
)
RATIO_LARGE_VARIANCE = Law(
    "ratio_large_variance",
    (h, s_aa, s_aw, s_ww),
    (s_aa - 2 * s_aw + s_ww) / h**2,
    "Derived here: V to first order in the noise",
    (*HOLDS, holds.ABOVE_NOISE),
    "Adam, RMSProp, Adagrad: variance of the update where the noise is small",
)


class Quadrature(NamedTuple):
    """Nodes t with the sums A, C, D_a, D_aa there, (n,) each; weights dt for integrands that
    start like t^{−1/2} and like 1."""

    t: np.ndarray
    A: np.ndarray
    C: np.ndarray
    D_a: np.ndarray
    D_aa: np.ndarray
    root_weight: np.ndarray
    unit_weight: np.ndarray


@cache
def quadrature(history: History) -> Quadrature:
    """The nodes for one history; what lies below the first is a geometric series, in its weight."""
    rows: list[tuple[Any, ...]] = []
    for node in np.exp(np.arange(np.log(LOWEST), np.log(HIGHEST), STEP)):
        damping = 1 / (1 + 2 * node * history.w)
        damped = np.stack([history.w, history.a, history.a**2]) * damping
        log_factor = history.total(np.log1p(2 * node * history.w)) / 2
        rows.append((node, log_factor, *history.total(damped)))
        largest = np.log(node) + np.log(rows[-1][4] + rows[-1][3] ** 2)
        if log_factor > 1 and largest - log_factor < NEGLIGIBLE:
            break
    nodes, log_factors, weights, means, squares = np.array(rows).T
    root, unit = STEP * nodes, STEP * nodes
    root[0] /= 1 - np.exp(-STEP / 2)
    unit[0] /= 1 - np.exp(-STEP)
    return Quadrature(nodes, log_factors, weights, means, squares, root, unit)


def signal(mu: Array, sigma: Array, batch: ArrayLike) -> Array:
    """h = √B μ/σ, (d,); where σ = 0 a value beyond which noise no longer counts."""
    noisy, safe = sigma > 0, jnp.where(sigma > 0, sigma, 1.0)
    return jnp.where(noisy, jnp.sqrt(batch) * mu / safe, jnp.sign(mu) * LARGEST)


@partial(jax.jit, static_argnums=0)
def ratio_moments(history: History, mu: Array, sigma: Array, batch: ArrayLike) -> Moments:
    """Mean and variance of V by coordinate; sign μ and 0 where σ = 0.

    The variance is E[V²] − E[V]², of relative error about 300ε(1 + h²) with ε that of the precision
    (1e-7 at |h| = 1000 in float64), and beyond |h| = ε^{−1/4} (8192; in float32 54) its leading
    form Σ(a_k − w_k)²/h², of relative error O(1/h²).
    Source: derived here. Holds for: a frozen gradient, Gaussian ĝ; not μ = σ = 0.
    """
    if history.w.size == 1:
        return sign_moments(mu, sigma, batch)
    h = signal(mu, sigma, batch)
    mean, square = _integrals(quadrature(history), jnp.clip(h, -LARGEST, LARGEST))
    certain = jnp.abs(h) > largest_signal(h)
    tail = RATIO_LARGE_VARIANCE.jax(jnp.where(certain, h, 1.0), *history.products())
    variance = jnp.where(certain, tail, jnp.maximum(square - mean**2, 0.0))
    return Moments(mean, jnp.where(sigma > 0, variance, 0.0))


def largest_signal(h: Array) -> float:
    """|h| from which leading forms are nearer than differences of integrals."""
    return float(jnp.finfo(h.dtype).eps) ** -0.25


def _integrals(rule: Quadrature, h: Array) -> tuple[Array, Array]:
    t, A, C, D_a, D_aa, root_weight, unit_weight = (jnp.asarray(x, h.dtype) for x in rule)

    def one(h: Array) -> tuple[Array, Array]:
        mean = RATIO_MEAN_DENSITY.jax(h, t, A, C, D_a) @ root_weight
        return mean, RATIO_SQUARE_DENSITY.jax(h, t, A, C, D_a, D_aa) @ unit_weight

    return jax.lax.map(one, h, batch_size=AT_ONCE)

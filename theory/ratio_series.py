"""Covariance of two ratios of averages under correlated noise, as a series in ρ.

By Mehler's theorem over all past gradients, Cov(V_i, V_j) = Σ_p ρ^p Σ_{|α|=p} c_α(h_i)c_α(h_j).
The part linear in ρ is exact, for its coefficients are integrals like that of the mean,

    E[∂V/∂z_k] = ∫₀^∞ (a_k − 2tw_k h²D_a)/(1 + 2tw_k) · e^{−A − h²tC} dt/√(πt).

The rest of the variance, Var V − Σ_k E[∂V/∂z_k]², is shared between ρ² and ρ³ in the proportion
that it has to first order in Σw² (β2 → 1; Adagrad: many steps): the whole is exact at ρ = 1.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array
from jax.typing import ArrayLike

from theory import hypotheses as holds
from theory.correlated import Term
from theory.law import Law
from theory.ratio import (
    AT_ONCE,
    HOLDS,
    RATIO_ROOT_DENSITY,
    Quadrature,
    largest_signal,
    quadrature,
    ratio_moments,
    signal,
)
from theory.ratio_history import History
from theory.symbols import h, k, rho, s_aa, s_aaw, s_aw, s_ww

SHORTEST = 0.21  # largest Σw² for which the first order is near enough
SIGNALS = np.concatenate([[0.0], np.geomspace(0.01, 1e3, 60)])
RANK_ERROR = 1e-7  # largest part of the linear covariance that is left out

FIRST = (*HOLDS, holds.LONG_MEMORY)
SOURCE = "Derived here to first order in Σw²"


def phi(h: Any) -> Any:
    """μ/ν = h/√(1 + h²), with ν² = μ² + s²."""
    return h / sp.sqrt(1 + h**2)


def psi(h: Any) -> Any:
    """s/ν = 1/√(1 + h²)."""
    return 1 / sp.sqrt(1 + h**2)


def spread(h: Any) -> Any:
    """Variance of v/ν² for Σw² = 1: (2s⁴ + 4μ²s²)/ν⁴."""
    return 2 * psi(h) ** 4 + 4 * phi(h) ** 2 * psi(h) ** 2


def _first_covariance(h: Any, k: Any, rho: Any) -> Any:
    f, p, g, q = phi(h), psi(h), phi(k), psi(k)
    linear = (
        s_aa * (1 + sp.Rational(3, 8) * s_ww * (spread(h) + spread(k)))
        - s_aaw * (p**2 + q**2)
        - s_aw * (f**2 + g**2)
        + s_ww * f**2 * g**2
    )
    square = s_ww * (sp.Rational(1, 2) + s_aa) * f * g * p * q
    cube = s_ww * s_aa / 2 * p**2 * q**2
    return rho * p * q * (linear + rho * square + rho**2 * cube)


RATIO_FIRST_MEAN = Law(
    "ratio_first_mean",
    (h, s_aw, s_ww),
    phi(h) * (1 - s_aw * psi(h) ** 2 + sp.Rational(3, 8) * s_ww * spread(h)),
    SOURCE,
    FIRST,
    "Adam, RMSProp, Adagrad: mean update, first correction for a finite memory",
)
RATIO_FIRST_COVARIANCE = Law(
    "ratio_first_covariance",
    (h, k, rho, s_aa, s_aw, s_ww, s_aaw),
    _first_covariance(h, k, rho),
    SOURCE,
    (*FIRST, holds.JOINTLY_GAUSSIAN),
    "Adam, RMSProp, Adagrad: covariance of two updates, first correction; at ρ = 1 the variance",
)
RATIO_SQUARE_SHARE = Law(
    "ratio_square_share",
    (h, s_aa),
    h * sp.sqrt(1 + 2 * s_aa) / sp.sqrt((1 + 2 * s_aa) * h**2 + s_aa),
    SOURCE,
    (*FIRST, holds.JOINTLY_GAUSSIAN),
    "Root of the part of the non-linear variance that goes with ρ²",
)
RATIO_CUBE_SHARE = Law(
    "ratio_cube_share",
    (h, s_aa),
    sp.sqrt(s_aa) / sp.sqrt((1 + 2 * s_aa) * h**2 + s_aa),
    SOURCE,
    (*FIRST, holds.JOINTLY_GAUSSIAN),
    "Root of the part of the non-linear variance that goes with ρ³",
)


def ratio_terms(
    history: History, mu: Array, sigma: Array, batch: ArrayLike, order: int | None
) -> tuple[Term, ...]:
    """Cov(V_i, V_j) as terms in ρ, ρ² and ρ³, up to `order`; zero where σ = 0.

    Source: derived here. Holds for: jointly Gaussian ĝ, a frozen gradient; exact as ρ → 0 and at
    ρ = 1, i = j. Between them the error is within 1 % of the covariance at (β1, β2) = (0.9, 0.95),
    RMSProp's β2 = 0.7 and Adagrad's 10 steps (5 steps: 1.5 %); at (0.95, 0.9) and (0.9, 0.7), where
    m forgets more slowly than v, within 2 and 10 % of √(Var V_i Var V_j).
    Errors: ValueError where Σw² > 0.2 (β2 < 2/3; Adagrad: fewer than 5 steps).
    """
    s_aa, _, s_ww = history.products()
    if s_ww > SHORTEST:
        raise ValueError(
            "correlated noise needs a longer memory: beta2 at least 2/3, or 5 steps of adagrad"
        )
    h = signal(mu, sigma, batch)
    near = jnp.clip(h, -largest_signal(h), largest_signal(h))
    shrink = jnp.where((sigma > 0) & (h != 0), near / jnp.where(h != 0, h, 1.0), sigma > 0)
    linear = _responses(quadrature(history), _basis(history), near) * shrink[:, None]
    variance = ratio_moments(history, mu, sigma, batch).variance
    rest = jnp.sqrt(jnp.maximum(variance - jnp.square(linear).sum(axis=1), 0.0))
    factors = [(1, linear[:, n]) for n in range(linear.shape[1])]
    factors += [(2, rest * RATIO_SQUARE_SHARE.jax(h, s_aa))]
    factors += [(3, rest * RATIO_CUBE_SHARE.jax(h, s_aa))]
    return tuple(Term(p, f) for p, f in factors if order is None or p <= order)


@cache
def _basis(history: History) -> np.ndarray:
    """L (2n, R): Σ_k E[∂V_i/∂z_k]E[∂V_j/∂z_k] = Σ_r l_r(h_i)l_r(h_j), l(h) = (e, h²e)L.

    e (n,) are the weighted values of the root density. The coefficients over k, for all h, lie
    near a space of few dimensions (a_k and w_k span most of it), found from a grid of h.
    """
    rule = quadrature(history)
    t = rule.t[:, None]
    damping = np.sqrt(history.count) / (1 + 2 * t * history.w)
    rows = np.concatenate([history.a * damping, -2 * t * history.w * rule.D_a[:, None] * damping])
    gram = rows @ rows.T
    values = np.asarray(jax.vmap(lambda h: _weighted(rule, h))(jnp.asarray(SIGNALS)))
    values = values * np.sqrt(1 + SIGNALS**2)[:, None]
    sizes, vectors = np.linalg.eigh(values @ gram @ values.T)
    kept = sizes > RANK_ERROR * sizes[-1]
    return gram @ values.T @ vectors[:, kept] / np.sqrt(sizes[kept])


def _weighted(rule: Quadrature, h: Array) -> Array:
    t, A, C, weight = (jnp.asarray(x, h.dtype) for x in (rule.t, rule.A, rule.C, rule.root_weight))
    density = RATIO_ROOT_DENSITY.jax(h, t, A, C) * weight
    return jnp.concatenate([density, h**2 * density])


@jax.jit
def _responses(rule: Quadrature, basis: Array, h: Array) -> Array:
    """l(h), (d, R)."""
    matrix = jnp.asarray(basis, h.dtype)
    return jax.lax.map(lambda one: _weighted(rule, one) @ matrix, h, batch_size=AT_ONCE)

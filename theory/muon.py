"""Muon, V = msign(M) = UWᵀ of the singular vectors of the momentum matrix M: scalar laws.

M is p × n, p ≤ n, Gaussian with mean G = Σ s_k u_k w_kᵀ. With equal noise σ²/B (with momentum β1,
B(1 + β1)/(1 − β1) for B) every singular value of G has its own mean, E[V] = Σ φ_k u_k w_kᵀ, an
integral over t of the mean resolvent; a(t), b(t) solve the Dyson equation of
`theory.muon_resolvent`:
a = t + σ²/B·[Σ_k a/(ab + s_k²) + (n − p)/b],   b = t + σ²/B·Σ_k b/(ab + s_k²).
For p ≪ n that is Su's mean field. With small batches φ_k ∝ √B s_k; with large ones V = msign(G),
and |μ|₁ of sign descent becomes the nuclear norm Σ s_k. Where the Hessian is X ↦ (GGᵀ)^½X/η_max,
D does not depend on B and ε* never declines; other Hessians may have a surge.
"""

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import B, B_simple, a_t, b_t, dL_max, eps_max, n_long, s_k, s_l, sigma

SU = "Su, kexue.fm 11301"
OWN = "Derived here"
GAUSSIAN = (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.INDEPENDENT_COORDINATES)
EQUAL = (*GAUSSIAN, holds.EQUAL_NOISE, holds.LARGE_MATRIX)
SU_CASE = (
    *(holds.QUADRATIC, *EQUAL, holds.TALL, holds.EQUAL_SINGULAR_VALUES, holds.NUCLEAR_CURVATURE),
)

MUON_MEAN_DENSITY = Law(
    "muon_mean_density",
    (s_k, a_t, b_t),
    2 / sp.pi * s_k / (a_t * b_t + s_k**2),
    OWN,
    EQUAL,
    "Muon: density over t of the mean update along a singular value",
)
MUON_RESPONSE_DENSITY = Law(
    "muon_response_density",
    (s_k, s_l, a_t, b_t),
    2 / sp.pi * a_t * b_t / ((a_t * b_t + s_k**2) * (a_t * b_t + s_l**2)),
    OWN,
    EQUAL,
    "Muon: density over t of the response of V_kl to noise in M_kl",
)
MUON_CROSS_DENSITY = Law(
    "muon_cross_density",
    (s_k, s_l, a_t, b_t),
    -2 / sp.pi * s_k * s_l / ((a_t * b_t + s_k**2) * (a_t * b_t + s_l**2)),
    OWN,
    EQUAL,
    "Muon: density over t of the response of V_kl to noise in M_lk",
)
MUON_TALL_MEAN = Law(
    "muon_tall_mean",
    (s_k, sigma, B, n_long),
    s_k / sp.sqrt(s_k**2 + n_long * sigma**2 / B),
    SU,
    (*EQUAL, holds.TALL),
    "Muon, tall matrix: mean update along a singular value",
)
MUON_SQUARE_SMALL = Law(
    "muon_square_small",
    (s_k, sigma, B, n_long),
    8 * s_k * sp.sqrt(B) / (3 * sp.pi * sigma * sp.sqrt(n_long)),
    OWN,
    (*EQUAL, holds.SQUARE),
    "Muon, square matrix: mean update along a singular value at small batches",
)
MUON_LR = Law(
    "muon_lr",
    (B, eps_max, B_simple),
    eps_max / sp.sqrt(1 + B_simple / B),
    SU,
    SU_CASE,
    "Muon, curvature along the nuclear norm: optimal learning rate",
)
MUON_DECREASE = Law(
    "muon_decrease",
    (B, dL_max, B_simple),
    dL_max / (1 + B_simple / B),
    OWN,
    SU_CASE,
    "Muon, curvature along the nuclear norm: decrease, half its limit at B_simple",
)

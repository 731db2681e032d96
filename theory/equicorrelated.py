"""When correlation takes the surge away: one ratio κ, and one correlation ρ for all pairs.

With a = √((1−ρ)/(1+ρ)) and h = √B/κ two signs agree with mean 1 − 8T_O(h, a), T_O Owen's function,
so that ε* = G₁ erf(h/√2)/(Q − 8(Q−T) T_O(h, a)). It rises while
Q > (Q−T)[8T_O(h, a) + 2 erf(h/√2) erf(ah/√2)], whose right side only grows, up to 2(Q−T).
Hence for every ρ < 1 there is a surge exactly if Q > 2T, as without correlation. But it fades: as
ρ → 1 the peak moves away as 1/(1−ρ) and its height over the plateau tends to 1.
"""

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import B, Q, T, kappa, rho

COMMON = (
    *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, holds.INDEPENDENT_SAMPLES),
    *(holds.JOINTLY_GAUSSIAN, holds.NO_DEAD_COORDINATE, holds.COMMON_RATIO, holds.EQUICORRELATED),
)
SURGING = (*COMMON, holds.POSITIVE_TRACE, holds.SURGING)
SOURCE = "Derived here from Price's theorem"
SPREAD = sp.sqrt((1 - rho) / (1 + rho))

EQUICORRELATED_NOISE_SCALE = Law(
    "equicorrelated_noise_scale",
    (kappa, T, Q, rho),
    kappa**2 * (sp.pi * T / (2 * (Q - T)) + sp.asin(rho)) / SPREAD,
    SOURCE,
    (*SURGING, holds.WEAKLY_CORRELATED),
    "Equicorrelated noise, one ratio: noise scale and place of the peak at weak correlation",
)
EQUICORRELATED_PEAK = Law(
    "equicorrelated_peak",
    (kappa, T, Q, rho),
    2 * kappa**2 / SPREAD**2 * sp.erfinv(Q / (2 * (Q - T))) ** 2,
    SOURCE,
    (*SURGING, holds.NEARLY_PERFECT),
    "Equicorrelated noise, one ratio: batch size of the peak at strong correlation",
)
EQUICORRELATED_RISE = Law(
    "equicorrelated_rise",
    (B, kappa, T, Q, rho),
    Q / (2 * (Q - T) * sp.erf(sp.sqrt(B / 2) * SPREAD / kappa)),
    SOURCE,
    SURGING,
    "Equicorrelated noise, one ratio: height over the plateau of a peak at B",
)

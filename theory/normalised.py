"""Normalised SGD, V = ĝ/‖ĝ‖: mean-field laws, and the exact sums for Gaussian gradients.

Mean field: ‖ĝ‖² is replaced by its mean |G|² + trΣ/B. Then N = |G|²/ν and D = (C + W/B)/ν², so
that ΔL* is SGD's own, with its noise scale B_noise = W/C, while ε* surges if B_simple > 2B_noise.
Exactly, by Laplace's integrals of 1/‖ĝ‖ and 1/‖ĝ‖²: under the weight e^{−x‖ĝ‖²} a Gaussian stays
Gaussian, coordinate by coordinate of the noise's own axes. The mean field overstates N by about
1/(4d_eff) where noise rules, d_eff = (trΣ)²/trΣ², and D by a term of that order.
"""

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import G2, B, B_noise, B_simple, C, mu, sigma, t

SOURCE = "Derived here"
GAUSSIAN = (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN)
MEAN_FIELD = (
    *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.INDEPENDENT_SAMPLES, holds.MEAN_FIELD),
)
SURGING = (*MEAN_FIELD, holds.NORM_SURGING)

TILTED_MEAN = Law(
    "normalised_tilted_mean",
    (mu, sigma, B, t),
    mu / (1 + 2 * t * sigma**2 / B),
    SOURCE,
    GAUSSIAN,
    "Normalised SGD: mean of a coordinate under the weight e^{−tĝ²}",
)
TILTED_VARIANCE = Law(
    "normalised_tilted_variance",
    (sigma, B, t),
    sigma**2 / (B + 2 * t * sigma**2),
    SOURCE,
    GAUSSIAN,
    "Normalised SGD: variance of a coordinate under the weight e^{−tĝ²}",
)
TILTED_WEIGHT = Law(
    "normalised_tilted_weight",
    (mu, sigma, B, t),
    -t * mu**2 / (1 + 2 * t * sigma**2 / B) - sp.log(1 + 2 * t * sigma**2 / B) / 2,
    SOURCE,
    GAUSSIAN,
    "Normalised SGD: logarithm of E[e^{−tĝ²}] of a coordinate",
)
NORMALISED_LR = Law(
    "normalised_lr",
    (B, G2, C, B_noise, B_simple),
    sp.sqrt(G2) * G2 / C * sp.sqrt(1 + B_simple / B) / (1 + B_noise / B),
    SOURCE,
    MEAN_FIELD,
    "Normalised SGD, mean field: optimal learning rate",
)
NORMALISED_SMALL = Law(
    "normalised_small",
    (B, G2, C, B_noise, B_simple),
    sp.sqrt(G2) * G2 / C * sp.sqrt(B_simple * B) / B_noise,
    SOURCE,
    MEAN_FIELD,
    "Normalised SGD, mean field: optimal learning rate of small batches",
)
NORMALISED_LARGE = Law(
    "normalised_large",
    (G2, C),
    sp.sqrt(G2) * G2 / C,
    SOURCE,
    MEAN_FIELD,
    "Normalised SGD: optimal learning rate of large batches",
)
NORMALISED_PEAK = Law(
    "normalised_peak",
    (B_noise, B_simple),
    B_simple * B_noise / (B_simple - 2 * B_noise),
    SOURCE,
    SURGING,
    "Normalised SGD, mean field: batch size of the peak",
)
NORMALISED_RATIO = Law(
    "normalised_ratio",
    (B_noise, B_simple),
    B_simple / (2 * sp.sqrt(B_noise * (B_simple - B_noise))),
    SOURCE,
    SURGING,
    "Normalised SGD, mean field: peak over plateau of the optimal learning rate",
)

"""Where and how high the surge is, as a function of the coherence alone: erf and mean field."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Check, Counterexample, Derivation, Step, below
from theory.rivals import MEAN_FIELD_LR
from theory.surge import COMMON_RATIO_HALF, COMMON_RATIO_PEAK
from theory.surge_place import (
    MEAN_FIELD_HALF,
    MEAN_FIELD_PEAK,
    PEAK_OVER_HALF,
    PEAK_OVER_PLATEAU,
    SOURCE,
    TWO_MOMENT_LR,
)
from theory.symbols import G1, B, B_noise, E, Q, T, c, eps_max, kappa, q, t

PEAK_E = 1 / sp.sqrt(q - 1)
MEAN_FIELD_E = 1 / sp.sqrt(1 + B_noise / B)
MEAN_FIELD_BATCH = B_noise / (1 / E**2 - 1)
NOISE = c * (1 - E**2)  # of a coordinate; Q = q c T
GAIN = q * E**2 / (2 * (1 + (q - 1) * E**2))
SHOWN = Check(exact=False, digits=4, points=1)

DERIVATION = Derivation(
    "surge_place",
    "Place and height of the surge: a function of the coherence",
    SOURCE,
    "With one ratio and q = Q/T (Adam: Q/(cT)) the peak is q/(2√(q−1)) times the plateau. It lies "
    "at B_noise/(q−2) in the mean field, where half the largest decrease is reached at B_noise/q: "
    "1/B_crit − 1/B_peak = 2/B_noise (4/(πκ²) with the sigmoid). With erf B_peak/B_crit = "
    "[erf⁻¹√(1/(q−1))/erf⁻¹√(1/(q+1))]².",
    (*MEAN_FIELD_PEAK.holds,),
    (
        Step(
            TWO_MOMENT_LR.at(G1, T, q * c * T, E, NOISE),
            G1 / (c * T) * E / (1 + (q - 1) * E**2),
            "Sign descent and Adam, v = c(1 − E²): a function of q = Q/(cT).",
        ),
        Step(
            sp.Derivative(E / (1 + (q - 1) * E**2), E),
            (1 - (q - 1) * E**2) / (1 + (q - 1) * E**2) ** 2,
            "It peaks at E² = 1/(q − 1), below 1 for q > 2.",
        ),
        Step(
            (q * E / (1 + (q - 1) * E**2)).subs(E, PEAK_E),
            PEAK_OVER_PLATEAU.expr,
            "Its height there, over that at E = 1.",
            laws=(PEAK_OVER_PLATEAU,),
        ),
        Step(
            sp.Integer(1), PEAK_OVER_PLATEAU(2 + t), "Above 1 for every q = 2 + t: a peak.", below()
        ),
        Step(
            TWO_MOMENT_LR.at(eps_max * Q, Q / q, Q, MEAN_FIELD_E, 1 - MEAN_FIELD_E**2),
            MEAN_FIELD_LR.expr,
            "The mean field in B: E² = 1/(1 + B_noise/B), and the plateau ε_max = G₁/Q.",
            DIGITS,
            (MEAN_FIELD_LR,),
        ),
        Step(
            GAIN.subs(E, 1 / sp.sqrt(q + 1)),
            sp.Subs(GAIN, E, 1) / 2,
            "The decrease ΔL* = G₁²/Q times this rises with E; half its largest at E² = 1/(q + 1).",
        ),
        Step(
            sp.Subs(MEAN_FIELD_BATCH, E, 1 / sp.sqrt(q + 1)),
            MEAN_FIELD_HALF.expr,
            "That is reached at B_noise/q, for B = B_noise/(1/E² − 1).",
            laws=(MEAN_FIELD_HALF,),
        ),
        Step(
            1 / MEAN_FIELD_HALF.expr - 1 / MEAN_FIELD_PEAK.expr,
            2 / B_noise,
            "The two batch sizes differ by the noise scale alone, whatever q and c.",
        ),
        Step(
            sp.Subs(2 / B_noise, B_noise, sp.pi * kappa**2 / 2),
            4 / (sp.pi * kappa**2),
            "With the sigmoid B_noise = πκ²/2.",
        ),
        Step(
            COMMON_RATIO_PEAK(kappa, 1, q) / COMMON_RATIO_HALF(kappa, 1, q),
            PEAK_OVER_HALF.expr,
            "With erf the ratio of the two is a function of q alone as well (T = 1).",
            laws=(PEAK_OVER_HALF,),
        ),
        Step(sp.Integer(1), PEAK_OVER_HALF(2 + t), "B_peak is always the larger.", below()),
        Step(
            PEAK_OVER_HALF(sp.Integer(4)),
            sp.Rational(18247, 10**4),
            "At q = 4, where the mean field gives q/(q − 2) = 2.",
            SHOWN,
        ),
        Step(
            sp.Subs(MEAN_FIELD_E, B, MEAN_FIELD_PEAK.expr),
            PEAK_E,
            "The peak E² = 1/(q − 1) of the mean field solved for B.",
        ),
        Step(
            sp.Subs(MEAN_FIELD_BATCH, E, PEAK_E),
            MEAN_FIELD_PEAK.expr,
            "B = B_noise/(1/E² − 1) there.",
            laws=(MEAN_FIELD_PEAK,),
        ),
    ),
    (
        Counterexample(
            holds.SURGING,
            "q = 3/2: the height claimed is 1.06 plateaus; the largest rate is the plateau.",
            PEAK_OVER_PLATEAU(sp.Rational(3, 2)),
            sp.Integer(1),
        ),
    ),
    MEAN_FIELD_PEAK,
)

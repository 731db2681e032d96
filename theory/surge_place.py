"""When ε* declines, and where it peaks, for any rule whose coordinates share one ratio κ = σ/|μ|.

With s_i E[V_i] = E and Var V_i = v for every i, ε* = G₁E/(Tv + QE²): 1/ε* is the sum of TV/E, which
falls, and QE, which rises with the mean update E. So ε* declines as E grows exactly where the
coherence q = Q/T exceeds v/E² − (dv/dE)/E. Sign descent and Adam (β2 → 1) have v = c(1 − E²) with
c = (1 − β1)/(1 + β1), so that a surge exists exactly for Q > 2cT. Noise is independent between
coordinates. Batch sizes in the mean field are those with E² = 1/(1 + B_noise/B).
"""

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.surge import COMMON
from theory.symbols import G1, B_noise, E, Q, T, eta, loss, loss_0, q, v, v_E

SOURCE = "Derived here from Lemma 1"
MEAN_FIELD = (*COMMON, holds.SIGMOID)
SURGE = (*COMMON, holds.SURGING)

TWO_MOMENT_LR = Law(
    "two_moment_lr", (G1, T, Q, E, v), G1 * E / (T * v + Q * E**2), SOURCE, COMMON,
    "Any rule, one ratio: optimal learning rate",
)  # fmt: skip
SURGE_COHERENCE = Law(
    "surge_coherence", (E, v, v_E), v / E**2 - v_E / E, SOURCE, COMMON,
    "Any rule, one ratio: coherence Q/T above which the optimal learning rate falls with B",
)  # fmt: skip
PEAK_OVER_PLATEAU = Law(
    "peak_over_plateau", (q,), q / (2 * sp.sqrt(q - 1)), SOURCE, SURGE,
    "Largest optimal learning rate over that of large batches, q = Q/T (Adam: Q/(cT))",
)  # fmt: skip
PEAK_OVER_HALF = Law(
    "peak_over_half", (q,),
    (sp.erfinv(sp.sqrt(1 / (q - 1))) / sp.erfinv(sp.sqrt(1 / (q + 1)))) ** 2, SOURCE, SURGE,
    "Sign descent, one ratio: batch size of the peak over that of half the largest decrease",
)  # fmt: skip
MEAN_FIELD_PEAK = Law(
    "mean_field_peak", (B_noise, q), B_noise / (q - 2), "Su 2025 (kexue.fm), derived here",
    (*MEAN_FIELD, holds.SURGING),
    "Mean field: batch size of the peak",
)  # fmt: skip
MEAN_FIELD_HALF = Law(
    "mean_field_half", (B_noise, q), B_noise / q, "Su 2025 (kexue.fm), derived here", MEAN_FIELD,
    "Mean field: batch size of half the largest decrease",
)  # fmt: skip
PEAK_SCALING = Law(
    "peak_scaling", (B_noise, eta), B_noise / eta**2, SOURCE,
    (holds.INDEPENDENT_SAMPLES, holds.GAUSSIAN, holds.HOMOGENEOUS),
    "Any batch size of a curve ε*(B), its peak for one, once every mean is multiplied by η",
)  # fmt: skip
PEAK_DRIFT = Law(
    "peak_drift", (B_noise, loss_0, loss), B_noise * loss_0 / loss, SOURCE,
    (*PEAK_SCALING.holds, holds.QUADRATIC, holds.STRAIGHT),
    "The same as the loss falls from L_0 to L",
)  # fmt: skip

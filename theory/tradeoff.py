"""Steps against samples: two runs to one loss, with many small or few large batches.

At every loss a step of batch size B gains ΔL_max/(1 + B_noise/B), so that a run needs
S = S_min (1 + B̄/B) steps and E = B·S samples, B̄ the mean of B_noise over the run, weighted by
noise-free steps. Both ends of the trade are unreachable: S > S_min and E > E_min.
"""

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import B, B_noise, E_min, S_min, samples, steps

HOLDS = (holds.LOCAL_LAW,)
SOURCE = "McCandlish et al. 2018 (1812.06162); Li et al. 2024 (2405.14578), "

RUN_STEPS = Law(
    "run_steps", (B, S_min, B_noise), S_min * (1 + B_noise / B), SOURCE + "eq. (20)", HOLDS,
    "Steps to a given loss",
)  # fmt: skip
RUN_SAMPLES = Law(
    "run_samples", (B, S_min, B_noise), S_min * (B + B_noise), SOURCE + "eq. (20)", HOLDS,
    "Samples to a given loss",
)  # fmt: skip
TRADEOFF = Law(
    "tradeoff",
    (steps, S_min, samples, E_min),
    (steps / S_min - 1) * (samples / E_min - 1),
    SOURCE + "eq. (20)",
    HOLDS,
    "Steps against samples: this product is 1",
)
CRITICAL_BATCH = Law(
    "critical_batch",
    (S_min, E_min),
    E_min / S_min,
    SOURCE + "eq. (22)",
    HOLDS,
    "Critical batch size: the run's mean noise scale",
)
INVERSE_STEPS = Law(
    "inverse_steps",
    (samples, S_min, B_noise),
    1 / S_min - B_noise / samples,
    SOURCE + "eq. (22)",
    HOLDS,
    "Inverse steps: a line in inverse samples with slope −B_noise",
)

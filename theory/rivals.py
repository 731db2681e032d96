"""Every rival answer to "how does the best learning rate grow with the batch size?", side by side.

Each is a law of B, of the scale ε_max, of the noise scale B_noise and of one shape at most (an
exponent α or the coherence q), so that any data can be scored against all of them. Those that can
be derived are limits or special cases of the laws of SGD and of sign descent; the others are
marked as empirical. Pure powers of B have no noise scale: there B_noise is the batch size at
which ε_max is the rate, to be fixed and not to be fitted.
"""

from collections.abc import Mapping
from typing import NamedTuple

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.noise_scale import SGD, SGD_LR, SMALL_BATCH_LR
from theory.surge import COMMON, SIGN
from theory.symbols import B, B_new, B_noise, alpha, beta_2, eps_max, q

SCALES = (B, eps_max, B_noise)
PROPOSAL = (holds.EMPIRICAL,)
ROOT = sp.sqrt(B / B_noise)
# With one ratio κ and B_noise = πκ²/2, where the sigmoid of eq. (10) reaches 1/√2
MEAN_SIGN = sp.erf(sp.sqrt(sp.pi) / 2 * ROOT)

LINEAR_LR = Law(
    "linear_lr", SCALES, eps_max * B / B_noise,
    "Goyal et al. 2017 (1706.02677); the limit of SGD's law for small batches",
    (*SGD, holds.BELOW_NOISE),
    "Linear scaling",
)  # fmt: skip
ROOT_LR = Law(
    "root_lr", SCALES, eps_max * ROOT,
    "Malladi et al. 2022 (2205.10287); the limit of sign descent's law for small batches",
    (*COMMON, holds.BELOW_NOISE),
    "Square-root scaling",
)  # fmt: skip
CONSTANT_LR = Law(
    "constant_lr", (eps_max,), eps_max,
    "The limit of sign descent's law for large batches",
    (*COMMON, holds.ABOVE_NOISE),
    "One learning rate for every batch size",
)  # fmt: skip
ALPHA_LR = Law(
    "alpha_lr", (*SCALES, alpha), eps_max / (1 + B_noise / B) ** alpha,
    "McCandlish et al. 2018 (1812.06162), a guess for Adam, ½ < α < 1",
    PROPOSAL,
    "Saturation with a free exponent",
)  # fmt: skip
HALF_LR = Law(
    "half_lr", SCALES, eps_max / sp.sqrt(1 + B_noise / B),
    "Li et al. 2024 (2405.14578), eq. (12); Su 2025 (kexue.fm), RMSProp",
    (*COMMON, holds.DIAGONAL, holds.SIGMOID),
    "Saturation with α = ½",
)  # fmt: skip
POWER_LR = Law(
    "power_lr", (*SCALES, alpha), eps_max * (B / B_noise) ** alpha,
    "Filatov et al. 2025 (2510.03871), α = 0.62; Shuai et al. 2024 (2412.01505), α = 0.75 to 1; "
    "Marek et al. 2025 (2507.07101), threefold from B = 1 to 1024, α = 0.16",
    PROPOSAL,
    "A free power of the batch size",
)  # fmt: skip
KNEE_LR = Law(
    "knee_lr", (*SCALES, alpha),
    # min(1, x) = √x e^(−|ln x|/2), which every printer knows and which keeps its digits
    eps_max * ROOT**alpha * sp.exp(-alpha * sp.Abs(sp.log(B / B_noise)) / 2),
    "A shape of Step Law's grids (2503.04715), proposed here",
    PROPOSAL,
    "A power of the batch size up to a knee",
)  # fmt: skip
COHERENT_LR = Law(
    "coherent_lr", (*SCALES, q),
    eps_max * q * MEAN_SIGN / (1 + (q - 1) * MEAN_SIGN**2),
    "Li et al. 2024 (2405.14578), Theorem 2, with one ratio σ/|μ|",
    COMMON,
    "Surge to a plateau ε_max: sign descent, B_noise = πκ²/2, q = Q/T",
)  # fmt: skip
MEAN_FIELD_LR = Law(
    "mean_field_lr", (*SCALES, q),
    eps_max * q * sp.sqrt(1 + B_noise / B) / (q + B_noise / B),
    "Su 2025 (kexue.fm): RMSProp, q = Q/T; Adam, q = Q/(cT), c = (1−β1)/(1+β1)",
    (*COMMON, holds.SIGMOID),
    "Surge to a plateau ε_max: the mean field of Adam",
)  # fmt: skip
LOWER_BOUND_LR = Law(
    "lower_bound_lr", SCALES, eps_max * (1 - 1 / ROOT),
    "Naganuma et al. 2026 (2602.03001): ε_max = ‖μ‖₁/T, B_noise = (‖σ‖₁/‖μ‖₁)², B > B_noise",
    (*SIGN, holds.DIAGONAL),
    "Sign descent, diagonal Hessian: lower bound on the optimal learning rate",
)  # fmt: skip
HELD_BETA_2 = Law(
    "held_beta_2", (B, B_new, beta_2), beta_2 ** (B_new / B),
    "Marek et al. 2025 (2507.07101)",
    PROPOSAL,
    "β2 at another batch size, its half-life held in samples",
)  # fmt: skip


class Rival(NamedTuple):
    """A law to be fitted: `free` are the parameters that data can tell; others are fixed at 1."""

    law: Law
    free: tuple[sp.Symbol, ...]
    words: str


TWO = (eps_max, B_noise)
RIVALS: Mapping[str, Rival] = {
    "constant": Rival(CONSTANT_LR, (eps_max,), "constant"),
    "linear": Rival(LINEAR_LR, (eps_max,), "linear"),
    "root": Rival(ROOT_LR, (eps_max,), "square root"),
    "power": Rival(POWER_LR, (eps_max, alpha), "free power"),
    "saturating": Rival(SGD_LR, TWO, "saturating, α = 1"),
    "half": Rival(HALF_LR, TWO, "saturating, α = ½"),
    "alpha": Rival(ALPHA_LR, (*TWO, alpha), "saturating, α free"),
    "knee": Rival(KNEE_LR, (*TWO, alpha), "power up to a knee"),
    "surge": Rival(SMALL_BATCH_LR, TWO, "surge (Theorem 3)"),
    "coherent": Rival(COHERENT_LR, (*TWO, q), "surge to a plateau"),
    "mean_field": Rival(MEAN_FIELD_LR, (*TWO, q), "surge, mean field"),
    "lower_bound": Rival(LOWER_BOUND_LR, TWO, "lower bound, ℓ1 noise"),
}

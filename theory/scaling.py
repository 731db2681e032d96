"""Laws of the best learning rate and batch size over model size N and tokens D, side by side.

N counts parameters without embeddings, D and B tokens; rates are peaks of AdamW's schedule.  All
but the identity of `TIMESCALE` are fits to grids of runs and nothing is derived.  Where the
comparison table of Step Law (Li et al. 2025, 2503.04715) prints other constants than the paper it
names, or constants that cannot be, both stand here: `_printed` as in that table.  [recall] marks
constants that were not checked against the paper.  Each law holds for its own family of models,
data and schedule; the ranges are those of its fit, as far as they are known.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sympy as sp

from theory import hypotheses as holds
from theory.law import Law
from theory.symbols import (
    B_tok,
    C_flop,
    D_tok,
    N_par,
    e_D,
    e_L,
    e_N,
    epsilon,
    k_0,
    lambda_wd,
    loss,
)

FITTED = (holds.EMPIRICAL,)
BILLION = 10**9
SEQUENCE = 2048  # tokens, where a law counts sequences
TABLE = "comparison table of Step Law (2503.04715)"


def _r(number: str) -> Any:  # SymPy types it with NaN and infinity
    return sp.Rational(number)


FREE_LR = Law(
    "scaling_lr", (N_par, D_tok, k_0, e_N, e_D), k_0 * N_par**e_N * D_tok**e_D,
    "Step Law's form (2503.04715), its constants free",
    FITTED, "Learning rate: a free power of N and D",
)  # fmt: skip
FREE_BATCH = Law(
    "scaling_batch", (D_tok, k_0, e_D), k_0 * D_tok**e_D,
    "Step Law's form (2503.04715), its constants free",
    FITTED, "Batch size: a free power of D",
)  # fmt: skip
STEP_LR = Law(
    "step_lr", (N_par, D_tok), FREE_LR(N_par, D_tok, _r("1.79"), _r("-0.713"), _r("0.307")),
    "Li et al. 2025 (2503.04715): 60M to 1.07B parameters, 2B to 100B tokens, weight decay 0.1, "
    "2,000 steps of warm-up, cosine to 1e-5",
    FITTED, "Step Law: learning rate",
)  # fmt: skip
STEP_BATCH = Law(
    "step_batch", (D_tok,), FREE_BATCH(D_tok, _r("0.58"), _r("0.571")),
    STEP_LR.source,
    FITTED, "Step Law: batch size",
)  # fmt: skip
OPENAI_LR = Law(
    "openai_lr", (N_par,), _r("0.003239") - _r("0.0001395") * sp.log(N_par),
    "Kaplan et al. 2020 (2001.08361), eq. (D.1): to 1.5B parameters; negative beyond 12 billion",
    FITTED, "OpenAI: learning rate",
)  # fmt: skip
OPENAI_BATCH = Law(
    "openai_batch", (loss,), 2 * 10**8 * loss ** _r("-4.7619"),
    "Kaplan et al. 2020 (2001.08361): B* = 2e8 tokens, exponent 1/0.21, of the loss on WebText2",
    FITTED, "OpenAI: critical batch size",
)  # fmt: skip
OPENAI_BATCH_PRINTED = Law(
    "openai_batch_printed", (loss,), 2 * 10**18 * loss ** _r("-4.7619"),
    f"{TABLE}, as printed: ten orders of magnitude above the paper",
    FITTED, "OpenAI: critical batch size, as misprinted",
)  # fmt: skip
MICROSOFT_LR = Law(
    "microsoft_lr", (N_par, D_tok),
    _r("0.00155") * (N_par / BILLION) ** _r("-0.23") * (D_tok / BILLION) ** _r("-0.32"),
    "Bjorck et al. 2024 (2409.19913), as its lines are plotted by Step Law",
    FITTED, "Microsoft: learning rate",
)  # fmt: skip
MICROSOFT_LR_PRINTED = Law(
    "microsoft_lr_printed", (N_par, D_tok),
    _r("0.000013192") * N_par ** _r("-0.23") * D_tok ** _r("-0.32"),
    f"{TABLE}, printed as 1.3192e^−5, read as 1.3192e-5: seven orders of magnitude too low",
    FITTED, "Microsoft: learning rate, as printed",
)  # fmt: skip
COMPUTE = Law(
    "compute", (N_par, D_tok), 6 * N_par * D_tok,
    "Kaplan et al. 2020 (2001.08361): multiplications by weights alone; DeepSeek counts attention "
    "as well",
    FITTED, "Floating-point operations of a run",
)  # fmt: skip
DEEPSEEK_LR = Law(
    "deepseek_lr", (C_flop,), _r("0.3118") * C_flop ** _r("-0.125"),
    "DeepSeek-AI 2024 (2401.02954): 1e17 to 2e19 FLOP",
    FITTED, "DeepSeek: learning rate",
)  # fmt: skip
DEEPSEEK_LR_PRINTED = Law(
    "deepseek_lr_printed", (C_flop,), _r("0.3188") * C_flop ** _r("-0.125"),
    f"{TABLE}, as printed",
    FITTED, "DeepSeek: learning rate, as printed elsewhere",
)  # fmt: skip
DEEPSEEK_BATCH = Law(
    "deepseek_batch", (C_flop,), _r("0.292") * C_flop ** _r("0.3271"),
    DEEPSEEK_LR.source,
    FITTED, "DeepSeek: batch size",
)  # fmt: skip
PORIAN_LR = Law(
    "porian_lr", (N_par,), _r("3.7") * N_par ** _r("-0.36"),
    f"Porian et al. 2024 (2406.19146): to 0.9B parameters, 20 tokens for each; {TABLE}",
    FITTED, "Porian: learning rate",
)  # fmt: skip
PORIAN_BATCH = Law(
    "porian_batch", (N_par,), _r("0.7576") * N_par ** _r("0.703"),
    PORIAN_LR.source,
    FITTED, "Porian: batch size",
)  # fmt: skip
MINICPM_BATCH = Law(
    "minicpm_batch", (loss,), _r("1.21") * BILLION * loss ** _r("-6.24"),
    "Hu et al. 2024 (2404.06395) [recall], of the loss on C4; learning rate 0.01 under μP",
    FITTED, "MiniCPM: batch size",
)  # fmt: skip
MINICPM_BATCH_PRINTED = Law(
    "minicpm_batch_printed", (loss,), 2 * 10**18 * loss ** _r("-6.24"),
    f"{TABLE}, as printed: OpenAI's misprinted constant",
    FITTED, "MiniCPM: batch size, as misprinted",
)  # fmt: skip
MEITUAN_BATCH = Law(
    "meituan_batch", (loss, k_0, e_L), k_0 * loss**-e_L,
    "Wang et al. 2024 (2410.05661): the form alone; its constants are not in Step Law's table",
    FITTED, "MeiTuan: batch size, its constants free",
)  # fmt: skip
POWER_LINES_BATCH = Law(
    "power_lines_batch", (D_tok,), SEQUENCE * _r("0.0306") * D_tok ** _r("0.383"),
    "Bergsma et al. 2025 (2505.13738), B ∝ D^0.4; constant, in sequences of 2,048 [recall]",
    FITTED, "Power Lines: batch size",
)  # fmt: skip
TIMESCALE = Law(
    "timescale", (B_tok, epsilon, lambda_wd, D_tok), B_tok / (epsilon * lambda_wd * D_tok),
    "Wang & Aitchison 2024 (2405.13698); Bergsma et al. 2025 (2505.13738)",
    (holds.SMALL_DECAY,), "Memory of AdamW's weights as a share of the run",
)  # fmt: skip
POWER_LINES_TIMESCALE = Law(
    "power_lines_timescale", (N_par, D_tok), _r("1.084") * (D_tok / N_par) ** _r("-0.527"),
    "Bergsma et al. 2025 (2505.13738), τ = B/(ηλD) at the optimum; constants [recall]",
    FITTED, "Power Lines: the best memory of AdamW's weights",
)  # fmt: skip


class Scaling(NamedTuple):
    """A published rule: its laws of the learning rate and of the batch size, None where it has
    none; `printed` the same with the constants of Step Law's table where those differ; `permille`
    that table's error at the held-out cell (None: blank)."""

    words: str
    lr: Law | None
    batch: Law | None
    lr_printed: Law | None
    batch_printed: Law | None
    permille: float | None


SCALINGS: Mapping[str, Scaling] = {
    "openai": Scaling("OpenAI", OPENAI_LR, OPENAI_BATCH, OPENAI_LR, OPENAI_BATCH_PRINTED, 9.51),
    "microsoft": Scaling("Microsoft", MICROSOFT_LR, None, MICROSOFT_LR_PRINTED, None, 9.25),
    "deepseek": Scaling(
        "DeepSeek", DEEPSEEK_LR, DEEPSEEK_BATCH, DEEPSEEK_LR_PRINTED, DEEPSEEK_BATCH, 9.26
    ),
    "porian": Scaling("Porian", PORIAN_LR, PORIAN_BATCH, PORIAN_LR, PORIAN_BATCH, 3.71),
    "step": Scaling("Step Law", STEP_LR, STEP_BATCH, STEP_LR, STEP_BATCH, 0.94),
    "minicpm": Scaling("MiniCPM", None, MINICPM_BATCH, None, MINICPM_BATCH_PRINTED, None),
    "power_lines": Scaling("Power Lines", None, POWER_LINES_BATCH, None, POWER_LINES_BATCH, None),
}

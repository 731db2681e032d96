"""What rival rules say of the learning rate: Step Law, alone and scaled by the batch, and others.

The published laws are SymPy's expressions of `theory.scaling`, evaluated by NumPy.  Power Lines
gives a memory B/(lr·λ·D) and with it a rate.
"""

from collections.abc import Callable
from functools import cache

import sympy as sp

from experiments.advise_checks import DECAY
from theory.law import Law
from theory.scaling import COMPUTE, POWER_LINES_TIMESCALE, SCALINGS, STEP_BATCH, STEP_LR
from theory.symbols import C_flop, D_tok, N_par


@cache
def _compiled(law: Law) -> Callable[..., float]:
    expression = law.expr.subs(C_flop, COMPUTE.expr)
    return sp.lambdify((N_par, D_tok), expression, modules="math")


def rate(law: Law, params: float, tokens: float) -> float:
    """A law of N, D or 6 N D at a point."""
    return float(_compiled(law)(params, tokens))


def rival_rates(params: float, tokens: float, batch: float, decay: float) -> dict[str, float]:
    """Name → learning rate for N, D, a batch in tokens and a weight decay."""
    step, size = rate(STEP_LR, params, tokens), rate(STEP_BATCH, params, tokens)
    found = {
        "step law": step,
        "step law, square root": step * (batch / size) ** 0.5,
        "step law, linear": step * batch / size,
    }
    for name, scaling in SCALINGS.items():
        if scaling.lr is not None and name != "step":
            found[scaling.words.lower()] = rate(scaling.lr, params, tokens)
    memory = rate(POWER_LINES_TIMESCALE, params, tokens)
    found["power lines"] = batch / (memory * (decay or DECAY) * tokens)
    return {name: value for name, value in found.items() if value > 0}

"""How long AdamW's weights remember, in units of the run."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step
from theory.scaling import TIMESCALE
from theory.symbols import B_tok, D_tok, epsilon, lambda_wd, t

HALF = sp.Rational(1, 2)
STEPS = -1 / sp.log(1 - t * epsilon * lambda_wd)  # in which the weights fall by e, at decay tηλ

DERIVATION = Derivation(
    "timescale",
    "The memory of AdamW's weights",
    TIMESCALE.source,
    "Weight decay makes of AdamW's weights an average of their updates, whose memory over the "
    "length of the run is τ = B/(ηλD): a best τ fixes only the product of rate and decay.",
    TIMESCALE.holds,
    (
        Step(
            (1 - t * epsilon * lambda_wd) ** STEPS,
            sp.exp(-1),
            "Every step multiplies the weights by 1 − tηλ: after so many steps 1/e is left.",
        ),
        Step(
            TIMESCALE(t * B_tok, t * epsilon, lambda_wd, D_tok),
            TIMESCALE.expr,
            "Batch size and rate grown together leave it.",
        ),
        Step(
            sp.Limit(t * STEPS / (D_tok / B_tok), t, 0),
            TIMESCALE.expr,
            "Over the D/B steps of the run, and for small decay: τ.",
            laws=(TIMESCALE,),
        ),
    ),
    (
        Counterexample(
            holds.SMALL_DECAY,
            "With ηλ = ½ the weights fall by e in 1.44 steps; the law says 2.",
            TIMESCALE(1, HALF, 1, 1),
            -1 / sp.log(HALF),
        ),
    ),
    TIMESCALE,
)

"""Signum, V = sign m with m ← β1 m + (1−β1) ĝ: one step at a frozen gradient."""

from theory.momentum import EMA_FACTOR, SIGNUM_MEAN, SIGNUM_VARIANCE, averaged
from theory.rules.rule import Rule
from theory.rules.sign import GAUSSIAN
from theory.sign_card import averaged_sign_card

RULE = Rule(
    "signum",
    "Signum, stationary at a frozen gradient",
    averaged(GAUSSIAN, EMA_FACTOR),
    SIGNUM_MEAN,
    card=averaged_sign_card("signum", "Signum", EMA_FACTOR, (SIGNUM_MEAN, SIGNUM_VARIANCE)),
    parameters={"beta1": 0.9},
    cases=({"beta1": 0.9},),
)

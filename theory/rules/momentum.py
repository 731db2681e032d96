"""Momentum, V = m with m ← β1 m + (1−β1) ĝ: SGD with less noise, one step at a frozen gradient."""

from theory.linear_card import linear_card
from theory.momentum import EMA_FACTOR, MOMENTUM_VARIANCE, averaged
from theory.rules import sgd
from theory.rules.rule import Rule

RULE = Rule(
    "momentum",
    "SGD with momentum, stationary at a frozen gradient",
    averaged(sgd.RULE.sums, EMA_FACTOR),
    MOMENTUM_VARIANCE,
    card=linear_card("momentum", "SGD with momentum", MOMENTUM_VARIANCE),
    parameters={"beta1": 0.9},
    defined_at_zero=True,
)

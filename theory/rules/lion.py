"""Lion, V = sign(β1 m + (1−β1) ĝ), then m ← β2 m + (1−β2) ĝ: one step at a frozen gradient."""

from theory.momentum import LION_FACTOR, LION_MEAN, LION_VARIANCE, averaged
from theory.rules.rule import Rule
from theory.rules.sign import GAUSSIAN
from theory.sign_card import averaged_sign_card

RULE = Rule(
    "lion",
    "Lion, stationary at a frozen gradient",
    averaged(GAUSSIAN, LION_FACTOR),
    LION_MEAN,
    card=averaged_sign_card("lion", "Lion", LION_FACTOR, (LION_MEAN, LION_VARIANCE)),
    parameters={"beta1": 0.9, "beta2": 0.99},
)

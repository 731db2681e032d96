"""RMSProp, V = ĝ/√v with v an average of squares that includes ĝ²: Adam with β1 = 0."""

from functools import partial

import sympy as sp

from theory.coordinatewise import Coordinatewise
from theory.ratio import RATIO_MEAN_DENSITY
from theory.rules.adam import adam_moments, adam_series, limit_card
from theory.rules.rule import Rule

RULE = Rule(
    "rmsprop",
    "RMSProp, stationary at a frozen gradient",
    Coordinatewise(
        partial(adam_moments, beta1=0.0),
        series=partial(adam_series, beta1=0.0),
    ),
    RATIO_MEAN_DENSITY,
    card=limit_card("rmsprop", "RMSProp, β2 → 1", sp.Integer(0)),
    parameters={"beta2": 1.0},
    cases=({"beta2": 0.95},),
)

"""Muon, V = msign(m), m ← β1 m + (1 − β1) ĝ: the orthogonal factor of the momentum matrix."""

from theory.muon import MUON_MEAN_DENSITY
from theory.muon_sums import muon_sums
from theory.rules.rule import Rule, nearly_square

RULE = Rule(
    "muon",
    "Muon, stationary at a frozen gradient",
    muon_sums,
    MUON_MEAN_DENSITY,
    parameters={"shape": None, "beta1": 0.0},
    cases=({"shape": nearly_square}, {"shape": nearly_square, "beta1": 0.9}),
    accuracy=0.02,
)

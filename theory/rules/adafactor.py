"""Adafactor: RMSProp with the second moment of a matrix kept as row and column means."""

from theory.adafactor import ADAFACTOR_MEAN, adafactor_moments, adafactor_series
from theory.coordinatewise import Coordinatewise
from theory.rules.rule import Rule, nearly_square

RULE = Rule(
    "adafactor",
    "Adafactor, stationary at a frozen gradient",
    Coordinatewise(adafactor_moments, series=adafactor_series),
    ADAFACTOR_MEAN,
    parameters={"shape": None},
    cases=({"shape": nearly_square},),
)

"""Sign descent in Su's mean field, one shrinkage for all coordinates: independent ones only."""

from theory.coordinatewise import Coordinatewise
from theory.rules.rule import Rule
from theory.su import SU_SHRINKAGE, mean_field_moments

RULE = Rule(
    "sign_mean_field",
    "Sign descent, mean field",
    Coordinatewise(mean_field_moments),
    SU_SHRINKAGE,
    update="sign",
    accuracy=None,
)

"""Sign descent with the sigmoid in place of erf, eq. (10): for independent coordinates only."""

from theory.coordinatewise import Coordinatewise
from theory.moments import SIGMOID_MEAN, sigmoid_moments
from theory.rules.rule import Rule

RULE = Rule(
    "sign_sigmoid",
    "Sign descent, sigmoid approximation",
    Coordinatewise(sigmoid_moments),
    SIGMOID_MEAN,
    update="sign",
    accuracy=None,
)

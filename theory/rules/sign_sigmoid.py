"""Sign descent with the sigmoid in place of erf, eq. (10): for independent coordinates only."""

from theory.moments import sigmoid_moments
from theory.rules.rule import Rule

RULE = Rule("sign_sigmoid", sigmoid_moments)

"""SGD: V = ĝ, the batch gradient itself."""

from theory.correlated import sgd_draws, sgd_pair
from theory.moments import sgd_moments
from theory.rules.rule import Rule

RULE = Rule("sgd", sgd_moments, pair=sgd_pair, draws=sgd_draws, defined_at_zero=True)

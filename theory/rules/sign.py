"""Sign descent, V = sign ĝ: Adam with β1 = β2 = 0 (Theorem 2)."""

from theory.correlated import sign_draws, sign_pair
from theory.moments import sign_moments
from theory.rules.rule import Rule

RULE = Rule("sign", sign_moments, pair=sign_pair, draws=sign_draws)

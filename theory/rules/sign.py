"""Sign descent, V = sign ĝ: Adam with β1 = β2 = 0 (Theorem 2)."""

import jax.numpy as jnp

from theory.coordinatewise import Coordinatewise
from theory.correlated import sign_pair
from theory.mehler import sign_series
from theory.moments import SIGN_MEAN, sign_moments
from theory.rules.rule import Rule

RULE = Rule(
    "sign",
    "Sign descent",
    Coordinatewise(sign_moments, pair=sign_pair, series=sign_series, update=jnp.sign),
    SIGN_MEAN,
)

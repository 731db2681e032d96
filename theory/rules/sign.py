"""Sign descent, V = sign ĝ: Adam with β1 = β2 = 0 (Theorem 2)."""

from functools import partial

import jax.numpy as jnp

from theory.correlated import gaussian_draws, sign_pair
from theory.moments import sign_moments
from theory.rules.rule import Rule

RULE = Rule("sign", sign_moments, pair=sign_pair, draws=partial(gaussian_draws, jnp.sign))

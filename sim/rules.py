"""Update rules: name → `optax.GradientTransformation` whose update is the direction V.

A step is θ' = θ − εV, with V a function of the batch gradient and of the rule's own state; the
learning rate ε stays outside.  One step, whole runs and training all use these.
"""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import optax
from jax import Array

RULES: Mapping[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": optax.identity,  # V = Ĝ
    "sign": optax.scale_by_sign,  # V = sign(Ĝ): Adam with β1 = β2 = 0
}

SATURATING = frozenset({"sign"})  # V is bounded: where noise is small it no longer moves V at all


def make_rule(name: str, **parameters) -> optax.GradientTransformation:
    """The rule called `name`; ValueError for an unknown name or parameter."""
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"unknown rule {name!r}; known: {', '.join(sorted(RULES))}")
    try:
        return RULES[name](**parameters)
    except TypeError as error:
        raise ValueError(f"rule {name!r}: {error}") from None


def first_direction(rule: optax.GradientTransformation, gradient: Array) -> Array:
    """V of a rule's first step, for one or many batch gradients (…, d)."""
    direction, _ = rule.update(gradient, rule.init(gradient))
    return jnp.asarray(direction)

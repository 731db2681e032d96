"""What the theory must know of an update rule."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jax import Array

from theory.correlated import Curvature, Pair
from theory.hessian import Hessian
from theory.moments import Moments

Draws = Callable[[Array, Array, Hessian, Array, int, Array], Curvature]


class Rule(NamedTuple):
    """An update rule as its moments; a rule lives in one file of `theory.rules`.

    `moments(mu, sigma, batch, **parameters)` gives mean and variance by coordinate.
    `pair` gives the covariance of one coordinate's update with all others' under correlated
    noise, `draws` E[VᵀHV] from per-sample gradients; None where the rule has no such law.
    `parameters` maps each parameter to its default. `defined_at_zero` tells whether V is
    defined in a coordinate with μ = σ = 0.
    """

    name: str
    moments: Callable[..., Moments]
    pair: Pair | None = None
    draws: Draws | None = None
    parameters: Mapping[str, float] = {}
    defined_at_zero: bool = False

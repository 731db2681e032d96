"""The update rules whose whole runs on a quadratic the closure predicts.

A rule is an average u of past gradients (`Average`) and what V does with it. SGD and momentum are
linear: exact, and the loss needs only the diagonals of Σ and Cov θ in the eigenbasis of H. Signs
need that θ and the gradient stay jointly Gaussian. RMSProp and Adam divide by the root of a running
mean square, here replaced by its mean: right where it averages many gradients, so not in the first
steps of a run, where V is nearer to a sign.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from theory.closure_sign import arcsine_remainder, exact_remainder, independent_remainder
from theory.closure_step import Average, Linear, identity, ratio, sign


class Closed(NamedTuple):
    """A rule with its parameters set; `scale(t, square)` is what a ratio multiplies by at the step
    t = 1, 2, …, `forget` the decay β2 of the running mean of g²."""

    average: Average
    respond: Callable[..., Linear]
    linear: bool = False
    forget: float = 0.0
    debias: float = 0.0

    def scale(self, t: Array, square: Array) -> Array:
        """1/(1 − β1ᵗ) · √((1 − β2ᵗ)/E v)."""
        unbiased = square / (1 - self.forget**t)
        safe = jnp.where(unbiased > 0, unbiased, 1.0)
        return jnp.where(unbiased > 0, 1 / ((1 - self.debias**t) * jnp.sqrt(safe)), 0.0)


REMAINDERS = {  # of two signs: their covariance beyond the linear part
    "arcsine": sign(arcsine_remainder),
    "exact": sign(exact_remainder),
    "independent": sign(independent_remainder),
}


def _sgd(_remainder: str) -> Closed:
    return Closed(Average(0.0, 1.0), identity, linear=True)


def _momentum(_remainder: str, beta1: float = 0.9) -> Closed:
    return Closed(_ema(beta1), identity, linear=True)


def _sign(remainder: str) -> Closed:
    return Closed(Average(0.0, 1.0), REMAINDERS[remainder])


def _signum(remainder: str, beta1: float = 0.9) -> Closed:
    return Closed(_ema(beta1), REMAINDERS[remainder])


def _lion(remainder: str, beta1: float = 0.9, beta2: float = 0.99) -> Closed:
    return Closed(Average(beta1, 1 - beta1, beta2, 1 - beta2), REMAINDERS[remainder])


def _rmsprop(_remainder: str, beta2: float = 0.999) -> Closed:
    return Closed(Average(0.0, 1.0), ratio, forget=beta2)


def _adam(_remainder: str, beta1: float = 0.9, beta2: float = 0.999) -> Closed:
    return Closed(_ema(beta1), ratio, forget=beta2, debias=beta1)


def _ema(beta: float) -> Average:
    return Average(beta, 1 - beta, beta, 1 - beta)


MAKERS: Mapping[str, tuple[Callable[..., Closed], Mapping[str, float]]] = {
    "sgd": (_sgd, {}),
    "momentum": (_momentum, {"beta1": 0.9}),
    "sign": (_sign, {}),
    "signum": (_signum, {"beta1": 0.9}),
    "lion": (_lion, {"beta1": 0.9, "beta2": 0.99}),
    "rmsprop": (_rmsprop, {"beta2": 0.999}),
    "adam": (_adam, {"beta1": 0.9, "beta2": 0.999}),
}


def closed(rule: str, remainder: str, parameters: tuple[tuple[str, float], ...]) -> Closed:
    """The rule called `rule`, as `checked_rule` found it."""
    return MAKERS[rule][0](remainder, **dict(parameters))


def checked_rule(rule: Any, remainder: Any, parameters: Mapping[str, Any]) -> tuple:
    """Name, remainder and all parameters, hashable.

    Errors: ValueError for a rule that no closure describes, an unknown parameter, or a decay
    outside [0, 1).
    """
    if rule not in MAKERS:
        raise ValueError(f"no closure for the rule {rule!r}; there is one for {', '.join(MAKERS)}")
    if remainder not in REMAINDERS:
        raise ValueError(f"remainder must be one of {', '.join(REMAINDERS)}, not {remainder!r}")
    chosen = dict(MAKERS[rule][1])
    for name, value in parameters.items():
        if name not in chosen:
            raise ValueError(f"{rule} has no parameter {name!r}; it has {', '.join(chosen) or '–'}")
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise ValueError(f"{name} must be a number in [0, 1), not {value!r}")
        chosen[name] = float(value)
    return rule, remainder, tuple(chosen.items())

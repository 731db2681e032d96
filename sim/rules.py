"""Update rules: name → `UpdateRule`, whose transformation turns batch gradients into directions V.

A step is θ' = θ − εV, with V a function of the batch gradient ĝ and of the rule's own state; the
learning rate ε stays outside.  One step, whole runs and training all use these.  Products, roots
and signs act on coordinates; nothing is added to a denominator (`VANISHING` only keeps 0/0 at 0).
"""

from collections.abc import Callable, Mapping
from math import ceil, log
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from sim import transforms
from sim.parameters import checked

VANISHING = 1e-30  # far below √(ĝ²) wherever ĝ² does not underflow in float32: |ĝ| > 1e-19
FORGOTTEN = 1e-4  # relative weight of the start that a burn-in leaves


class UpdateRule(NamedTuple):
    """A rule with its parameters set.

    transform: its update is V, over the last axis; the leading axes are independent runs.
    burn_in: steps after which the start weighs under 1e-4 in V's mean and variance; 0 if V depends
    on the present gradient only; None if there is no stationary state.
    spacing: steps over which V forgets most of the gradient, so that looking oftener tells little.
    saturates: from (d, steps), whether V is constant but for jumps, as a sign is, where noise is
    small (`steps`: V of exactly that step; None where stationary).
    """

    transform: optax.GradientTransformation
    burn_in: int | None = 0
    spacing: int = 1
    saturates: Callable[[int, int | None], bool] = lambda _d, _steps: False


def _always(_d: int, _steps: int | None) -> bool:
    return True


def _alone(d: int, _steps: int | None) -> bool:
    return d == 1


def _first(_d: int, steps: int | None) -> bool:
    return steps == 1


def _mean_forgets(beta: float) -> int:
    """Steps until an average that started at 0 has βᵗ ≤ 1e-4 of it left."""
    return ceil(log(FORGOTTEN) / log(beta)) if beta > 0 else 0


def _square_forgets(beta: float) -> int:
    """Steps until a bias-corrected average of squares varies as it will for ever.

    Its relative variance is 2(1−β)/(1+β)·(1+βᵗ)/(1−βᵗ) for Gaussian squares, and moves E[V²] by as
    much: what is left of the start is ≈ 2(1−β)βᵗ.  3/(1−β) steps at β = 0.999; not under 1/(1−β).
    """
    if beta == 0:
        return 0
    enough = log(FORGOTTEN / (2 * (1 - beta))) / log(beta)
    return ceil(max(enough, 1 / (1 - beta)))


def _spacing(beta: float) -> int:
    return round(1 / (1 - beta))


def sgd() -> UpdateRule:
    """V = ĝ."""
    return UpdateRule(optax.identity())


def sign() -> UpdateRule:
    """V = sign(ĝ): Adam with β1 = β2 = 0."""
    return UpdateRule(optax.scale_by_sign(), saturates=_always)


def momentum(beta1: float = 0.9) -> UpdateRule:
    """V = m, m ← β1 m + (1−β1) ĝ."""
    mean = optax.ema(beta1, debias=False)
    return UpdateRule(mean, _mean_forgets(beta1), _spacing(beta1))


def signum(beta1: float = 0.9) -> UpdateRule:
    """V = sign(m), m ← β1 m + (1−β1) ĝ."""
    rule = momentum(beta1)
    return rule._replace(
        transform=optax.chain(rule.transform, optax.scale_by_sign()), saturates=_always
    )


def lion(beta1: float = 0.9, beta2: float = 0.99) -> UpdateRule:
    """V = sign(β1 m + (1−β1) ĝ), then m ← β2 m + (1−β2) ĝ.

    Source: Chen et al. 2023 (2302.06675).
    """
    memory = 1 + _mean_forgets(beta2) if beta1 > 0 else 0
    return UpdateRule(optax.scale_by_lion(beta1, beta2), memory, _spacing(beta1), _always)


def soft_sign(eps: float) -> UpdateRule:
    """V = ĝ/√(ĝ² + ε²); a sign where ε is small."""
    return UpdateRule(transforms.scale_by_soft_sign(eps), saturates=_always)


def adam(beta1: float = 0.9, beta2: float = 0.999) -> UpdateRule:
    """V = m̂/√v̂ of the bias-corrected running means of ĝ and ĝ².  Source: Kingma & Ba 2014."""
    return UpdateRule(
        optax.scale_by_adam(beta1, beta2, eps=VANISHING),
        max(_mean_forgets(beta1), _square_forgets(beta2)),
        _spacing(beta1),
        _always if beta1 == beta2 == 0 else _first,
    )


def rmsprop(beta2: float = 0.999) -> UpdateRule:
    """V = ĝ/√v̂, Adam with β1 = 0; v̂ is bias-corrected, so that it starts as the sign."""
    scale = optax.scale_by_rms(beta2, VANISHING, eps_in_sqrt=False, bias_correction=True)
    return adam(0.0, beta2)._replace(transform=scale)


def adagrad() -> UpdateRule:
    """V = ĝ_t/√(Σ_{k≤t} ĝ_k²): it shrinks for ever, so one says at which step.

    Source: Duchi et al. 2011, with an accumulator that starts at 0 (optax starts it at 0.1).
    """
    return UpdateRule(optax.scale_by_rss(0.0, eps=0.0), None, saturates=_first)


def normalised_sgd() -> UpdateRule:
    """V = ĝ/‖ĝ‖₂."""
    return UpdateRule(transforms.normalise(), saturates=_alone)


def adafactor(shape: transforms.Shape, decay_rate: float = 0.8) -> UpdateRule:
    """V of `transforms.scale_by_row_and_column`.

    Never quite stationary: its memory grows as t^decay_rate, 250 steps at t = 1000, by when the
    variance of R and C moves E[V²] by under 1/250 per row's or column's length.
    """
    return UpdateRule(transforms.scale_by_row_and_column(shape, decay_rate), 1000, saturates=_first)


def muon(shape: transforms.Shape, beta1: float = 0.0) -> UpdateRule:
    """V = msign(m), m ← β1 m + (1−β1) ĝ read as an (m, n) matrix.

    Source: Jordan et al. 2024.  optax.contrib.muon differs: five Newton–Schulz steps for msign,
    Nesterov's look-ahead and β = 0.95 by default, and a factor for the shape.
    """
    rule = momentum(beta1)
    return rule._replace(
        transform=optax.chain(rule.transform, transforms.orthogonalise(shape)), saturates=_alone
    )


RULES: Mapping[str, Callable[..., UpdateRule]] = {
    rule.__name__: rule
    for rule in (
        sgd, sign, momentum, signum, lion, soft_sign, rmsprop, adam, adagrad, normalised_sgd,
        adafactor, muon,
    )
}  # fmt: skip


def identified(name: str, parameters: Mapping[str, Any]) -> tuple:
    """The rule's name and all its parameters, hashable; ValueError for an unknown name, or a
    parameter that is unknown, missing or out of range."""
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"unknown rule {name!r}; known: {', '.join(sorted(RULES))}")
    return name, *checked(name, RULES[name], parameters).items()


def make_rule(name: str, **parameters) -> UpdateRule:
    """The rule called `name`; ValueError as `identified` raises it."""
    known = dict(identified(name, parameters)[1:])
    return RULES[name](**known)


def first_direction(rule: UpdateRule, gradient: Array) -> Array:
    """V of a rule's first step, for one or many batch gradients (…, d)."""
    direction, _ = rule.transform.update(gradient, rule.transform.init(gradient))
    return jnp.asarray(direction)

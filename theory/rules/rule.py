"""What the theory must know of an update rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jax import Array

from theory.card import Card
from theory.law import Law


class Budget(NamedTuple):
    """Work allowed where D is not in closed form: Monte-Carlo `draws` from `key`, and the `order`
    in ρ at which a series is cut (None: the rule's own choice of route and order)."""

    draws: int
    key: Array
    order: int | None


class Sums(NamedTuple):
    """N = GᵀE[V] and D = E[VᵀHV] of Lemma 1 by batch size, each (b,); `sem` is D's standard error,
    zero where D is exact."""

    numerator: Array
    denominator: Array
    sem: Array


@dataclass(frozen=True)
class Rule:
    """An update rule; it lives in one file of `theory.rules`, where it is found by itself.

    `sums(problem, budget, **parameters)` gives N and D; for rules that treat each coordinate by
    itself it is a `theory.coordinatewise.Coordinatewise`. `law` is the law its claims name.
    `card` holds what the rule says where all coordinates share one ratio σ/|μ|.
    `parameters` maps each parameter to its default. `defined_at_zero` tells whether V is defined
    in a coordinate with μ = σ = 0. `update` is the rule of `sim` that it describes, if not the
    one of its own name. `cases` are the parameters at which it is compared with simulation, where
    a value may be a function of d; `accuracy` is the relative error it stays below (None: an
    approximation, whose error is mapped and not claimed).
    """

    name: str
    title: str
    sums: Callable[..., Sums]
    law: Law
    card: Card | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    defined_at_zero: bool = False
    update: str | None = None
    cases: tuple[Mapping[str, Any], ...] = ({},)
    accuracy: float | None = 0.01

    @property
    def simulated(self) -> str:
        """Name of the rule of `sim` whose law this is."""
        return self.update or self.name


def resolved(case: Mapping[str, Any], d: int) -> dict[str, Any]:
    """The parameters of a case for a problem of d coordinates."""
    return {name: value(d) if callable(value) else value for name, value in case.items()}


def nearly_square(d: int) -> tuple[int, int]:
    """The factors m ≤ n of d = mn that are closest to each other."""
    m = max(k for k in range(1, int(d**0.5) + 1) if d % k == 0)
    return m, d // m

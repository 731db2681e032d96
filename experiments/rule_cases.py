"""The cases in which update rules are compared: rules and parameters come from `theory.RULES`, so
that a new rule is here by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import sim
import theory
from experiments.random_problems import KINDS
from sim.rules import UpdateRule, make_rule
from theory.coordinatewise import Coordinatewise
from theory.rules.rule import Rule, resolved

BRIEF = 200  # steps of burn-in up to which thousands of chains are run
LONG = 1000  # steps of burn-in from which every other batch size must do


@dataclass(frozen=True)
class Case:
    """A rule at the parameters at which it is compared; a value may be a function of d."""

    rule: Rule
    given: Mapping[str, Any]
    moving: ClassVar[int] = 10  # batch size up to which signs with momentum are measured: they move

    @property
    def id(self) -> str:
        """`rule`, or `rule(value,…)` with the values that do not depend on d."""
        values = [str(value) for value in self.given.values() if not callable(value)]
        return f"{self.rule.name}({','.join(values)})" if values else self.rule.name

    @property
    def exact(self) -> bool:
        """Whether the law is claimed to be right, and not merely within 2 %."""
        assert self.rule.accuracy is not None
        return self.rule.accuracy <= 0.01

    def described(self, problem: str) -> bool:
        """Whether the rule's law knows such noise, and the problem is meant for the rule."""
        kind, sums = KINDS[problem], self.rule.sums
        plain = isinstance(sums, Coordinatewise) and sums.pair is None and sums.series is None
        return self.rule.name in (kind.only or [self.rule.name]) and not (plain and kind.correlated)

    def tried(self, problem: str) -> bool:
        """Whether the rule is tried on this problem: costly ones not on all nine."""
        return self.described(problem) and (KINDS[problem].costly or not self.costly)

    def at(self, d: int) -> dict[str, Any]:
        """The parameters for d coordinates."""
        return resolved(self.given, d)

    def size(self, problem: str) -> int:
        """Number of coordinates at which a problem is drawn for this rule."""
        sizes = KINDS[problem].sizes
        if self.of_matrices and not self.remembers_long:
            return sizes.singular
        return sizes.single if self.burn_in == 0 else sizes.chain

    @property
    def _update(self) -> UpdateRule:
        known = {name: value for name, value in self.at(64).items() if name != "steps"}
        return make_rule(self.rule.simulated, **known)

    @property
    def burn_in(self) -> int | None:
        """Of the rule of `sim`: 0 where it has no memory, None where it never is stationary."""
        return self._update.burn_in

    @property
    def stands_still(self) -> bool:
        """Whether chains of it are constant at large batches: a sign with momentum."""
        return bool(self.burn_in) and self._update.saturates(64, None)

    def batches(self, grid: tuple[int, ...]) -> tuple[int, ...]:
        """The batch sizes that are compared: every other one where the rule's memory is long, or
        where its law takes singular values; the small ones and, if its chains are short, the
        largest where chains of signs stand still, for it takes thousands to say so."""
        if self.stands_still:
            last = grid[-1:] if (self.burn_in or 0) < BRIEF else ()
            return (*(batch for batch in grid[:-1] if batch <= self.moving), *last)
        return grid[::2] if self.remembers_long or self.of_matrices else grid

    @property
    def remembers_long(self) -> bool:
        """Whether a chain needs so many steps that it is cut short elsewhere."""
        return (self.burn_in or 0) >= LONG

    @property
    def costly(self) -> bool:
        """Whether it runs in chains or takes singular values."""
        return self.burn_in != 0 or self.of_matrices

    @property
    def of_matrices(self) -> bool:
        """Whether d coordinates form a matrix."""
        return "shape" in self.given


def cases() -> dict[str, Case]:
    """Every case of every rule that is claimed to be right and that can be simulated."""
    found = [
        Case(rule, given)
        for rule in theory.RULES.values()
        if rule.accuracy is not None and rule.simulated in sim.RULES
        for given in rule.cases
    ]
    return {case.id: case for case in found}

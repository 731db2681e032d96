"""The cases of `onestep_rules_wide`: every rule that runs in chains or takes singular values, so
that with `onestep_rules` it meets all nine pairs of Hessian and noise; d from 2 to 1024.

What costs too much is left out: rules of long memory and of matrices do not meet the problems of
`onestep_rules` again, and matrices are at most 16 × 16.

Signs with a memory (Lion, Signum) average noise away, as much as 71 and 19 times the batch would.
On a diagonal Hessian their E[VᵀHV] is tr H for every draw, which takes thousands of chains to say:
there they meet few coordinates.  Where coordinates are many, some still move at B = 30.  Far above
all stand still: draws agree, V = sign μ, and a law is told from another only by whether its noise
vanishes.  Signum is asked that once, at the largest batch; Lion is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from experiments import rule_cases
from experiments.rule_cases import Case

LEAST_LONG, MOST_LONG = 16, 128  # coordinates of a rule of long memory: it has a fixed budget


class Sizes(NamedTuple):
    """Number of coordinates for rules that run in chains, for signs among them, and for rules of
    matrices."""

    chain: int
    sign: int
    matrix: int


SIZES: Mapping[str, Sizes] = {
    "diagonal_independent": Sizes(256, 4, 256),
    "diagonal_shaped": Sizes(2, 2, 256),
    "diagonal_low_rank": Sizes(256, 4, 64),
    "dense_independent": Sizes(256, 16, 64),
    "dense_shaped": Sizes(256, 16, 64),
    "dense_low_rank": Sizes(2, 2, 36),
    "low_rank_independent": Sizes(256, 64, 68),  # 4 × 17
    "low_rank_shaped": Sizes(64, 64, 36),
    "low_rank_low_rank": Sizes(1024, 256, 64),
}


@dataclass(frozen=True)
class WideCase(Case):
    """A costly case where `onestep_rules` does not try it, or at another size."""

    moving: ClassVar[int] = 30

    def tried(self, problem: str) -> bool:
        """On every problem of `SIZES` whose noise the rule's law knows, but for what costs too
        much to be tried twice."""
        if problem not in SIZES or not self.described(problem):
            return False
        slow = self.of_matrices or self.remembers_long
        return not (slow and super().tried(problem))

    def size(self, problem: str) -> int:
        """Number of coordinates at which a problem is drawn for this rule."""
        sizes = SIZES[problem]
        if self.stands_still:
            return sizes.sign
        size = sizes.matrix if self.of_matrices else sizes.chain
        if self.remembers_long:
            return min(max(size, LEAST_LONG), MOST_LONG)
        return size


def cases() -> dict[str, WideCase]:
    """Every costly case of `rule_cases`."""
    return {
        name: WideCase(case.rule, case.given)
        for name, case in rule_cases.cases().items()
        if case.costly
    }

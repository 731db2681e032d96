"""The cases of `onestep_rules_wide`: every rule that runs in chains or takes singular values, on
all nine pairs of Hessian and noise, at other sizes than in `onestep_rules`: d from 2 to 1024.

Signs with a memory (Lion, Signum) average noise away, as much as 71 and 19 times the batch would.
On a diagonal Hessian their E[VᵀHV] is tr H for every draw, which takes thousands of chains to say:
there they meet few coordinates.  Elsewhere they still move at B = 100, some coordinate in some
chain.  Far above they stand still: all draws agree, V = sign μ, and a law is told from another only
by whether its noise vanishes.  Signum is asked that once, at the largest batch; Lion is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from experiments import rule_cases
from experiments.rule_cases import Case

MOST_LONG = 256  # coordinates of a rule of long memory


class Sizes(NamedTuple):
    """Number of coordinates for rules that run in chains, for signs among them, and for rules of
    matrices."""

    chain: int
    sign: int
    matrix: int


SIZES: Mapping[str, Sizes] = {
    "diagonal_independent": Sizes(1024, 16, 1024),
    "diagonal_shaped": Sizes(2, 2, 256),
    "diagonal_low_rank": Sizes(256, 16, 64),
    "dense_independent": Sizes(256, 256, 68),  # 4 × 17
    "dense_shaped": Sizes(256, 256, 80),
    "dense_low_rank": Sizes(2, 2, 36),
    "low_rank_independent": Sizes(1024, 1024, 256),
    "low_rank_shaped": Sizes(64, 64, 36),
    "low_rank_low_rank": Sizes(1024, 1024, 80),
}


@dataclass(frozen=True)
class WideCase(Case):
    """A costly case on all nine problems."""

    moving: ClassVar[int] = 100

    def tried(self, problem: str) -> bool:
        """On every problem of `SIZES` whose noise the rule's law knows."""
        return problem in SIZES and self.described(problem)

    def size(self, problem: str) -> int:
        """Number of coordinates at which a problem is drawn for this rule."""
        sizes = SIZES[problem]
        if self.of_matrices:
            return sizes.matrix
        if self.stands_still:
            return sizes.sign
        return min(sizes.chain, MOST_LONG) if self.remembers_long else sizes.chain


def cases() -> dict[str, WideCase]:
    """Every costly case of `rule_cases`."""
    return {
        name: WideCase(case.rule, case.given)
        for name, case in rule_cases.cases().items()
        if case.costly
    }

"""How a rule is measured: single draws or chains, how many at once, how long, after which burn-in.

A chain costs its burn-in before it tells anything, so few chains are followed for long; but their
number is what standard errors rest on, and a chunk of them must fill the machine at small d.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sim import quadratic as q
from sim.draws import Course
from sim.rules import identified, make_rule

CHUNK_FLOATS = 2**19  # normals drawn at once: what they become stays in the cache
CHUNK_ROWS = 4096
CHAIN_FLOATS = 2**14  # of one step of a chunk of chains: their state stays in the cache
FEWEST_CHAINS = 128  # in a chunk, for a standard error known to 6 %
LONGEST = 8  # measured part of a chain, in units of the rule's own burn-in


class Plan(NamedTuple):
    """A checked request.

    name: the rule with its parameters, hashable.  rows: draws, or chains, in a chunk.
    burn_in: None for a rule without memory.  most_looks: steps measured in one chain, at most;
    pilot_looks: as many as take one burn-in.  saturates: whether V may be constant but for jumps.
    threshold: signs are drawn by their probabilities (see `threshold`).
    """

    name: tuple
    problem: q.Quadratic
    average: bool
    rows: int
    saturates: bool
    burn_in: int | None = None
    spacing: int = 1
    pilot_looks: int = 1
    most_looks: int = 1
    threshold: bool = False

    def course(self, looks: int) -> Course | None:
        """The course of chains of which `looks` steps are measured; None without memory."""
        return None if self.burn_in is None else Course(self.burn_in, self.spacing, looks)

    def size(self, samples: int, chains: int = 2) -> tuple[int, int]:
        """Looks per chain and chunks for at least so many measured steps and so many chains."""
        looks = int(np.clip(-(-samples // self.rows), 1, self.most_looks))
        return looks, max(-(-samples // (self.rows * looks)), -(-chains // self.rows))


def planned(
    rule: str,
    problem: q.Quadratic,
    burn_in: int | None,
    steps: int | None,
    average: bool,
    parameters: Mapping[str, Any],
) -> Plan:
    """The plan of a request; ValueError names what is wrong with it."""
    made, name = make_rule(rule, **parameters), identified(rule, parameters)
    ready = q.with_noise_factor(q.validated(problem))
    d = ready.theta.size
    wide = int(np.clip(CHUNK_FLOATS // d, 2, CHUNK_ROWS))
    plan = Plan(name, ready, average, wide, made.saturates(d, steps))
    _check_course(rule, made.burn_in, burn_in, steps)
    narrow = min(max(CHAIN_FLOATS // d, FEWEST_CHAINS), wide)
    if steps is not None:
        return plan._replace(rows=narrow, burn_in=steps - 1)
    if not made.burn_in:
        return plan
    looks = -(-made.burn_in // made.spacing)
    return plan._replace(
        rows=narrow,
        burn_in=made.burn_in if burn_in is None else burn_in,
        spacing=made.spacing,
        pilot_looks=looks,
        most_looks=LONGEST * looks,
    )


def _check_course(rule: str, memory: int | None, burn_in: int | None, steps: int | None) -> None:
    for what, value, least in (("burn_in", burn_in, 0), ("steps", steps, 1)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= least):
            raise ValueError(f"{what} must be a whole number, at least {least}, not {value!r}")
    if burn_in is not None and steps is not None:
        raise ValueError("give burn_in (stationary) or steps (V of that very step), not both")
    if memory == 0 and steps is not None:
        raise ValueError(f"rule {rule!r} has no memory here: steps= does not apply")
    if memory is None and steps is None:
        raise ValueError(f"rule {rule!r} has no stationary state: say steps=, the step measured")


def check_batch(plan: Plan, batch) -> None:
    """ValueError unless batch means of this size can be drawn."""
    try:
        good = np.isfinite(float(batch)) and float(batch) >= 1
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise ValueError(f"batch must be a finite number ≥ 1, not {batch}")
    averaged = plan.average or q.family(plan.problem.family).mean is None
    if averaged and batch != int(batch):
        raise ValueError(f"only a whole number of samples can be averaged, not {batch}")

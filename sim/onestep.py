"""Monte Carlo of one optimizer step on a quadratic: E[VᵀG], E[VᵀHV], ε* and ΔL*.

The loss after a step is exactly L(θ − εV) = L − ε VᵀG + ½ ε² VᵀHV, so over the draws of V the best
learning rate is ε* = E[VᵀG]/E[VᵀHV] and the best expected decrease ΔL* = ½ E[VᵀG]²/E[VᵀHV].
Nothing about the law of V enters: the update rule is applied to drawn batch gradients.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim import quadratic as q
from sim.draws import Course, chain_products, draw_products
from sim.estimate import Estimate, Moments, chunk_moments, mean_estimate, merged, propagate
from sim.plan import Plan, check_batch, planned
from sim.rules import make_rule
from sim.threshold import Signs, check_threshold, probabilities, sign_products

COARSE = 1.1  # times the resolution: a run that is coarser is run again


class OneStep(NamedTuple):
    """What one step does: `lr_star`, `decrease` (loss units), `numerator` E[VᵀG], `denominator`
    E[VᵀHV]; `covariance` of the last two means, which share their draws."""

    lr_star: Estimate
    decrease: Estimate
    numerator: Estimate
    denominator: Estimate
    covariance: float

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """`lr_star`, `decrease`, `numerator`, `denominator`."""
        return self[:4]


def one_step_from(moments: Moments, spans: tuple[float, float]) -> OneStep:
    """`OneStep` from the moments of (VᵀG, VᵀHV); `spans` bound one draw's range, see `estimate`.

    Where E[VᵀHV] = 0, `lr_star` and `decrease` are infinite or NaN: there is no optimum.
    """
    parts = tuple(mean_estimate(moments, i, spans[i]) for i in range(2))
    varied = np.array([part.varied for part in parts])  # of the others rounding is all that is left
    covariance = moments.m2 / moments.n / (moments.n - 1) * np.outer(varied, varied)
    with np.errstate(divide="ignore", invalid="ignore"):
        num, den = (np.float64(part.mean) for part in parts)
        slope = np.array([1.0 / den, -num / den**2])
        bend = np.array([num / den, -0.5 * (num / den) ** 2])
        return OneStep(
            lr_star=propagate(lambda m: m[0] / m[1], slope, parts, covariance),
            decrease=propagate(lambda m: 0.5 * m[0] ** 2 / m[1], bend, parts, covariance),
            numerator=parts[0],
            denominator=parts[1],
            covariance=float(covariance[0, 1]),
        )


def measure_one_step(
    rule: str,
    problem: q.Quadratic,
    *,
    batch,
    samples: int,
    key,
    burn_in: int | None = None,
    steps: int | None = None,
    average: bool = False,
    sampler: str = "normals",
    **parameters,
) -> OneStep:
    """Monte Carlo of one step of `rule` at batch size `batch`, θ and so the gradient's law frozen.

    A rule without memory is measured on at least `samples` antithetic pairs of draws of V (single
    draws where the noise is skewed), and `n` of the estimates counts them.  A rule with memory runs
    in chains, of independent draws: `burn_in` steps (default: the rule's own), then steps that are
    measured, at least `samples` of them over all pairs of chains.  A pair's average over its steps
    is one draw, and `n` counts pairs.  With `steps`, V of exactly that step of at least `samples`
    pairs of chains is measured instead; a rule without a stationary state (adagrad) demands it.

    The batch mean is drawn by its law (see `quadratic.draw_noise_mean`); `average=True` draws and
    averages B samples instead (to check the former; its cost grows with B).  `sampler="threshold"`
    draws signs by their probabilities (see `threshold`: no evidence for a law of sign descent).
    `samples` is rounded up to whole chunks.  Runs in the problem's dtype, memory bounded
    by chunks, same key → same result.

    Raises ValueError for an unknown rule or a wrong parameter, batch < 1 or not finite (or not
    whole, to average), samples < 2, a burn-in or steps that do not apply, or a malformed problem.
    """
    if not isinstance(samples, int | np.integer) or samples < 2:
        raise ValueError(f"samples must be a whole number, at least 2, not {samples}")
    if sampler not in ("normals", "threshold"):
        raise ValueError(f"sampler must be 'normals' or 'threshold', not {sampler!r}")
    plan = planned(rule, problem, burn_in, steps, average, parameters)
    if sampler == "threshold":
        check_threshold(rule, plan.problem, average)
        plan = plan._replace(threshold=True)
    check_batch(plan, batch)
    return _measure(plan, batch, *plan.size(samples), key)


def measure_to(
    resolution: float,
    rule: str,
    problem: q.Quadratic,
    *,
    batches,
    limit: int,
    key,
    burn_in: int | None = None,
    steps: int | None = None,
    **parameters,
) -> list[OneStep]:
    """`measure_one_step` per batch size, with as many draws as bring every relative standard error
    to `resolution`.

    A pilot run of one chunk sets the number of draws and is then discarded, so that the stopping
    rule cannot bias the result; a run whose pilot had promised too much is itself the pilot of
    another, once.  At most `limit` pairs are drawn (of chains: pairs of measured steps), and the
    estimate says what was reached.  Raises ValueError as `measure_one_step` does.
    """
    plan = planned(rule, problem, burn_in, steps, False, parameters)
    for batch in batches:
        check_batch(plan, batch)
    measured = []
    for index, batch in enumerate(batches):
        keys = jax.random.split(jax.random.fold_in(key, index), 3)
        pilot = _measure(plan, batch, plan.pilot_looks, 1, keys[0])
        size = plan.size(*_needed(resolution, pilot, plan.pilot_looks, limit))
        step = _measure(plan, batch, *size, keys[1])
        if not _reached(resolution, step):
            larger = plan.size(*_needed(resolution, step, size[0], limit))
            if math.prod(larger) > math.prod(size):
                step = _measure(plan, batch, *larger, keys[2])
        measured.append(step)
    return measured


def _reached(resolution: float, step: OneStep) -> bool:
    """Whether every relative standard error is about as small as it should be."""
    return all(part.sem <= COARSE * resolution * abs(part.mean) for part in step.estimates)


def _needed(resolution: float, pilot: OneStep, looks: int, limit: int) -> tuple[int, int]:
    """Measured steps, and chains, that bring every part to `resolution`, from 2 to `limit`.

    More steps of a chain serve where draws varied.  Where none did, a chain says once that it saw
    nothing, and only more chains help.
    """
    parts = pilot.estimates
    steps = [looks * _draws_for(resolution, part) for part in parts if part.varied]
    chains = [_draws_for(resolution, part) for part in parts if not part.varied]
    most_steps, most_chains = (np.nanmax([2.0, *some]) for some in (steps, chains))
    return int(min(most_steps, limit)), int(min(most_chains, limit))


def _draws_for(resolution: float, part: Estimate) -> float:
    """Draws that would bring a part's relative standard error to `resolution`: it falls as 1/√n,
    and as 1/n where nothing varied.  No number brings a mean of zero there, unless its standard
    error is zero."""
    if part.mean == 0:
        return 0.0 if part.sem == 0 else float("inf")
    ratio = abs(part.sem / part.mean) / resolution
    return part.n * (ratio**2 if part.varied else ratio)


@partial(jax.jit, static_argnames=("rule", "rows", "average"))
def _chunk(
    problem,
    batch,
    key,
    course: Course | None,
    signs: Signs | None,
    *,
    rule,
    rows: int,
    average: bool,
):
    if signs is not None:
        return chunk_moments(sign_products(problem, signs, key, rows))
    made = make_rule(rule[0], **dict(rule[1:]))
    if course is None:
        return chunk_moments(draw_products(problem, made, key, rows, batch, average))
    return chunk_moments(chain_products(problem, made, key, rows, batch, average, course))


def _measure(plan: Plan, batch, looks: int, chunks: int, key) -> OneStep:
    size = jnp.asarray(batch, plan.problem.theta.dtype)
    signs = probabilities(plan.problem, size) if plan.threshold else None
    moments = [
        _chunk(
            plan.problem, size, jax.random.fold_in(key, index), plan.course(looks), signs,
            rule=plan.name, rows=plan.rows, average=plan.average,
        )
        for index in range(chunks)
    ]  # fmt: skip
    return one_step_from(merged(plan.rows, moments), _spans(plan))


def _spans(plan: Plan) -> tuple[float, float]:
    """Bounds on the range of VᵀG and VᵀHV, for where no two draws differed.

    Where V is constant but for jumps, rare jumps may have gone unseen, and |V_i| ≤ 1 (0 where
    μ_i = 0, as noise would have moved it).  A V that moves smoothly and is seen to move by less
    than rounding is many standard deviations from anywhere else: nothing is unseen.  A V that is
    linear in the gradient makes pairs agree on VᵀG by the antithetic identity: nothing is, either.
    """
    mean, h = q.gradient(plan.problem), plan.problem.hessian
    if not plan.saturates:
        return 0.0, 0.0
    v = jnp.abs(jnp.sign(mean))
    if isinstance(h, q.DiagonalPlusLowRank):
        reach = (jnp.abs(h.diagonal) * v**2).sum()
        reach += ((v @ jnp.abs(h.factor)) ** 2 * jnp.abs(h.weights)).sum()
    else:
        reach = v @ q.matvec(jnp.abs(h), v)
    return 2.0 * float(v @ jnp.abs(mean)), 2.0 * float(reach)

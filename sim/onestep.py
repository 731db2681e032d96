"""Monte Carlo of one optimizer step on a quadratic: E[VᵀG], E[VᵀHV], ε* and ΔL*.

The loss after a step is exactly L(θ − εV) = L − ε VᵀG + ½ ε² VᵀHV, so over the draws of V the best
learning rate is ε* = E[VᵀG]/E[VᵀHV] and the best expected decrease ΔL* = ½ E[VᵀG]²/E[VᵀHV].
Nothing about the law of V enters: the update rule is applied to drawn batch gradients.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim import quadratic as q
from sim.estimate import Estimate, Moments, chunk_moments, mean_estimate, merged, propagate
from sim.rules import SATURATING, first_direction, make_rule

CHUNK_FLOATS = 2**20  # normals drawn at once: a few MB, and two-dimensional
CHUNK_ROWS = 4096


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


def _noise_mean_direct(noise, key, rows: int, batch):
    """Mean noise of `batch` samples (rows, d), drawn at once: N(0, Σ/B)."""
    return q.draw_noise(noise, key, rows) / jnp.sqrt(batch)


def _noise_mean_averaged(noise, key, rows: int, batch):
    """Mean noise of `batch` samples (rows, d), really averaged over the samples."""

    def add(i, total):
        return total + q.draw_noise(noise, jax.random.fold_in(key, i), rows)

    zero = jnp.zeros((rows, noise.shape[0]), noise.dtype)
    return jax.lax.fori_loop(0, batch.astype(jnp.int32), add, zero) / batch


def draw_products(problem, rule, key, rows: int, batch, average: bool):
    """VᵀG and VᵀHV of `rows` antithetic pairs of steps, as (rows, 2).

    The two steps of a pair see opposite noise, which Gaussian samples allow, and are averaged:
    the part of VᵀG that is odd in the noise cancels, and its variance falls.
    """
    noise_mean = _noise_mean_averaged if average else _noise_mean_direct
    mean = q.gradient(problem)
    noise = noise_mean(problem.noise, key, rows, batch)

    def products(batch_gradient):
        v = first_direction(rule, batch_gradient)
        slope = jnp.matmul(v, mean, precision=q.HIGHEST)
        return jnp.stack([slope, q.quadratic_form(problem.hessian, v)], axis=-1)

    return 0.5 * (products(mean + noise) + products(mean - noise))


@partial(jax.jit, static_argnames=("rule", "rows", "average"))
def _chunk(problem, batch, key, *, rule, rows: int, average: bool):
    transform = make_rule(rule[0], **dict(rule[1:]))
    return chunk_moments(draw_products(problem, transform, key, rows, batch, average))


def one_step_from(moments: Moments, spans: tuple[float, float]) -> OneStep:
    """`OneStep` from the moments of (VᵀG, VᵀHV); `spans` bound one draw's range, see `estimate`.

    Where E[VᵀHV] = 0, `lr_star` and `decrease` are infinite or NaN: there is no optimum.
    """
    parts = tuple(mean_estimate(moments, i, spans[i]) for i in range(2))
    covariance = moments.m2 / moments.n / (moments.n - 1)
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
    average: bool = False,
    **parameters,
) -> OneStep:
    """Monte Carlo of one step of `rule` at batch size `batch`, over at least `samples` antithetic
    pairs of draws of V (`n` of the estimates counts pairs).

    The batch mean is drawn from N(G, Σ/B); `average=True` draws and averages B samples instead (to
    check the former; its cost grows with B).  `samples` is rounded up to whole chunks.  Runs in the
    problem's dtype, memory bounded by chunks, same key → same result.

    Raises ValueError for an unknown rule, batch < 1 or not finite (or not whole, to average),
    samples < 2, or a malformed problem.
    """
    _check_batch(batch)
    if average and batch != int(batch):
        raise ValueError(f"only a whole number of samples can be averaged, not {batch}")
    if not isinstance(samples, int | np.integer) or samples < 2:
        raise ValueError(f"samples must be a whole number, at least 2, not {samples}")
    make_rule(rule, **parameters)
    ready = q.with_noise_factor(q.validated(problem))
    return _measure((rule, *sorted(parameters.items())), ready, batch, samples, key, average)


def _check_batch(batch) -> None:
    try:
        good = np.isfinite(float(batch)) and float(batch) >= 1
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise ValueError(f"batch must be a finite number ≥ 1, not {batch}")


def _measure(rule: tuple, problem, batch, samples: int, key, average: bool) -> OneStep:
    rows, size = _rows(problem), jnp.asarray(batch, problem.theta.dtype)
    chunks = [
        _chunk(problem, size, jax.random.fold_in(key, index), rule=rule, rows=rows, average=average)
        for index in range(-(-samples // rows))
    ]
    return one_step_from(merged(rows, chunks), _spans(problem, rule))


def _rows(problem) -> int:
    """Pairs of draws in a chunk."""
    return int(np.clip(CHUNK_FLOATS // problem.theta.size, 2, CHUNK_ROWS))


def measure_to(
    resolution: float, rule: str, problem: q.Quadratic, *, batches, limit: int, key, **parameters
) -> list[OneStep]:
    """`measure_one_step` per batch size, with as many draws as bring every relative standard error
    to `resolution`.

    A pilot run of one chunk sets the number of draws and is then discarded, so that the stopping
    rule cannot bias the result; at most `limit` pairs are drawn, and the estimate says what was
    reached.  Raises ValueError as `measure_one_step` does.
    """
    for batch in batches:
        _check_batch(batch)
    make_rule(rule, **parameters)
    ready = q.with_noise_factor(q.validated(problem))
    name = (rule, *sorted(parameters.items()))
    steps = []
    for index, batch in enumerate(batches):
        pilot_key, main_key = jax.random.split(jax.random.fold_in(key, index))
        pilot = _measure(name, ready, batch, 2, pilot_key, False)
        needed = np.nanmax([_draws_for(resolution, part) for part in pilot.estimates])
        samples = int(np.clip(needed, 2, limit))
        steps.append(_measure(name, ready, batch, samples, main_key, False))
    return steps


def _draws_for(resolution: float, part: Estimate) -> float:
    """Draws that would bring a part's relative standard error to `resolution`: it falls as 1/√n,
    and as 1/n where nothing varied.  No number brings a mean of zero there, unless its standard
    error is zero."""
    if part.mean == 0:
        return 0.0 if part.sem == 0 else float("inf")
    ratio = abs(part.sem / part.mean) / resolution
    return part.n * (ratio**2 if part.varied else ratio)


def _spans(problem, rule: tuple) -> tuple[float, float]:
    """Bounds on the range of VᵀG and VᵀHV, for where no two draws differed.

    A saturating rule then has |V_i| at most what it is without noise, and rare draws may have gone
    unseen.  For any other rule pairs agree only by the antithetic identity: nothing is unseen.
    """
    if rule[0] not in SATURATING:
        return 0.0, 0.0
    transform, mean, h = make_rule(rule[0], **dict(rule[1:])), q.gradient(problem), problem.hessian
    v = jnp.abs(jnp.asarray(transform.update(mean, transform.init(mean))[0]))
    if isinstance(h, q.DiagonalPlusLowRank):
        reach = (jnp.abs(h.diagonal) * v**2).sum()
        reach += ((v @ jnp.abs(h.factor)) ** 2 * jnp.abs(h.weights)).sum()
    else:
        reach = q.quadratic_form(jnp.abs(h), v)
    return 2.0 * float(v @ jnp.abs(mean)), 2.0 * float(reach)

"""The optimal learning rate of one step, for every rule, noise and batch size."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from theory.correlated import Curvature, covariance_trace
from theory.descent import assemble, independent_trace, optimum
from theory.moments import Moments
from theory.problem import Problem, checked_problem
from theory.rules import lookup
from theory.rules.rule import Rule


class OneStep(NamedTuple):
    """Lemma 1 by batch size; each entry has the shape of `batch`.

    `numerator` N = GᵀE[V] and `denominator` D = E[VᵀHV]; `lr_star` N/D and `decrease` N²/(2D),
    nan where no optimum exists (N ≤ 0 or D ≤ 0); `denominator_sem` the standard error of D,
    zero where D is exact (and where no draw differed from another).
    """

    numerator: NDArray[np.floating]
    denominator: NDArray[np.floating]
    lr_star: NDArray[np.floating]
    decrease: NDArray[np.floating]
    denominator_sem: NDArray[np.floating]


def one_step(
    rule: str,
    *,
    mu: ArrayLike,
    sigma: ArrayLike | None = None,
    hessian: Any,
    batch: ArrayLike,
    correlation: ArrayLike | None = None,
    noise_samples: ArrayLike | None = None,
    draws: int = 1024,
    key: Array | None = None,
    **parameters: Any,
) -> OneStep:
    """N, D, ε* and ΔL* of Lemma 1 for one step θ' = θ − εV of `rule`.

    `mu`, `sigma` (d,): mean and standard deviation of the per-sample gradient. `hessian`: a
    dense (d, d) array, or an operator with `matvec` and `diagonal` (and optionally
    `sampled_quadratic(V, key)` and `dtype`). `batch`: scalar or (b,), in samples.

    Noise is independent between coordinates unless one of these is given: `correlation`, a dense
    (d, d) matrix, exact; or `noise_samples`, centred per-sample gradients (n, d), whose σ
    replaces `sigma` and which are used with `draws` Gaussian draws of D from `key` (a fixed one
    if None). `parameters` are the rule's own.

    Errors: ValueError for an unknown rule or parameter and for any malformed input.
    """
    law, known = lookup(rule, parameters)
    problem = checked_problem(
        mu, sigma, hessian, batch, correlation, noise_samples, defined_at_zero=law.defined_at_zero
    )
    if draws < 2:
        raise ValueError("draws must be at least 2")
    batch_b = jnp.atleast_1d(problem.batch)
    moments_b = [law.moments(problem.mu, problem.sigma, b, **known) for b in batch_b]
    key = jax.random.key(0) if key is None else key
    numerator, curvature = _sums(law, problem, moments_b, batch_b, draws, key)
    best = optimum(numerator, curvature.value)
    values = (numerator, curvature.value, best.lr_star, best.decrease, curvature.sem)
    return OneStep(*(np.asarray(value).reshape(problem.batch.shape) for value in values))


def optimal_lr(
    rule: str,
    *,
    mu: ArrayLike,
    sigma: ArrayLike | None = None,
    hessian: Any,
    batch: ArrayLike,
    correlation: ArrayLike | None = None,
    noise_samples: ArrayLike | None = None,
    draws: int = 1024,
    key: Array | None = None,
    **parameters: Any,
) -> Any:
    """ε*(B) = GᵀE[V] / E[VᵀHV], a float for a scalar `batch`, else an array like `batch`.

    Arguments and errors are those of `one_step`; nan where no optimum exists.
    Source: Li et al. 2024, Lemma 1 and Theorem 2. Holds for: a quadratic loss, Gaussian ĝ.
    """
    lr_star = one_step(
        rule,
        mu=mu,
        sigma=sigma,
        hessian=hessian,
        batch=batch,
        correlation=correlation,
        noise_samples=noise_samples,
        draws=draws,
        key=key,
        **parameters,
    ).lr_star
    return float(lr_star) if lr_star.ndim == 0 else lr_star


def _sums(
    law: Rule, problem: Problem, moments_b: list[Moments], batch_b: Array, draws: int, key: Array
) -> tuple[Array, Curvature]:
    """N and D by batch size, with independent, correlated or sampled noise."""
    mu, sigma, hessian, _, correlation, samples = problem
    if samples is not None:
        if law.draws is None:
            raise ValueError(f"rule {law.name!r} has no law for noise_samples")
        numerator = jnp.stack([mu @ mean for mean, _ in moments_b])
        return numerator, law.draws(mu, samples, hessian, batch_b, draws, key)
    if correlation is None:
        trace_b = [independent_trace(moments, hessian) for moments in moments_b]
    elif law.pair is None:
        raise ValueError(f"rule {law.name!r} has no law for correlated noise")
    else:
        variance_bd = jnp.stack([variance for _, variance in moments_b])
        trace_b = covariance_trace(law.pair, mu, sigma, variance_bd, correlation, hessian, batch_b)
    sums = [assemble(mu, m, hessian, trace) for m, trace in zip(moments_b, trace_b, strict=True)]
    numerator, denominator = (jnp.stack(column) for column in zip(*sums, strict=True))
    return numerator, Curvature(denominator, jnp.zeros_like(denominator))

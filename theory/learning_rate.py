"""The optimal learning rate of one step, for every rule, noise and batch size."""

from typing import Any, NamedTuple

import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from theory.descent import optimum
from theory.problem import checked_count, checked_key, checked_problem
from theory.rules import lookup
from theory.rules.rule import Budget


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
    order: int | None = None,
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
    checked_count("draws", draws, 2)
    if order is not None:
        checked_count("order", order, 1)
        if correlation is None and noise_samples is None:
            raise ValueError("order needs correlation or noise_samples")
    budget = Budget(draws, checked_key(key), order)
    sums = law.sums(problem, budget, **known)
    best = optimum(sums.numerator, sums.denominator)
    values = (sums.numerator, sums.denominator, best.lr_star, best.decrease, sums.sem)
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
    order: int | None = None,
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
        order=order,
        key=key,
        **parameters,
    ).lr_star
    return float(lr_star) if lr_star.ndim == 0 else lr_star

"""Approximate laws of ε* with the exact ones they stand for, on one family of problems.

d = 32: H has 1 on its diagonal and ½ off it; μ_i > 0, |μ_i/σ_i| log-normal of root mean square 0.1
with `spread` the deviation of its logarithm, σ = 1; the noise is independent, or equicorrelated.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

import theory
from theory.correlated_small_batch import correlated_small_batch

D, COUPLING, SIGNAL = 32, 0.5, 0.1
ADAM = {"beta1": 0.9, "beta2": 0.95}
LAWS = {name: law.jax for name, law in theory.LAWS.items()}


class Point(NamedTuple):
    """What a law is given: μ, σ (d,), H, the noise's correlation (None: independent), B (b,)."""

    mu: np.ndarray
    sigma: np.ndarray
    hessian: np.ndarray
    correlation: np.ndarray | None
    batch: np.ndarray


class Approximation(NamedTuple):
    """An approximate law of ε*, the exact one it stands for, and `law`, the name of its formula.

    `correlated`: whether it is tried under correlated noise, or for independent noise only.
    """

    title: str
    law: str
    approximate: Callable[[Point], Any]
    exact: Callable[[Point], Any]
    correlated: bool


def point(spread: float, rho: float | None, batches: tuple[int, ...]) -> Point:
    """The problem with this spread of ln|μ/σ| and this correlation of the noise, if any."""
    ratio = np.exp(spread * ndtri((np.arange(D) + 0.5) / D))
    ratio *= SIGNAL / np.sqrt((ratio**2).mean())
    ones = np.ones((D, D))
    return Point(
        ratio,
        np.ones(D),
        (1 - COUPLING) * np.eye(D) + COUPLING * ones,
        None if rho is None else (1 - rho) * np.eye(D) + rho * ones,
        np.asarray(batches, np.float64),
    )


def _of_rule(rule: str, at: Point, **options: Any) -> Any:
    given: dict[str, Any] = at._asdict() | options
    return theory.optimal_lr(rule, **given)


def _from_moments(at: Point, mean_bd, variance_bd) -> Any:
    """Lemma 1 for independent coordinates."""
    mean, variance = np.asarray(mean_bd), np.asarray(variance_bd)
    along = np.einsum("bi,ij,bj->b", mean, at.hessian, mean)
    return mean @ at.mu / (variance @ np.diag(at.hessian) + along)


def _traces(at: Point) -> tuple[float, float, float]:
    """Σ|μ_i|, T and Q."""
    signs = np.sign(at.mu)
    q = float(signs @ at.hessian @ signs)
    return float(np.abs(at.mu).sum()), float(np.trace(at.hessian)), q


def _mean_field(at: Point) -> Any:
    """One κ² = Σσ²/Σμ² for all coordinates."""
    kappa = np.sqrt((at.sigma**2).sum() / (at.mu**2).sum())
    return LAWS["common_ratio_lr"](at.batch, *_traces(at), kappa)


def _small_batch(at: Point) -> Any:
    small = theory.small_batch(at.mu, at.sigma, at.hessian)
    return LAWS["small_batch_lr"](at.batch, small.eps_max, small.b_noise)


def _correlated_small_batch(at: Point) -> Any:
    small = correlated_small_batch(at.mu, at.sigma, at.hessian, at.correlation)  # type: ignore[arg-type]
    lr = LAWS["correlated_small_batch_lr"](at.batch, small.M, small.D0, small.D1)
    return np.where(np.asarray(lr) > 0, lr, np.nan)


def _adam_first(at: Point) -> Any:
    given = (at.mu, at.sigma, at.batch[:, None], *ADAM.values())
    return _from_moments(at, LAWS["adam_first_mean"](*given), LAWS["adam_first_variance"](*given))


def _normalised(at: Point) -> Any:
    square, curvature = (at.mu**2).sum(), at.mu @ at.hessian @ at.mu
    variance = at.sigma**2
    trace = np.diag(at.hessian) @ variance
    if at.correlation is not None:
        trace = (at.hessian * at.correlation * np.outer(at.sigma, at.sigma)).sum()
    scales = trace / curvature, variance.sum() / square
    return LAWS["normalised_lr"](at.batch, square, curvature, *scales)


_SIGN, _ADAM = partial(_of_rule, "sign"), partial(_of_rule, "adam", **ADAM)
_independent = partial(_of_rule, "sign", correlation=None)

APPROXIMATIONS: Mapping[str, Approximation] = {
    "sigmoid": Approximation(
        "sigmoid for erf", "sigmoid_mean", partial(_of_rule, "sign_sigmoid"), _SIGN, False
    ),
    "mean_field": Approximation(
        "one ratio for all", "common_ratio_lr", _mean_field, _SIGN, False
    ),
    "sign_mean_field": Approximation(
        "Su's mean field for a sign",
        "su_shrinkage", partial(_of_rule, "sign_mean_field"), _SIGN, False,
    ),
    "small_batch": Approximation("Theorem 3", "small_batch_lr", _small_batch, _SIGN, False),
    "adam_limit": Approximation(
        "Adam: β2 → 1", "adam_mean", partial(_of_rule, "adam", beta1=0.9), _ADAM, False
    ),
    "adam_first": Approximation(
        "Adam: first order in 1 − β2", "adam_first_mean", _adam_first, _ADAM, False
    ),
    "independent": Approximation("Theorem 2 as printed", "sign_lr", _independent, _SIGN, True),
    "correlated_small_batch": Approximation(
        "small batches, correlated noise",
        "correlated_small_batch_lr", _correlated_small_batch, _SIGN, True,
    ),
    "mehler_1": Approximation(
        "order ρ, with the diagonal",
        "first_order_curvature", partial(_of_rule, "sign", order=1), _SIGN, True,
    ),
    "mehler_3": Approximation(
        "order ρ³, with the diagonal",
        "mehler_next", partial(_of_rule, "sign", order=3), _SIGN, True,
    ),
    "normalised": Approximation(
        "normalised SGD, mean field",
        "normalised_lr", _normalised, partial(_of_rule, "normalised_sgd"), True,
    ),
}  # fmt: skip

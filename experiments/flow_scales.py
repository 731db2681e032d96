"""Noise scales averaged along a run without noise, as steps against samples weigh them.

If at each loss a step of batch B gains ΔL_max/(1 + β/B), a run takes S = S_min (1 + B̄/B) steps,
S_min = Σ τ, B̄ = Σ τβ / Σ τ, τ = dL/ΔL_max the noise-free steps spent there.  The run is the flow
of the noise-free rule, dθ = −G dt for SGD and dθ = −sign(G) dt for sign descent and Adam, and the
pairs (ΔL_max, β) are of one step at its points:

- mccandlish: ½|G|⁴/GᵀHG and tr(HΣ)/GᵀHG, exact for SGD;
- paper: Theorem 5 for signs, M²/(2S) and eq. (14), πT/(2S): S cancels in τβ = πT dL/M²;
- half: the largest ΔL*(B) of the exact law of signs, and where ΔL* is half of it: B_crit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import theory
from sim import Quadratic
from sim import quadratic as q

POINTS = 32  # losses at which a flow is looked at
REACH = np.geomspace(1.0, 2.0**24, 33)  # batch sizes among which halves lie
STRIDE = {"sgd": 0.02, "sign": 2e-3}  # of a flow: over λ_max, and in θ
LONGEST = 20_000

Means = dict[str, np.ndarray]  # by name: the mean noise scale until each target


def flow_scales(rule: str, problem: Quadratic, targets: Sequence[float]) -> Means:
    """Mean noise scales until each of the decreasing `targets` (losses below the start's)."""
    kind = "sgd" if rule == "sgd" else "sign"
    hessian, points, loss = _flow(kind, problem, min(targets))
    sigma = np.asarray(q.standard_deviation(q.with_noise_factor(problem)), float)
    covariance = dense_covariance(problem)
    scales = [_scales(kind, hessian, theta @ hessian, sigma, covariance) for theta in points]
    found: Means = {}
    fall = -np.diff(loss)
    for name in scales[0]:
        ends = np.array([scale[name] for scale in scales]).T
        upto = np.cumsum(0.5 * (ends[:, 1:] + ends[:, :-1]) * fall, 1)
        spent, weighed = (np.interp(-np.log(targets), -np.log(loss[1:]), sums) for sums in upto)
        with np.errstate(divide="ignore"):  # S = 0: no noise-free limit, an infinite scale
            found[name] = weighed / spent
    return found


def dense_covariance(problem: Quadratic) -> np.ndarray:
    """Σ (d, d)."""
    noise = np.asarray(problem.noise, float)
    if noise.ndim == 1:
        return np.diag(noise**2)
    return noise if noise.shape[0] == noise.shape[1] else noise @ noise.T


def _flow(kind: str, problem: Quadratic, last: float):
    """H (d, d), and θ (n, d) and losses (n,) at equal steps of ln L down to `last`."""
    hessian = np.asarray(q.dense(problem.hessian), float)
    theta = np.asarray(problem.theta, float)
    stride = STRIDE[kind] / (np.linalg.eigvalsh(hessian)[-1] if kind == "sgd" else 1.0)
    points, losses = [theta], [0.5 * theta @ hessian @ theta]
    levels = np.geomspace(losses[0], last, POINTS)[1:]
    for _ in range(LONGEST):
        gradient = hessian @ theta
        theta = theta - stride * (gradient if kind == "sgd" else np.sign(gradient))
        loss = 0.5 * theta @ hessian @ theta
        if loss <= levels[len(points) - 1]:
            points.append(theta)
            losses.append(loss)
            if len(points) == POINTS:
                break
    return hessian, np.array(points), np.array(losses)


def _scales(kind: str, hessian, mu, sigma, covariance) -> dict[str, tuple[float, float]]:
    """1/ΔL_max and β/ΔL_max of each pair at one point."""
    if kind == "sgd":
        along, square = mu @ hessian @ mu, mu @ mu
        return {"mccandlish": (2 * along / square**2, 2 * (hessian * covariance).sum() / square**2)}
    ratio = mu / sigma
    strength = (mu * ratio).sum() ** 2
    trace = np.trace(hessian)
    coherent = ratio @ (hessian - np.diag(np.diagonal(hessian))) @ ratio  # S: 0 for diagonal H
    step = theory.one_step("sign", mu=mu, sigma=sigma, hessian=hessian, batch=REACH,
                           **_correlation(covariance, sigma))  # fmt: skip
    best = step.decrease.max()
    half = np.exp(np.interp(0.5 * best, np.maximum.accumulate(step.decrease), np.log(REACH)))
    return {
        "paper": (2 * coherent / strength, np.pi * trace / strength),
        "half": (1 / best, half / best),
    }


def _correlation(covariance, sigma) -> dict[str, Any]:
    """The noise's correlation, for the law, where there is one."""
    correlation = covariance / np.outer(sigma, sigma)
    np.fill_diagonal(correlation, 1.0)
    return {} if np.allclose(correlation, np.eye(len(sigma))) else {"correlation": correlation}

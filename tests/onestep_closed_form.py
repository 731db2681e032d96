"""Quadratics whose one step is known: its closed form, and how far a measurement is from it."""

from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erf
from scipy.stats import multivariate_normal, norm

from sim import DiagonalPlusLowRank, OneStep, Quadratic, measure_one_step
from sim.quadratic import dense, rotated

FALSE_ALARM = 1e-4
orthant: Any = multivariate_normal
KEY = jax.random.key(9)
D = 6
BATCHES = (1, 4, 64)
GENERATOR = np.random.default_rng(0)
SIGMA = np.exp(0.3 * GENERATOR.normal(size=D))
MU = SIGMA * np.array([0.5, -0.3, 0.6, 0.2, 0.4, -0.5])
COHERENT = np.sign(MU)
HESSIANS: dict[str, Any] = {
    "diagonal": 1.0 / np.arange(1, D + 1),
    "dense": 0.3 * np.eye(D) + 0.7 * np.outer(COHERENT, COHERENT),
    "low rank": DiagonalPlusLowRank(
        jnp.full(D, 0.2), jnp.asarray(COHERENT)[:, None], jnp.asarray([0.5])
    ),
    "rotated": np.asarray(rotated(1 / np.arange(1, D + 1), jax.random.key(7), jnp.float64)),
}


def at_gradient(hessian: Any, noise, mu=MU) -> Quadratic:
    """The problem in float32 whose gradient is μ."""
    known = hessian if isinstance(hessian, DiagonalPlusLowRank) else jnp.asarray(hessian)
    theta = np.linalg.solve(np.asarray(dense(known), np.float64), mu)
    return Quadratic(*jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (known, theta, noise)))


def parts(problem):
    """μ, H and Σ in float64, as the simulation sees them."""
    h = np.asarray(dense(problem.hessian), np.float64)
    noise = np.asarray(problem.noise, np.float64)
    square = noise.ndim == 2 and noise.shape[0] == noise.shape[1]
    covariance = np.diag(noise**2) if noise.ndim == 1 else noise if square else noise @ noise.T
    return h @ np.asarray(problem.theta, np.float64), h, covariance


def closed_form(rule, problem, batch, *, noise=1.0, off_diagonal=1.0, correlation=1.0):
    """(ε*, ΔL*, E[V]ᵀG, E[VᵀHV]); the keywords make it wrong.

    Sign: P(ĝ_i > 0) by Φ, E[sign ĝ_i sign ĝ_j] by the bivariate normal's orthant.
    """
    mu, h, covariance = parts(problem)
    spread = np.sqrt(np.diag(covariance))
    rho = correlation * covariance / np.outer(spread, spread) + np.diag(np.full(len(mu), 1.0))
    np.fill_diagonal(rho, 1.0)
    covariance = noise**2 * rho * np.outer(spread, spread) / batch
    if rule == "sgd":
        mean, second = mu, np.outer(mu, mu) + covariance
    else:
        ratio = mu / np.sqrt(np.diag(covariance))
        mean, second = erf(ratio / np.sqrt(2)), np.eye(len(mu))
        for i, j in combinations(range(len(mu)), 2):
            if rho[i, j] == 0.0:
                second[i, j] = second[j, i] = mean[i] * mean[j]
                continue
            both = orthant(cov=rho[np.ix_([i, j], [i, j])]).cdf(ratio[[i, j]])
            product = 4 * both - 2 * norm.cdf(ratio[i]) - 2 * norm.cdf(ratio[j]) + 1
            second[i, j] = second[j, i] = product
    weight = off_diagonal + (1 - off_diagonal) * np.eye(len(mu))
    numerator, denominator = mu @ mean, (h * second * weight).sum()
    return np.array(
        [numerator / denominator, 0.5 * numerator**2 / denominator, numerator, denominator]
    )


def means(step: OneStep):
    return np.array([part.mean for part in step.estimates])


def sems(step: OneStep):
    return np.array([part.sem for part in step.estimates])


def worst(step: OneStep, law) -> float:
    """Largest deviation in units of what is allowed: z standard errors plus float32 rounding."""
    z = norm.isf(FALSE_ALARM / 2 / 4)
    return float((np.abs(means(step) - law) / (z * sems(step) + 1e-5 * np.abs(law))).max())


def measured(rule, problem, batch, samples=2**17, seed=1, **options) -> OneStep:
    return measure_one_step(
        rule, problem, batch=batch, samples=samples, key=jax.random.key(seed), **options
    )

"""Quadratic problems on which one-step laws are tried: where a surge must appear, and where not.

Each is a `Quadratic` in float32 made from explicit keys.  The scale of the noise is set so that the
root mean square of μ_i/σ_i is `SIGNAL`: sign descent is noise-dominated at B = 1 and saturated at
B = 65536.  T = tr H, S = Σ_{i≠j} r_i r_j H_ij, Q = sᵀHs with s = sign μ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from sim import DiagonalPlusLowRank, Quadratic
from sim.quadratic import dense, rotated

SIGNAL = 0.1


@dataclass(frozen=True)
class Problem:
    """A problem's maker, what it shows, whether ε*(B) of sign descent must decline somewhere, and
    whether its noise is correlated."""

    make: Callable[[jax.Array], Quadratic]
    shows: str
    surges: bool
    correlated: bool = False


def _at_gradient(hessian, mu, noise) -> Quadratic:
    """The problem whose full gradient is μ, θ = H⁻¹μ solved in float64."""
    if isinstance(hessian, DiagonalPlusLowRank):
        matrix = np.asarray(dense(DiagonalPlusLowRank(*map(jnp.asarray, hessian))), np.float64)
    else:
        matrix = np.asarray(hessian, np.float64)
    theta = mu / matrix if matrix.ndim == 1 else np.linalg.solve(matrix, mu)
    as32 = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (hessian, theta, noise))
    return Quadratic(*as32)


def _ratios(key, d: int, spread: float) -> np.ndarray:
    """d values of |μ_i/σ_i|, log-normal with root mean square `SIGNAL`."""
    ratios = np.exp(spread * np.asarray(jax.random.normal(key, (d,)), np.float64))
    return SIGNAL * ratios / np.sqrt((ratios**2).mean())


def _flat_noise(hessian, theta) -> Quadratic:
    """Equal noise in every coordinate, at a drawn point θ."""
    mu = np.asarray(hessian, np.float64) @ np.asarray(theta, np.float64)
    sigma = np.sqrt((mu**2).mean()) / SIGNAL
    return Quadratic(hessian, theta, jnp.full(theta.shape, sigma, jnp.float32))


def diagonal(key) -> Quadratic:
    d = 256
    keys = jax.random.split(key, 3)
    sigma = np.exp(0.5 * np.asarray(jax.random.normal(keys[0], (d,)), np.float64))
    signs = np.asarray(jax.random.rademacher(keys[1], (d,)), np.float64)
    mu = signs * sigma * _ratios(keys[2], d, spread=0.5)
    return _at_gradient(1.0 / np.arange(1.0, d + 1), mu, sigma)


def rank_one(key) -> Quadratic:
    d = 256
    s = np.asarray(jax.random.rademacher(key, (d,)), np.float64)
    hessian = DiagonalPlusLowRank(np.full(d, 0.1), s[:, None], np.array([1.0 / d]))  # type: ignore[arg-type]
    return _at_gradient(hessian, SIGNAL * s, np.ones(d))


def power_law(key) -> Quadratic:
    d = 256
    keys = jax.random.split(key)
    hessian = rotated(1.0 / jnp.arange(1.0, d + 1), keys[0])
    return _flat_noise(hessian, jax.random.normal(keys[1], (d,), jnp.float32))


def wishart(key) -> Quadratic:
    d, samples = 4096, 1024
    keys = jax.random.split(key)
    x = jax.random.normal(keys[0], (d, samples), jnp.float32)
    hessian = jnp.matmul(x, x.T, precision=jax.lax.Precision.HIGHEST) / samples
    hessian = 0.5 * (hessian + hessian.T)
    return _flat_noise(hessian, jax.random.normal(keys[1], (d,), jnp.float32))


def negative_s(key) -> Quadratic:
    d = 128
    hessian = np.eye(d) - 0.8 / d
    return _at_gradient(hessian, _ratios(key, d, spread=0.3), np.ones(d))


def negative_s_surge(key) -> Quadratic:
    """Few strong coordinates pull against each other, many weak ones pull together: S is negative,
    but once the strong ones have settled, the weak ones' coherence takes over."""
    strong, weak = 32, 96
    keys = jax.random.split(key)
    hessian = np.zeros((strong + weak, strong + weak))
    hessian[:strong, :strong] = np.eye(strong) - 0.8 / strong
    hessian[strong:, strong:] = 0.07 * np.eye(weak) + 0.03
    ratios = np.concatenate(
        [
            4.0 * _ratios(keys[0], strong, spread=0.1),
            0.1 * _ratios(keys[1], weak, spread=0.1),
        ]
    )
    return _at_gradient(hessian, ratios, np.ones(strong + weak))


def hessian_noise(key) -> Quadratic:
    d = 128
    keys = jax.random.split(key)
    hessian = rotated(1.0 / jnp.arange(1.0, d + 1), keys[0])
    theta = jax.random.normal(keys[1], (d,), jnp.float32)
    mu = np.asarray(hessian, np.float64) @ np.asarray(theta, np.float64)
    ratios = mu / np.sqrt(np.diagonal(np.asarray(hessian, np.float64)))
    scale = (ratios**2).mean() / SIGNAL**2
    return Quadratic(hessian, theta, jnp.asarray(scale * hessian, jnp.float32))


def equicorrelated(key) -> Quadratic:
    d, rho = 32, 0.6
    correlation = (1 - rho) * np.eye(d) + rho
    return _at_gradient(correlation, _ratios(key, d, spread=0.3), correlation)


def silent(key) -> Quadratic:
    """Half of the coordinates have no gradient at all, only noise, correlated like the Hessian."""
    d, rho = 64, 0.5
    correlation = (1 - rho) * np.eye(d) + rho
    hessian = correlation.copy()
    hessian[: d // 2, d // 2 :] = hessian[d // 2 :, : d // 2] = 0.0
    mu = np.concatenate([_ratios(key, d // 2, spread=0.3), np.zeros(d // 2)])
    return _at_gradient(hessian, mu, correlation)


PROBLEMS: Mapping[str, Problem] = {
    "diagonal": Problem(diagonal, "diagonal H: monotone up to Σ|μ|/T", surges=False),
    "rank_one": Problem(rank_one, "rank one + diagonal, common r: Q > 2T, a surge", surges=True),
    "power_law": Problem(power_law, "λ_k = 1/k in a random basis: a surge", surges=True),
    "wishart": Problem(wishart, "Wishart, d = 4096, a quarter of full rank: a surge", surges=True),
    "negative_s": Problem(negative_s, "S < 0: monotone", surges=False),
    "negative_s_surge": Problem(negative_s_surge, "S < 0, and yet a decline", surges=True),
    "hessian_noise": Problem(
        hessian_noise, "noise covariance ∝ H, power law", surges=True, correlated=True
    ),
    "equicorrelated": Problem(
        equicorrelated, "noise and H equicorrelated, .6", surges=True, correlated=True
    ),
    "silent": Problem(
        silent,
        "half the coordinates without a gradient, correlated noise",
        surges=True,
        correlated=True,
    ),
}


def make_problem(name: str, seed: int) -> Quadratic:
    """The problem called `name`; its key is the seed folded with its place in `PROBLEMS`."""
    key = jax.random.fold_in(jax.random.key(seed), list(PROBLEMS).index(name))
    return PROBLEMS[name].make(key)

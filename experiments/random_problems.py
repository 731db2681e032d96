"""Problems drawn at random, on which every update rule meets its law: d from 2 to 4096.

Three kinds of Hessian (diagonal; dense; diagonal plus low rank, one of them indefinite) by three
kinds of noise: independent coordinates; Σ ∝ H plus a tenth of its mean diagonal; low rank, Σ = LLᵀ
without a diagonal.  A coherent direction, s = sign μ, is in every Hessian that is not diagonal, and
in the low-rank noise.  σ_i is about 1, |μ_i/σ_i| log-normal, μ_i of both signs.

How large a problem is depends on what a draw of V costs: `Sizes`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim import DiagonalPlusLowRank, Quadratic
from sim import quadratic as q

RANK = 4
SIGNAL = 0.3  # median of |μ_i/σ_i|
SPREAD = 0.8  # deviation of its logarithm
ONE_RATIO = 0.001**0.5  # |μ_i/σ_i| of all coordinates, where Adam peaks near B = 59
WEIGHTS = (8.0, 4.0, 2.0, 1.0)  # eigenvalues of the low-rank part, about
INDEFINITE = (8.0, 4.0, 2.0, -1.6)


class Sizes(NamedTuple):
    """Number of coordinates for rules without memory, for rules that run in chains, and for rules
    that take singular values; all but 2 make a matrix."""

    single: int
    chain: int
    singular: int


class Kind(NamedTuple):
    """A kind of problem; `costly`: whether rules that run in chains or take singular values are
    tried on it too; `only` the rules that are tried on it, if not all; `coarser`: how much wider
    standard errors may be there."""

    hessian: str
    noise: str
    sizes: Sizes
    costly: bool = True
    only: tuple[str, ...] = ()
    coarser: float = 1.0

    @property
    def correlated(self) -> bool:
        """Whether the noise of different coordinates is correlated."""
        shaped = self.noise == "shaped" and self.hessian != "diagonal"
        return shaped or self.noise == "low_rank"

    @property
    def couples(self) -> bool:
        """Whether correlated noise meets off-diagonal curvature."""
        return self.correlated and self.hessian != "diagonal"


KINDS: Mapping[str, Kind] = {
    "diagonal_independent": Kind("diagonal", "independent", Sizes(4096, 64, 256)),
    "diagonal_shaped": Kind("diagonal", "shaped", Sizes(2, 64, 64), costly=False),
    "diagonal_low_rank": Kind("diagonal", "low_rank", Sizes(64, 64, 36), costly=False),
    "dense_independent": Kind("dense", "independent", Sizes(256, 64, 64)),
    "dense_shaped": Kind("dense", "shaped", Sizes(64, 64, 16)),
    "dense_low_rank": Kind("dense", "low_rank", Sizes(64, 64, 24), costly=False),
    "low_rank_independent": Kind("indefinite", "independent", Sizes(4096, 64, 64), costly=False),
    "low_rank_shaped": Kind("low_rank", "shaped", Sizes(64, 64, 16), costly=False),
    "low_rank_low_rank": Kind("low_rank", "low_rank", Sizes(128, 64, 24)),
    "one_ratio": Kind(
        "diagonal", "one_ratio", Sizes(64, 64, 64), only=("adam", "rmsprop"), coarser=6.0
    ),
}


def draw(name: str, d: int, seed: int) -> Quadratic:
    """The problem of this kind with d coordinates, in float32."""
    kind = KINDS[name]
    rng = np.random.default_rng((seed, list(KINDS).index(name), d))
    signs = np.where(rng.random(d) < 0.5, -1.0, 1.0)
    factor = rng.standard_normal((d, RANK))
    factor[:, 0] = signs * np.abs(factor[:, 0])
    hessian = HESSIANS[kind.hessian](rng, factor)
    noise = NOISES[kind.noise](rng, factor, hessian)
    ratio = SIGNAL * np.exp(SPREAD * rng.standard_normal(d))
    if kind.noise == "one_ratio":
        ratio = np.full(d, ONE_RATIO)
    return _at_gradient(hessian, noise, signs * ratio)


def _diagonal(rng, factor):
    return np.exp(0.7 * rng.standard_normal(len(factor)))


def _dense_hessian(rng, factor):
    d = len(factor)
    wishart = rng.standard_normal((d, 2 * d))
    bulk = 0.5 * np.eye(d) + wishart @ wishart.T / (4 * d)
    return bulk + (factor * WEIGHTS) @ factor.T / d


def _low_rank(weights):
    def make(rng, factor):
        d = len(factor)
        return DiagonalPlusLowRank(rng.uniform(0.5, 1.5, d), factor, np.asarray(weights) / d)  # type: ignore[arg-type]

    return make


def _independent(rng, factor, _hessian):
    return np.exp(0.3 * rng.standard_normal(len(factor)))


def _shaped(_rng, _factor, hessian):
    if not isinstance(hessian, DiagonalPlusLowRank) and hessian.ndim == 1:
        return np.sqrt(hessian / hessian.mean() + 0.1)
    matrix = np.asarray(q.dense(hessian))
    d = len(matrix)
    return matrix * d / np.trace(matrix) + 0.1 * np.eye(d)


def _low_rank_noise(rng, factor, _hessian):
    loadings = np.hstack([factor, rng.standard_normal(factor.shape)])
    scale = np.exp(0.3 * rng.standard_normal(len(factor)))
    return loadings * (scale / np.sqrt((loadings**2).sum(1)))[:, None]


HESSIANS: Mapping[str, Callable] = {
    "diagonal": _diagonal,
    "dense": _dense_hessian,
    "low_rank": _low_rank(WEIGHTS),
    "indefinite": _low_rank(INDEFINITE),
}
NOISES: Mapping[str, Callable] = {
    "independent": _independent,
    "one_ratio": _independent,
    "shaped": _shaped,
    "low_rank": _low_rank_noise,
}


def _at_gradient(hessian, noise, ratio) -> Quadratic:
    """The problem whose gradient is μ = ratio·σ: θ = H⁻¹μ, solved in float64."""
    mu = ratio * np.asarray(q.standard_deviation(Quadratic(hessian, ratio, jnp.asarray(noise))))
    as32 = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, jnp.float32), (hessian, _solved(hessian, mu), noise)
    )
    return Quadratic(*as32)


def _solved(hessian, mu) -> np.ndarray:
    if not isinstance(hessian, DiagonalPlusLowRank):
        return mu / hessian if hessian.ndim == 1 else np.linalg.solve(hessian, mu)
    diagonal, factor, weights = (np.asarray(part) for part in hessian)
    scaled = factor / diagonal[:, None]  # Woodbury
    inner = np.diag(1 / weights) + factor.T @ scaled
    return mu / diagonal - scaled @ np.linalg.solve(inner, scaled.T @ mu)

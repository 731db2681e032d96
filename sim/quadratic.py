"""Quadratic problems whose Hessian and gradient noise are known exactly.

One sample's loss is ℓ(θ; ξ) = ½ θᵀHθ + ξᵀθ with noise ξ of mean 0 and covariance Σ, so its
gradient is Hθ + ξ: mean G = Hθ, covariance Σ, Hessian H.  Where ξ is Gaussian the mean of a batch
of B such gradients is exactly N(G, Σ/B), so it can be drawn directly, at a cost that does not
depend on B; so it is for the other families whose batch mean has a known law.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from sim.families import FAMILIES, Family, family

HIGHEST = jax.lax.Precision.HIGHEST  # accelerators otherwise round matrix products
SYMMETRY_TOLERANCE = 1e-5
BLOCK = 128  # columns of H that are multiplied at once, at least


class DiagonalPlusLowRank(NamedTuple):
    """H = diag(diagonal) + factor · diag(weights) · factorᵀ; shapes (d,), (d, k), (k,)."""

    diagonal: Array
    factor: Array
    weights: Array


class Quadratic(NamedTuple):
    """A quadratic problem, `Quadratic(hessian=…, theta=…, noise=…)`; `validated` checks one.

    hessian: (d,) diagonal, (d, d) dense, or `DiagonalPlusLowRank`.
    theta: (d,) the point at which the step is taken.
    noise: (d,) standard deviation, (d, d) covariance, or (d, k) factor L with Σ = LLᵀ, k ≠ d.
    family: of the noise, by name (see `families`): ξ = σ∘z or L z with z i.i.d. of that family.
    Beyond the Gaussian the law depends on the factor, not on Σ alone: a covariance stands for the
    factor U√λ of its eigenvectors U.
    """

    hessian: Array | DiagonalPlusLowRank
    theta: Array
    noise: Array
    family: str | Family = FAMILIES["gaussian"]


def matvec(hessian, v):
    """H v for each row of v (…, d)."""
    if isinstance(hessian, DiagonalPlusLowRank):
        inner = jnp.matmul(v, hessian.factor, precision=HIGHEST) * hessian.weights
        return v * hessian.diagonal + jnp.matmul(inner, hessian.factor.T, precision=HIGHEST)
    if hessian.ndim == 1:
        return v * hessian
    return jnp.matmul(v, hessian, precision=HIGHEST)


def quadratic_form(hessian, v):
    """vᵀHv for each row of v (…, d) → (…,)."""
    if isinstance(hessian, DiagonalPlusLowRank):
        inner = jnp.matmul(v, hessian.factor, precision=HIGHEST)
        return (v**2 * hessian.diagonal).sum(-1) + (inner**2 * hessian.weights).sum(-1)
    if hessian.ndim == 1:
        return (v**2 * hessian).sum(-1)
    return _dense_form(hessian, v)


def _dense_form(hessian, v):
    """vᵀHv, for a symmetric H little more than half of a product with H: above the blocks on the
    diagonal, what is left is counted twice.  Sums over a row are products with ones: compilers
    keep the order of a sum, one addition after the other."""
    d = hessian.shape[0]
    block = max(BLOCK, -(-d // 8))
    dtype = jnp.promote_types(v.dtype, jnp.float32)  # of sums
    total = jnp.zeros(v.shape[:-1], dtype)
    for a in range(0, d, block):
        b = min(a + block, d)
        columns = jnp.concatenate([2 * hessian[:a, a:b], hessian[a:b, a:b]])
        product = jnp.matmul(
            v[..., :b], columns, precision=HIGHEST, preferred_element_type=dtype
        ) * v[..., a:b].astype(dtype)
        total += jnp.matmul(product, jnp.ones(b - a, dtype), precision=HIGHEST)
    return total


def diagonal(hessian):
    """The diagonal of H (d,)."""
    if isinstance(hessian, DiagonalPlusLowRank):
        return hessian.diagonal + (hessian.factor**2 * hessian.weights).sum(-1)
    return hessian if hessian.ndim == 1 else jnp.diagonal(hessian)


def dense(hessian):
    """H as a (d, d) array."""
    if isinstance(hessian, DiagonalPlusLowRank):
        f, w = hessian.factor, hessian.weights
        return jnp.diag(hessian.diagonal) + jnp.matmul(f * w, f.T, precision=HIGHEST)
    return jnp.diag(hessian) if hessian.ndim == 1 else hessian


def gradient(problem: Quadratic):
    """Full gradient G = Hθ (d,)."""
    return matvec(problem.hessian, problem.theta)


def sample_loss(problem: Quadratic, theta, xi):
    """ℓ(θ; ξ) = ½ θᵀHθ + ξᵀθ of one sample with noise ξ (d,)."""
    return 0.5 * quadratic_form(problem.hessian, theta) + xi @ theta


def standard_deviation(problem: Quadratic):
    """Per-coordinate standard deviation σ (d,) of one sample's gradient."""
    noise = problem.noise
    if noise.ndim == 1:
        return noise
    square = noise.shape[0] == noise.shape[1]
    return jnp.sqrt(jnp.diagonal(noise) if square else (noise**2).sum(1))


def with_noise_factor(problem: Quadratic) -> Quadratic:
    """The same problem, a covariance replaced by a factor L (d, d) with Σ = LLᵀ, on the host.

    The factor is U√λ of the eigendecomposition, so a singular Σ is fine.  Raises ValueError if Σ
    has an eigenvalue below −1e-5 of the largest.
    """
    noise = problem.noise
    if noise.ndim == 1 or noise.shape[0] != noise.shape[1]:
        return problem
    values, vectors = np.linalg.eigh(np.asarray(noise, np.float64))
    if values[0] < -SYMMETRY_TOLERANCE * values[-1]:
        raise ValueError("the noise covariance is not positive semidefinite")
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    return problem._replace(noise=jnp.asarray(factor, problem.theta.dtype))


def _coloured(factor, z):
    """ξ of z (rows, k): σ∘z for a factor σ (d,), L z for a factor L (d, k)."""
    return z * factor if factor.ndim == 1 else jnp.matmul(z, factor.T, precision=HIGHEST)


def draw_noise(problem: Quadratic, key, rows: int):
    """ξ (rows, d) of single samples; the problem's noise is σ, or a factor L."""
    factor, z = problem.noise, family(problem.family)
    return _coloured(factor, z.draw(key, (rows, factor.shape[-1]), factor.dtype))


def draw_noise_mean(problem: Quadratic, key, rows: int, batch):
    """Mean of the noise of `batch` samples (rows, d), drawn at once by its law.

    A family without a known law is averaged over drawn samples, at a cost that grows with `batch`.
    """
    factor, z = problem.noise, family(problem.family)
    if z.mean is None:
        return averaged_noise(problem, key, rows, batch)
    return _coloured(factor, z.mean(key, (rows, factor.shape[-1]), factor.dtype, batch))


def averaged_noise(problem: Quadratic, key, rows: int, batch):
    """Mean of the noise of `batch` samples (rows, d), really averaged over the samples."""

    def add(i, total):
        return total + draw_noise(problem, jax.random.fold_in(key, i), rows)

    zero = jnp.zeros((rows, problem.noise.shape[0]), problem.noise.dtype)
    return jax.lax.fori_loop(0, batch.astype(jnp.int32), add, zero) / batch


def sample_gradients(problem: Quadratic, key, n: int):
    """Gradients Hθ + ξ (n, d) of n drawn samples, of a problem as `Quadratic` takes it."""
    ready = with_noise_factor(validated(problem))
    return gradient(ready) + draw_noise(ready, key, n)


def rotated(eigenvalues, key, dtype=jnp.float32):
    """Dense H = U diag(eigenvalues) Uᵀ with U uniform on the orthogonal group (Haar)."""
    eigenvalues = jnp.asarray(eigenvalues, dtype)
    gauss = jax.random.normal(key, (eigenvalues.size, eigenvalues.size), dtype)
    q, _ = jnp.linalg.qr(gauss)  # up to the columns' signs, which do not enter H
    h = jnp.matmul(q * eigenvalues, q.T, precision=HIGHEST)
    return 0.5 * (h + h.T)


def validated(problem: Quadratic) -> Quadratic:
    """The problem with arrays in one floating dtype; ValueError names what is wrong with it."""
    theta = jnp.asarray(problem.theta)
    if theta.ndim != 1 or theta.size == 0 or not jnp.issubdtype(theta.dtype, jnp.floating):
        raise ValueError("theta must be a floating-point vector")
    d, dtype = theta.size, theta.dtype
    if isinstance(problem.hessian, DiagonalPlusLowRank):
        hessian = DiagonalPlusLowRank(*(jnp.asarray(part, dtype) for part in problem.hessian))
        k = hessian.weights.size
        if tuple(part.shape for part in hessian) != ((d,), (d, k), (k,)):
            raise ValueError(f"a diagonal plus low rank Hessian needs ({d},) and ({d}, k), (k,)")
    else:
        hessian = jnp.asarray(problem.hessian, dtype)
        if hessian.shape not in ((d,), (d, d)):
            raise ValueError(f"the Hessian has shape {hessian.shape}, theta has length {d}")
        if hessian.ndim == 2:
            gap = float(jnp.abs(hessian - hessian.T).max())
            if gap > SYMMETRY_TOLERANCE * float(jnp.abs(hessian).max()):
                raise ValueError("the Hessian is not symmetric")
            if gap > 0:  # a form reads the upper half, a product all
                hessian = 0.5 * (hessian + hessian.T)
    noise = jnp.asarray(problem.noise, dtype)
    if noise.ndim not in (1, 2) or noise.shape[0] != d:
        raise ValueError(f"the noise has shape {noise.shape}, theta has length {d}")
    if noise.ndim == 1 and bool((noise < 0).any()):
        raise ValueError("a standard deviation is negative")
    if noise.shape == (d, d):
        gap = float(jnp.abs(noise - noise.T).max())
        if gap > SYMMETRY_TOLERANCE * float(jnp.abs(noise).max()):
            raise ValueError("a (d, d) noise is a covariance, and this one is not symmetric")
    for name, part in (("theta", theta), ("Hessian", hessian), ("noise", noise)):
        if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(part)):
            raise ValueError(f"the {name} holds a value that is not finite")
    return Quadratic(hessian, theta, noise, family(problem.family))

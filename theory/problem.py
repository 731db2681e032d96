"""The inputs of a one-step law, checked once: afterwards no function need look again."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from theory.hessian import Hessian, as_hessian, real

AGREEMENT = 1e-3  # float32 samples of a network, their σ taken elsewhere


class Problem(NamedTuple):
    """Means and deviations of the per-sample gradient (d,), curvature, batch sizes (b,), noise."""

    mu: Array
    sigma: Array
    hessian: Hessian
    batch: Array
    correlation: Array | None
    noise_samples: Array | None


def checked_problem(
    mu: ArrayLike,
    sigma: ArrayLike | None,
    hessian: Any,
    batch: ArrayLike,
    correlation: ArrayLike | None,
    noise_samples: ArrayLike | None,
    *,
    defined_at_zero: bool,
) -> Problem:
    """Convert and check; every fault is a ValueError of one line that names the argument."""
    if correlation is not None and noise_samples is not None:
        raise ValueError("give correlation or noise_samples, not both")
    mu = checked_mu(mu)
    size = mu.shape[0]
    samples = None if noise_samples is None else checked_samples(noise_samples, size)
    sigma = checked_sigma(sigma, size) if samples is None else _matching_sigma(sigma, samples)
    if not defined_at_zero and bool(((mu == 0) & (sigma == 0)).any()):
        raise ValueError("a coordinate with mu = sigma = 0 has no defined sign")
    matrix = None if correlation is None else checked_correlation(correlation, size)
    return Problem(mu, sigma, as_hessian(hessian, size), _batch(batch), matrix, samples)


def _vector(name: str, value: ArrayLike) -> Array:
    vector = real(name, value)
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"{name} must be a non-empty 1-D array, not of shape {vector.shape}")
    if not bool(jnp.isfinite(vector).all()):
        raise ValueError(f"{name} must be finite")
    return vector


def checked_mu(mu: ArrayLike) -> Array:
    """Means, (d,), finite."""
    return _vector("mu", mu)


def checked_sigma(sigma: ArrayLike | None, size: int) -> Array:
    """Standard deviations, (size,), finite and not negative."""
    if sigma is None:
        raise ValueError("sigma is required unless noise_samples are given")
    vector = _vector("sigma", sigma)
    if vector.shape != (size,):
        raise ValueError(f"sigma has shape {vector.shape}, expected ({size},)")
    if bool((vector < 0).any()):
        raise ValueError("sigma must not be negative")
    return vector


def checked_count(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`. Errors: ValueError naming it."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def checked_key(key: Any) -> Array:
    """One JAX random key; a fixed one for None. Errors: ValueError for anything else."""
    try:
        chosen = jax.random.key(0) if key is None else key
        jax.random.fold_in(chosen, 0)
    except (TypeError, ValueError):
        raise ValueError("key must be one JAX random key") from None
    return chosen


def _batch(batch: ArrayLike) -> Array:
    array = real("batch", batch)
    if array.ndim > 1 or array.size == 0:
        raise ValueError(f"batch must be a scalar or 1-D, not of shape {array.shape}")
    if not bool((jnp.isfinite(array) & (array >= 1)).all()):
        raise ValueError("batch must be finite and at least 1")
    return array


def checked_correlation(correlation: ArrayLike, size: int) -> Array:
    """A correlation matrix (size, size): symmetric, unit diagonal, positive semi-definite."""
    matrix = real("correlation", correlation)
    if matrix.shape != (size, size):
        raise ValueError(f"correlation has shape {matrix.shape}, expected ({size}, {size})")
    if not bool(jnp.isfinite(matrix).all()):
        raise ValueError("correlation must be finite")
    if not bool(jnp.allclose(matrix, matrix.T, rtol=0, atol=1e-6)):
        raise ValueError("correlation must be symmetric")
    if not bool(jnp.allclose(jnp.diagonal(matrix), 1, rtol=0, atol=1e-6)):
        raise ValueError("correlation must have a unit diagonal")
    if float(np.linalg.eigvalsh(np.asarray(matrix)).min()) < -1e-6 * size:
        raise ValueError("correlation must be positive semi-definite")
    return jnp.clip(matrix, -1, 1)


def checked_samples(noise_samples: ArrayLike, size: int) -> Array:
    """Centred per-sample gradients (n, size), n ≥ 2, in the precision in which they come."""
    floating = jnp.issubdtype(getattr(noise_samples, "dtype", object), jnp.floating)
    samples = jnp.asarray(noise_samples) if floating else real("noise_samples", noise_samples)
    if samples.ndim != 2 or samples.shape[0] < 2 or samples.shape[1] != size:
        raise ValueError(f"noise_samples has shape {samples.shape}, expected (n ≥ 2, {size})")
    if not bool(jnp.isfinite(samples).all()):
        raise ValueError("noise_samples must be finite")
    offset = jnp.abs(samples.mean(axis=0))
    if bool((offset > AGREEMENT * samples.std(axis=0) + 1e-30).any()):
        raise ValueError("noise_samples must be centred: subtract their mean over samples")
    return samples


def _matching_sigma(sigma: ArrayLike | None, samples: Array) -> Array:
    own = jnp.sqrt(jnp.square(samples).mean(axis=0)).astype(float)
    if sigma is None:
        return own
    given = checked_sigma(sigma, own.shape[0])
    if not bool(jnp.allclose(given, own, rtol=AGREEMENT, atol=1e-30)):
        raise ValueError("sigma disagrees with the standard deviations of noise_samples")
    return own

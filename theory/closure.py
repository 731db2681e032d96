"""Whole runs on a quadratic, predicted: expected loss and first passages over a (B × ε) grid.

θ ← θ − εV from one θ₀, gradient Hθ + ξ/√B with Gaussian noise of covariance Σ, and the loss
½ θᵀHθ. Mean and covariance of θ are carried from step to step (`closure_step`): exactly for SGD and
momentum, by the Gaussian closure for signs, with the mean of the second moment for Adam and
RMSProp. Diagonal H and Σ keep scalars per coordinate; SGD and momentum do so in H's eigenbasis for
any Σ, for no other part of Cov θ enters the loss. Everything is deterministic.

What the closure cannot see: where ε‖H‖√B/σ is large, signs flip together from step to step (θ is
then bimodal), and in Adam's first steps the second moment is a single gradient's.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from theory.closure_rules import checked_rule, closed
from theory.closure_step import DENSE, DIAGONAL, State, advance, expected_loss
from theory.hessian import real

CHUNK_FLOATS = 2**16  # of one covariance, over all cells that go at once: a cache's worth
ROUNDING = 1e-6  # by which a covariance may miss symmetry, or its eigenvalues 0


class Prediction(NamedTuple):
    """loss_bek: expected loss at the chosen steps; passage_bem: steps until the expected loss first
    falls to each target, interpolated in its logarithm (0 if it starts there, inf if never)."""

    loss_bek: NDArray[np.floating]
    passage_bem: NDArray[np.floating]


def predict_runs(
    rule: str,
    *,
    hessian: ArrayLike,
    theta0: ArrayLike,
    noise: ArrayLike,
    batches: Sequence[float],
    lrs: Sequence[float],
    steps: Sequence[int],
    targets: Sequence[float] = (),
    remainder: str = "arcsine",
    **parameters: Any,
) -> Prediction:
    """Expected losses of runs of `rule` with constant learning rates, to the last of `steps`.

    hessian: (d,) diagonal or (d, d); theta0 (d,); noise: (d,) standard deviations of one sample's
    gradient, a (d, d) covariance or a (d, k) factor L, Σ = LLᵀ, k ≠ d; batches, lrs: positive;
    steps: increasing; targets: losses; remainder: of signs, "arcsine" (semi-definite by
    construction) or "exact" (quadrature, five to eight times slower). Memory is bounded by chunks.
    Errors: ValueError for a rule without closure and for what is malformed.
    """
    key = checked_rule(rule, remainder, parameters)
    start, matrix, spread = _problem(hessian, theta0, noise)
    for what, values in (("batches", batches), ("lrs", lrs), ("steps", steps)):
        _checked(what, values, least=1)
    _checked("targets", targets, least=0)
    if any(step != int(step) for step in steps) or (np.diff(steps) <= 0).any():
        raise ValueError("steps must be whole numbers that increase")
    if closed(*key).linear and matrix.ndim == 2:
        start, matrix, spread = _in_eigenbasis(start, matrix, spread)
    batch_p, lr_p = (np.ravel(grid) for grid in np.meshgrid(batches, lrs, indexing="ij"))
    width = max(1, min(CHUNK_FLOATS // spread.size, batch_p.size))
    parts = []
    for begin in range(0, batch_p.size, width):
        # the last chunk is filled up with its last cell: one compiled program serves all
        cells = np.minimum(np.arange(begin, begin + width), batch_p.size - 1)
        part = _chunk(
            start, matrix, spread, jnp.asarray(batch_p[cells], float),
            jnp.asarray(lr_p[cells], float), jnp.asarray(steps), jnp.asarray(targets, float), key,
        )  # fmt: skip
        parts.append([np.asarray(x) for x in part])
    shape = (len(batches), len(lrs), -1)
    loss, passage = (
        np.concatenate(part)[: batch_p.size].reshape(shape) for part in zip(*parts, strict=True)
    )
    return Prediction(loss, passage)


@partial(jax.jit, static_argnames="key")
def _chunk(theta, hessian, noise, batch_p, lr_p, steps_k, targets_m, key):
    """Losses (p, k) and passages (p, m) of the cells p."""
    rule = closed(*key)
    shape = DIAGONAL if hessian.ndim == 1 else DENSE
    flat = (batch_p.size, *(1,) * hessian.ndim)
    batch, lr = batch_p.reshape(flat), lr_p.reshape(flat)

    def one(t, carry):
        state, loss, passage = carry
        state = advance(
            state, batch, lr, hessian, noise, average=rule.average, respond=rule.respond,
            scale=partial(rule.scale, t + 1), forget=rule.forget, shape=shape,
        )  # fmt: skip
        earlier, loss = loss, expected_loss(state, hessian, shape)
        loss = jnp.where(jnp.isfinite(loss), loss, jnp.inf)
        return state, loss, passed(passage, t, earlier, loss, targets_m)

    def segment(carry, ends):
        carry = jax.lax.fori_loop(ends[0], ends[1], one, carry)
        return carry, carry[1]

    state = _begin(theta, batch_p.size, noise.shape, rule.average.remembers)
    loss = expected_loss(state, hessian, shape)
    passage = jnp.where(loss[:, None] <= targets_m, 0.0, jnp.inf)
    begins = jnp.concatenate([jnp.zeros(1, steps_k.dtype), steps_k[:-1]])
    carry, loss_kp = jax.lax.scan(segment, (state, loss, passage), (begins, steps_k))
    return loss_kp.T, carry[2]


def _begin(theta: Array, cells: int, shape: tuple[int, ...], remembers: bool) -> State:
    mean = jnp.broadcast_to(theta, (cells, theta.size))
    zero, none = jnp.zeros((cells, *shape)), jnp.zeros(())
    kept = zero if remembers else none
    nought = jnp.zeros_like(mean)
    return State(mean, nought if remembers else none, zero, kept, kept, nought)


def passed(passage: Array, t: Array, earlier: Array, loss: Array, targets_m: Array) -> Array:
    """First passages (p, m), where step t + 1 brought the loss from `earlier` to `loss` (p,)."""
    fell = jnp.log(earlier)[:, None] - jnp.log(loss)[:, None]
    share = (jnp.log(earlier)[:, None] - jnp.log(targets_m)) / fell
    now = (loss[:, None] <= targets_m) & jnp.isinf(passage)
    return jnp.where(now, t + share, passage)


def _problem(hessian: ArrayLike, theta0: ArrayLike, noise: ArrayLike) -> tuple[Array, Array, Array]:
    """θ₀, and H and Σ both as diagonals (d,) or both dense (d, d)."""
    theta, matrix, given = real("theta0", theta0), real("hessian", hessian), real("noise", noise)
    d = theta.size
    if theta.ndim != 1 or d == 0:
        raise ValueError(f"theta0 must be a non-empty 1-D array, not of shape {theta.shape}")
    if matrix.shape not in ((d,), (d, d)):
        raise ValueError(f"hessian has shape {matrix.shape}, expected ({d},) or ({d}, {d})")
    if given.ndim not in (1, 2) or given.shape[0] != d:
        raise ValueError(f"noise has shape {given.shape}, expected ({d},), ({d}, {d}) or ({d}, k)")
    for name, array in (("theta0", theta), ("hessian", matrix), ("noise", given)):
        if not bool(jnp.isfinite(array).all()):
            raise ValueError(f"{name} must be finite")
    if matrix.ndim == 2 and float(jnp.abs(matrix - matrix.T).max()) > _slack(matrix):
        raise ValueError("hessian must be symmetric")
    if given.ndim == 1:
        covariance = given**2
    elif given.shape[1] != d:
        covariance = given @ given.T
    else:
        covariance = given
        values = np.linalg.eigvalsh(np.asarray(given))
        if float(jnp.abs(given - given.T).max()) > _slack(given) or values[0] < -_slack(given):
            raise ValueError("the noise covariance must be symmetric and positive semi-definite")
    if matrix.ndim == covariance.ndim == 1:
        return theta, matrix, covariance
    as_dense = [jnp.diag(part) if part.ndim == 1 else part for part in (matrix, covariance)]
    matrix, covariance = ((part + part.T) / 2 for part in as_dense)
    return theta, matrix, covariance


def _slack(matrix: Array) -> float:
    return ROUNDING * matrix.shape[0] * float(jnp.abs(matrix).max())


def _in_eigenbasis(theta: Array, hessian: Array, noise: Array) -> tuple[Array, Array, Array]:
    """θ₀, the eigenvalues, and the diagonal of Σ in the eigenbasis of H."""
    values, vectors = np.linalg.eigh(np.asarray(hessian))
    own = np.einsum("ik,ij,jk->k", vectors, np.asarray(noise), vectors)
    return theta @ jnp.asarray(vectors), jnp.asarray(values), jnp.asarray(own)


def _checked(what: str, values: Sequence[float], least: int) -> None:
    array = np.asarray(values, float)
    if array.ndim != 1 or array.size < least or not (np.isfinite(array) & (array > 0)).all():
        many = "one or more " if least else ""
        raise ValueError(f"{what} must be {many}finite numbers above 0")

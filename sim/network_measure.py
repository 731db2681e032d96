"""Measure a model of one's own at a point: the noise scales and curvatures that the laws of the
optimal learning rate need, streaming over the samples, in bounded memory, with intervals.

The samples answer two questions, and every scalar has both answers (`noise_scales.Measured`): what
is so for the samples as a population, exact but for Monte Carlo whose error is given; and what is
so for the distribution that they were drawn from, without the bias that products of noisy means
have, with the error of another sample of that size.  Where n is large the two agree.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from sim import directions
from sim.estimate import Estimate
from sim.gradient_moments import moments_of_chunks
from sim.group_curvature import curvatures
from sim.loss_hessian import LossHessian
from sim.network_scales import nuclear_scale, sgd_curvatures, sign_curvatures
from sim.noise_forms import noise_forms
from sim.noise_scales import Groups, Histogram, Measured, NormScale, euclidean, histogram, l1_scale
from sim.parameter_blocks import matrices
from sim.relu_diagonal import relu_diagonal
from sim.sample_losses import (
    ModelLoss,
    Stream,
    checked_labels,
    checked_samples,
    cross_entropy,
    flat,
    stream,
)

FEWEST_GROUPS = 4  # leaving one out, three distinct ones are left


class NetworkMeasurement(NamedTuple):
    """What `measure_network` found.  d parameters in the order of `ravel_pytree(params)`.

    count: samples.  loss: mean loss, its sem that of another sample.
    mean, deviation: pytrees like params; mu, sigma: the same, flat (d,), of the population.
    norms2: squared norm of each sample's gradient (n,).
    gradient_squared |G|²; noise_trace tr Σ; b_simple tr Σ/|G|² (samples).
    noise_curvature tr(HΣ); gradient_curvature GᵀHG; b_noise tr(HΣ)/GᵀHG (samples): SGD's scale.
    l1, nuclear: noise scales of sign and of spectral descent (samples), see `NormScale`; `nuclear`
    is over parameters of two axes or more, None if there are none.
    trace T = tr H; sign_curvature Q = sᵀHs, s = sign μ; ratio_curvature S = Σ_{i≠j} r_i r_j H_ij,
    r = μ/σ; ratio_strength M = Σ μ_i²/σ_i.  Where σ = 0 ≠ μ, r is infinite, S NaN, M infinite.
    undecided: coordinates with σ > 0 and |μ| < 2σ/√n, whose sign another sample may turn.
    histogram: of πσ²/(2μ²).
    hessian_diagonal H_ii and hessian_diagonal_sem, its Monte-Carlo error (0 where exact), (d,).
    hessian: H of the population as an operator on the coordinates that move, for `problem`.
    """

    count: int
    loss: Estimate
    mean: Any
    deviation: Any
    mu: np.ndarray
    sigma: np.ndarray
    norms2: np.ndarray
    gradient_squared: Measured
    noise_trace: Measured
    b_simple: Measured
    noise_curvature: Measured
    gradient_curvature: Measured
    b_noise: Measured
    l1: NormScale
    nuclear: NormScale | None
    trace: Measured
    sign_curvature: Measured
    ratio_curvature: Measured
    ratio_strength: Measured
    undecided: int
    histogram: Histogram
    hessian_diagonal: np.ndarray
    hessian_diagonal_sem: np.ndarray
    hessian: LossHessian

    @property
    def moving(self) -> np.ndarray:
        """Indices of the coordinates with μ ≠ 0 or σ > 0."""
        return np.flatnonzero((self.mu != 0) | (self.sigma > 0))

    def problem(self, noise: int | None = None, key=None) -> dict[str, Any]:
        """`mu`, `sigma` and `hessian` on the coordinates that move, as laws take them.

        With `noise`, in the place of sigma `noise_samples`, for laws of correlated noise: centred
        gradients of so many samples, drawn by `key` (a fixed one if None); see
        `loss_hessian.noise_factor`.
        """
        chosen = self.moving
        common = {"mu": self.mu[chosen], "hessian": self.hessian}
        if noise is None:
            return common | {"sigma": self.sigma[chosen]}
        drawn = self.hessian.noise_samples(noise, jax.random.key(0) if key is None else key)
        return common | {"noise_samples": drawn}


def measure_network(
    apply: Callable[[Any, Any], Any],
    params: Any,
    samples: Any,
    *,
    key,
    loss: Callable[[Any, Any], Any] = cross_entropy,
    groups: int = 8,
    draws: int = 8,
    piecewise_linear: bool = False,
) -> NetworkMeasurement:
    """Measure a model at `params` over `samples` = (inputs, labels).

    `apply(params, inputs)` maps inputs (b, …) to outputs (b, …), as a Flax model's `apply` does;
    `loss(output, label)` is that of one sample, by default the cross-entropy (nats) of its last
    axis against whole-number labels, mean over positions.  A language model's windows of tokens,
    (n, T + 1), may be given as one array: every token is predicted from those before it.  Arrays
    may be numpy's, or memory maps, and larger than the device's memory.

    `groups`: random parts into which the samples are split, for intervals and unbiased products;
    `draws`: random directions in each, for tr(HΣ), tr H and H_ii, which are exact where as many as
    there are enumerate them all.  Cost: about 6·(2·groups + draws) + 11·draws forward passes;
    memory: 2·groups + 12 vectors like the parameters, and the activations of one chunk.

    `piecewise_linear=True` says that the model is so in every single parameter (ReLU layers, shared
    kernels; no normalisation, attention or smooth activation): H_ii is then that of the generalised
    Gauss–Newton matrix and exact.  Spot-checked: ValueError where it is not so.

    Same key, same result.  Errors: ValueError, of one line, for params, samples or gradients that
    are not finite, fewer than 2 samples per group, labels that are no classes, groups < 4 or
    draws < 2.
    """
    if not isinstance(samples, tuple | list):
        samples = _next_tokens(samples)
    if len(samples) != 2:
        raise ValueError("samples must be (inputs, labels), or windows of tokens as one array")
    checked_samples(samples)
    if loss is cross_entropy:
        checked_labels(apply, params, samples)
    diagonal = None
    if piecewise_linear:
        if loss is not cross_entropy:
            raise ValueError("piecewise_linear=True needs the default loss, the cross-entropy")
        diagonal = relu_diagonal(apply, params)
    return measure_loss(
        ModelLoss(apply, loss), params, tuple(samples), key=key, groups=groups, draws=draws,
        diagonal=diagonal,
    )  # fmt: skip


def _next_tokens(windows) -> tuple[Any, Any]:
    if getattr(windows, "ndim", 0) != 2 or windows.shape[1] < 2:
        raise ValueError("windows of tokens must be one array (n, T + 1), T ≥ 1")
    return windows[:, :-1], windows[:, 1:]


def measure_loss(
    loss: Callable[[Any, Any], Any],
    params: Any,
    samples: Any,
    *,
    key,
    groups: int = 8,
    draws: int = 8,
    diagonal: Callable[[Stream], np.ndarray] | None = None,
) -> NetworkMeasurement:
    """`measure_network` of any `loss(params, sample)` of one sample; `samples` a pytree of arrays
    with a leading axis over samples.  A loss that can be hashed is compiled once for all calls.
    `diagonal(stream)`, if there is one, gives H_ii (d,) of a stream's mean loss exactly."""
    _check_counts(groups, draws)
    checked_samples(samples, 2 * groups)
    flat_loss, theta = flat(loss, params)
    everything = stream(flat_loss, theta, samples)
    split_key, probe_key, noise_key = jax.random.split(key, 3)
    parts = np.array_split(_shuffled(everything.index.size, split_key), groups)
    streams = [everything._replace(index=np.sort(part)) for part in parts]
    found, norms2 = _group_moments(loss, params, streams)
    curved = curvatures(flat_loss, theta, streams, found, probe_key, probes=draws,
                        diagonal=diagonal)  # fmt: skip
    blocks = matrices(params)
    noise = noise_forms(flat_loss, theta, streams, found, blocks, noise_key, draws=draws)
    mu, sigma = found.mean(found.everything), found.deviation(found.everything)
    each = directions.losses(flat_loss, theta, everything)
    n = each.size
    moving = np.flatnonzero((mu != 0) | (sigma > 0))
    kept_mu, kept_sigma = mu.astype(theta.dtype), sigma.astype(theta.dtype)
    scales: dict[str, Any] = euclidean(found) | sgd_curvatures(curved, noise, found)
    scales |= sign_curvatures(curved, found, mu, sigma)
    return NetworkMeasurement(
        count=n,
        loss=Estimate(float(each.mean()), float(each.std(ddof=1) / n**0.5), n),
        mean=flat_loss.unravel(jnp.asarray(kept_mu)),
        deviation=flat_loss.unravel(jnp.asarray(kept_sigma)),
        mu=kept_mu,
        sigma=kept_sigma,
        norms2=norms2,
        **scales,
        l1=l1_scale(found),
        nuclear=nuclear_scale(found, noise, blocks),
        undecided=int(((sigma > 0) & (np.abs(mu) < 2 * sigma / n**0.5)).sum()),
        histogram=histogram(mu, sigma),
        hessian_diagonal=curved.diagonal,
        hessian_diagonal_sem=curved.diagonal_sem,
        hessian=LossHessian(flat_loss, theta, everything, moving, curved.diagonal[moving]),
    )


def _check_counts(groups: int, draws: int) -> None:
    for name, value, least in (("groups", groups, FEWEST_GROUPS), ("draws", draws, 2)):
        whole_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole_number or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}, not {value!r}")


def _shuffled(count: int, key) -> np.ndarray:
    seed = np.asarray(jax.random.bits(key, (4,), np.uint32))
    return np.random.default_rng(seed).permutation(count)


def _group_moments(loss, params, streams: list[Stream]) -> tuple[Groups, np.ndarray]:
    """Moments by group, and |g_k|² in the order of the samples."""
    means, squares, norms2 = [], [], np.zeros(sum(part.index.size for part in streams))
    for part in streams:
        size = part.index.size
        found = moments_of_chunks(
            loss, params, ((chunk, jnp.asarray(w > 0, part.dtype)) for chunk, w in part.chunks())
        )
        means.append(np.asarray(ravel_pytree(found.mean)[0]))
        squares.append(np.asarray(ravel_pytree(found.second)[0]))
        norms2[part.index] = np.asarray(found.norms2, np.float64)[:size]
    if not all(np.isfinite(rows).all() for rows in means + squares):
        raise ValueError("gradients must be finite")
    counts = np.array([part.index.size for part in streams])
    summed = np.array([norms2[part.index].sum() for part in streams])
    return Groups(counts, np.stack(means), np.stack(squares), summed), norms2

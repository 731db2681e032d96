"""What a noise factor says of ε* with momentum, from the measured ε* without.

One step of momentum sees the noise of a batch B/c; K steps, of B/c_K; a long run, of B itself.
Signum does as sign descent at 1/(cF_K) times its batch, with its learning rate over √F_K
(`theory.long_run`).  Adam, which is linear in m, keeps its batch and its v: what changes is the
variance in ε* = Σ|μ_i|φ_i / (φᵀHφ + c_K Σ(1 − φ_i²)H_ii), taken at the start.
"""

import numpy as np

from sim import Quadratic
from sim import quadratic as q
from theory.laws import LAWS
from theory.long_run import arcsine_sum

FOREVER = 1e12  # steps
KINDS = ("one_step", "horizon", "long_run")
PLAIN = {"momentum": "sgd", "signum": "sign", "adam": "rmsprop"}


def predicted(rule: str, beta1: float, batch, steps, plain_batch, plain_lr_br, problem: Quadratic):
    """ε* (kind, b, r) by each factor; `steps` (b,) is K; plain_lr_br over plain_batch without
    momentum, by replicate.

    nan where the plain rule's curve, linear in logarithms between its points, does not reach.
    """
    batch, steps = np.asarray(batch, float), np.asarray(steps, float)
    rows = []
    for k in (np.ones(len(batch)), steps, np.full(len(batch), np.inf)):
        at, scale = _moved(rule, beta1, batch, k, problem)
        curves = [_interpolated(at, plain_batch, plain_lr) for plain_lr in plain_lr_br.T]
        rows.append(scale[:, None] * np.array(curves).T)
    return np.array(rows)


def _interpolated(at, batch, lr):
    known = np.isfinite(lr)
    if known.sum() < 2:
        return np.full(len(at), np.nan)
    x, y = np.log(np.asarray(batch)[known]), np.log(lr[known])
    return np.exp(np.interp(np.log(at), x, y, left=np.nan, right=np.nan))


def _moved(rule: str, beta1: float, batch, steps, problem: Quadratic):
    """The batch at which the rule without momentum does the same, and the factor of its ε*."""
    if rule == "signum":
        lags = np.array([arcsine_sum(beta1, one) if one >= 1 else np.nan for one in steps])
        many = np.asarray(LAWS["signum_multiplier"].jax(beta1, lags))
        return batch * many, np.asarray(LAWS["signum_rate"].jax(1.0, lags))
    factor = np.asarray(LAWS["run_factor"].jax(beta1, np.minimum(steps, FOREVER)))
    if rule == "momentum":
        return batch / factor, np.ones(len(batch))
    return batch, _gain(problem, batch, factor)


def _gain(problem: Quadratic, batch, factor):
    """ε* of one step of Adam (β2 → 1) with a noise factor, over that without averaging, (b,)."""
    mu = np.asarray(q.gradient(problem), float)
    width = np.asarray(q.standard_deviation(q.with_noise_factor(problem)), float) ** 2
    hessian = np.asarray(q.dense(problem.hessian), float)
    phi = mu / np.sqrt(mu**2 + width / batch[:, None])
    settled = np.einsum("bi,ij,bj->b", phi, hessian, phi)
    noise = (1 - phi**2) @ np.diagonal(hessian)
    return (settled + noise) / (settled + factor * noise)

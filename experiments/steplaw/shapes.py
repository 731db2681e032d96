"""Shapes of the best learning rate as a function of parameters N, tokens D and batch size B.

A shape is a rival law of the batch size (`theory.rivals`) whose scales are powers of N and D:
ln ε_max = X(N, D)·θ₁ and ln B_noise = Z(N, D)·θ₂, with X and Z monomials of ν = ln N/N₀ and
δ = ln D/D₀.  The law itself is the SymPy expression of `theory`, its slopes that expression's
derivatives.  A quadratic in ν, δ and β = ln B/B₀, which knows no theory, stands beside them; and
each may have a term ω = ln(1 + 2000 B/D) for the share of a run's steps that was warm-up.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import sympy as sp

from experiments.steplaw.data import WARMUP
from theory.rivals import RIVALS
from theory.symbols import B, B_noise, alpha, eps_max, q

N_0, D_0, B_0 = 4e8, 2e10, 5e5  # parameters, tokens, tokens: the middle of the data
ITERATIONS, FEW = 60, 4  # at most; from a start that is near
CHUNK = 32  # copies at once, so that they stay in the cache
SETTLED = 1e-6  # relative gain of a step

Columns = tuple[str, ...]
POWER: Columns = ("", "N", "D")
CURVED: Columns = (*POWER, "NN", "ND", "DD")
SURFACE: Columns = (*CURVED, "B", "NB", "DB", "BB")
WARM: Columns = ("W",)


class Shape(NamedTuple):
    """`rival`: the law of B; `scale`, `noise`: the monomials of ln ε_max and of ln B_noise (none:
    the law has no noise scale)."""

    rival: str
    scale: Columns
    noise: Columns

    @property
    def names(self) -> tuple[str, ...]:
        """One name per parameter."""
        form = ("form",) if _form(self.rival) is not None else ()
        scale = tuple(f"eps_{name or '1'}" for name in self.scale)
        return (*scale, *(f"noise_{name or '1'}" for name in self.noise), *form)


def _of(rival: str, scale: Columns = POWER) -> Shape:
    return Shape(rival, scale, POWER)


RATE_SHAPES: Mapping[str, Shape] = {
    "power": Shape("power", POWER, ()),
    "half": _of("half"),
    "saturating": _of("saturating"),
    "alpha": _of("alpha"),
    "knee": _of("knee"),
    "surge": _of("surge"),
    "saturating, curved": _of("saturating", CURVED),
    "alpha, curved": _of("alpha", CURVED),
    "knee, curved": _of("knee", CURVED),
    "saturating, warm": _of("saturating", (*POWER, *WARM)),
    "knee, warm": _of("knee", (*POWER, *WARM)),
    "saturating, curved, warm": _of("saturating", (*CURVED, *WARM)),
    "knee, curved, warm": _of("knee", (*CURVED, *WARM)),
    "quadratic": Shape("constant", SURFACE, ()),
    "quadratic, warm": Shape("constant", (*SURFACE, *WARM), ()),
}
BATCH_SHAPES: Mapping[str, Shape] = {
    "D": Shape("constant", ("", "D"), ()),
    "N and D": Shape("constant", POWER, ()),
}


def monomials(columns: Columns, n, d, batch) -> np.ndarray:
    """(points, columns) products of ν, δ and β."""
    logs = {
        "N": np.log(n / N_0),
        "D": np.log(d / D_0),
        "B": np.log(batch / B_0),
        "W": np.log1p(WARMUP * batch / d),
    }
    one = np.ones(np.broadcast_shapes(np.shape(n), np.shape(d), np.shape(batch)))
    return np.stack([one * np.prod([logs[c] for c in name], axis=0) for name in columns], -1)


def _form(rival: str) -> sp.Symbol | None:
    return next((s for s in RIVALS[rival].free if s in (alpha, q)), None)


@cache
def _curve(rival: str) -> Callable[..., np.ndarray]:
    """ln law at ε_max = B_noise = 1, of B and the form."""
    return _compiled(rival, sp.log(_alone(rival)))


@cache
def _slopes(rival: str) -> tuple[Callable[..., np.ndarray], ...]:
    """Its derivatives along ln B and ln of the form."""
    log, form = sp.log(_alone(rival)), _form(rival) or alpha
    return tuple(_compiled(rival, s * sp.diff(log, s)) for s in (B, form))


def _alone(rival: str) -> sp.Expr:
    return RIVALS[rival].law.expr.subs({eps_max: 1, B_noise: 1})


def _compiled(rival: str, expression: sp.Expr) -> Callable[..., np.ndarray]:
    return sp.lambdify((B, _form(rival) or alpha), expression, modules=["scipy", "numpy"])


class Design(NamedTuple):
    """A shape at given points (P of them, the same for all parameters or (K, P))."""

    shape: Shape
    x: np.ndarray
    z: np.ndarray
    beta: np.ndarray


def design(shape: Shape, n, d, batch) -> Design:
    """`n`, `d`, `batch`: (P,) or (K, P) parameters, tokens, tokens."""
    n, d, batch = np.broadcast_arrays(*(np.asarray(v, float) for v in (n, d, batch)))
    z = monomials(shape.noise, n, d, batch) if shape.noise else np.zeros((*n.shape, 0))
    return Design(shape, monomials(shape.scale, n, d, batch), z, np.log(batch / B_0))


def log_lr(at: Design, theta: np.ndarray) -> np.ndarray:
    """ln of the learning rate, (K, P), for parameters (K, p)."""
    ratio, form = _place(at, theta)
    return _times(at.x, theta[:, : at.x.shape[-1]]) + _curve(at.shape.rival)(ratio, form)


def _with_slopes(at: Design, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`log_lr` and its slopes along the parameters, (K, P, p)."""
    value, (ratio, form) = log_lr(at, theta), _place(at, theta)
    along, shape = _slopes(at.shape.rival)
    parts = [np.broadcast_to(at.x, (*value.shape, at.x.shape[-1]))]
    parts.append(-np.broadcast_to(along(ratio, form), value.shape)[..., None] * at.z)
    if _form(at.shape.rival) is not None:
        parts.append(np.broadcast_to(shape(ratio, form), value.shape)[..., None])
    return value, np.concatenate(parts, -1)


def _place(at: Design, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """B/B_noise, (K, P), and the form, (K, 1)."""
    scales, noises = at.x.shape[-1], at.z.shape[-1]
    form = np.exp(theta[:, -1:]) if _form(at.shape.rival) is not None else np.ones((len(theta), 1))
    place = at.beta - _times(at.z, theta[:, scales : scales + noises])
    return np.exp(np.clip(place, -30, 30)), form


def _times(columns: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """(K, P) from columns (P, s) or (K, P, s) and parameters (K, s)."""
    return theta @ columns.T if columns.ndim == 2 else (columns @ theta[..., None])[..., 0]


def fitted(
    at: Design, target: np.ndarray, weight: np.ndarray, start=None, iterations: int = FEW
) -> np.ndarray:
    """Least squares of ln lr for K copies of weights (K, P): parameters (K, p).

    target: (P,) or (K, P).  Levenberg–Marquardt from `start` (p,), or from several noise scales;
    laws without a noise scale and a form are linear in their parameters, and solved at once.
    """
    weight = np.atleast_2d(weight)
    if at.x.shape[-1] == len(at.shape.names):
        scaled = np.swapaxes(weight[..., None] * at.x, 1, 2)
        offset = np.broadcast_to(target - log_lr(at, np.zeros((1, at.x.shape[-1]))), weight.shape)
        right = np.einsum("ksp,kp->ks", scaled, offset)
        return np.linalg.solve(scaled @ at.x + 1e-9 * np.eye(at.x.shape[-1]), right[..., None])[
            ..., 0
        ]
    target = np.broadcast_to(target, weight.shape)
    if start is not None:
        parts = np.array_split(np.arange(len(weight)), -(-len(weight) // CHUNK))
        return np.concatenate(
            [
                _descend(at, target[k], weight[k], np.tile(start, (len(k), 1)), iterations)[0]
                for k in parts
            ]
        )
    tries = [
        _descend(at, target, weight, theta, ITERATIONS) for theta in _starts(at, target, weight)
    ]
    depth = np.array([found[1] for found in tries])
    return np.array([found[0] for found in tries])[depth.argmin(0), np.arange(len(weight))]


def _starts(at: Design, target, weight):
    """Noise scales a hundredth to a hundred times B₀, growing with D; the scale is solved for."""
    scales, count = at.x.shape[-1], len(at.shape.names)
    for first in (-3.0, 0.0, 3.0) if at.z.shape[-1] else (0.0,):
        theta = np.zeros((len(weight), count))
        if at.z.shape[-1]:
            theta[:, scales] = first
            theta[:, scales + 2] = 0.5
        gap = target - log_lr(at, theta)
        scaled = at.x * weight[..., None]
        normal = np.swapaxes(scaled, 1, 2) @ at.x + 1e-9 * np.eye(scales)
        right = np.einsum("kps,kp->ks", scaled, gap)
        theta[:, :scales] = np.linalg.solve(normal, right[..., None])[..., 0]
        yield theta


def _descend(at: Design, target, weight, theta, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and weighted sums of squares, (K, p) and (K,)."""

    def depth_of(value):
        total = (weight * (target - value) ** 2).sum(-1)
        return np.where(np.isfinite(total), total, np.inf)

    theta, damping = np.array(theta), np.full(len(theta), 1e-3)
    value, slope = _with_slopes(at, theta)
    depth = depth_of(value)
    eye = np.eye(theta.shape[1])
    for _ in range(iterations):
        scaled = np.swapaxes(slope * weight[..., None], 1, 2)
        normal, right = scaled @ slope, (scaled @ (target - value)[..., None])[..., 0]
        size = np.einsum("kss->ks", normal) * damping[:, None] + 1e-9
        step = np.linalg.solve(normal + size[..., None] * eye, right[..., None])[..., 0]
        trial = theta + np.clip(step, -1.0, 1.0)
        deep = depth_of(log_lr(at, trial))
        better = deep < depth
        gain = np.where(better, depth - deep, 0.0) / np.maximum(depth, 1e-300)
        theta = np.where(better[:, None], trial, theta)
        depth = np.where(better, deep, depth)
        damping = np.clip(np.where(better, damping / 8, damping * 8), 1e-10, 1e10)
        if not (gain > SETTLED).any() and (better | (damping > 1e6)).all():
            break
        value, slope = _with_slopes(at, theta)
    return theta, depth

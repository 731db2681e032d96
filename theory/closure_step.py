"""One step of a whole run on a quadratic: mean and covariance of the parameters and their memory.

The parameters θ and the rule's memory m are taken as jointly Gaussian, the one approximation. The
gradient is g = Hθ + ξ/√B, ξ ~ N(0, Σ). A rule takes u = a m + b g and steps by V = f(u), then
m' = k m + l g. By Stein's lemma V = E V + A(u − E u) + e, where e is uncorrelated with (θ, m, g):

    E θ' = E θ − ε E V         Cov θ' = Cov θ − ε(C A + A Cᵀ) + ε²(A U A + K)
    C = Cov(θ, u) = aX + b F,  F = Cov θ · H,  X = Cov(θ, m),  U = Cov u,  K = Cov e

f is the identity (A = I, K = 0: exact), a sign, or a division by the root of a mean square that is
itself replaced by its mean (K = 0). Where H and Σ are diagonal no two coordinates ever covary, and
all of this is kept as scalars per coordinate.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from theory.closure_sign import remainder_variance, slope
from theory.moments import SIGN_MEAN


class Shape(NamedTuple):
    """How covariances are kept: dense (p, d, d), or their diagonals (p, d).

    times: X H; turned: Xᵀ; left, right: a row or column of each times a (p, d); own: the diagonal.
    """

    times: Callable[[Array, Array], Array]
    turned: Callable[[Array], Array]
    left: Callable[[Array, Array], Array]
    right: Callable[[Array, Array], Array]
    own: Callable[[Array], Array]


DENSE = Shape(
    lambda x, h: jnp.matmul(x, h, precision="highest"),
    lambda x: jnp.swapaxes(x, -1, -2),
    lambda a, x: a[..., :, None] * x,
    lambda x, a: x * a[..., None, :],
    lambda x: jnp.diagonal(x, axis1=-2, axis2=-1),
)
DIAGONAL = Shape(
    lambda x, h: x * h, lambda x: x, lambda a, x: a * x, lambda x, a: x * a, lambda x: x
)


class Average(NamedTuple):
    """u = a m + b g is what a rule looks at, and m' = k m + l g what it keeps."""

    a: float
    b: float
    k: float = 0.0
    l: float = 0.0  # noqa: E741

    @property
    def remembers(self) -> bool:
        """Whether V depends on earlier gradients through m."""
        return self.a != 0


class State(NamedTuple):
    """Means of θ and m, (p, d); Cov θ, Cov(θ, m) and Cov m as a `Shape` keeps them; the mean of the
    running mean of g², (p, d)."""

    theta: Array
    memory: Array
    spread: Array
    cross: Array
    memory_spread: Array
    square: Array


class Linear(NamedTuple):
    """V as a linear function of u: its mean and slope (p, d), and Cov e (None: no remainder)."""

    mean: Array
    slope: Array
    remainder: Array | None


def identity(mean: Array, _spread: Array, _shape: Shape, _scale: Array) -> Linear:
    """V = u."""
    return Linear(mean, jnp.ones_like(mean), None)


def sign(remainder: Callable[[Array, Array], Array]):
    """V = sign u, the remainders' covariance being `remainder(h, ρ)` where it is kept dense."""

    def linear(mean: Array, spread: Array, shape: Shape, _scale: Array) -> Linear:
        deviation = jnp.sqrt(shape.own(spread))
        noisy = deviation > 0
        safe = jnp.where(noisy, deviation, 1.0)
        h = jnp.where(noisy, mean / safe, 0.0)
        expected = jnp.where(noisy, SIGN_MEAN.jax(h, 1.0, 1.0), jnp.sign(mean))
        if shape is DIAGONAL:
            left_over = remainder_variance(h)
        else:
            rho = shape.right(shape.left(1 / safe, spread), 1 / safe)
            own = jnp.eye(h.shape[-1], dtype=bool)  # 1, or arcsin magnifies what rounding leaves
            left_over = remainder(h, jnp.where(own, 1.0, jnp.clip(rho, -1.0, 1.0)))
        return Linear(expected, slope(h, deviation), _where(noisy, left_over, shape))

    return linear


def _where(noisy: Array, spread: Array, shape: Shape) -> Array:
    kept = noisy.astype(spread.dtype)
    return shape.right(shape.left(kept, spread), kept)


def ratio(mean: Array, _spread: Array, _shape: Shape, scale: Array) -> Linear:
    """V = u·scale, with `scale` one over the root of the mean of the running mean of g²."""
    return Linear(mean * scale, jnp.broadcast_to(scale, mean.shape), None)


def advance(
    state: State, batch: Array, lr: Array, hessian: Array, noise: Array, *,
    average: Average, respond: Callable[..., Linear], scale: Callable[[Array], Array],
    forget: float, shape: Shape,
) -> State:  # fmt: skip
    """The state after one step; `batch`, `lr` (p, 1, …) broadcast against covariances.

    `noise` is Σ as `shape` keeps it; `scale(square)` what a ratio multiplies by; `forget` is β2.
    """
    a, b, k, l = average  # noqa: E741
    flat = lr.reshape(lr.shape[0], 1)
    gradient = _product(state.theta, hessian, shape)
    with_gradient = shape.times(state.spread, hessian)  # Cov(θ, g)
    spread = shape.times(shape.turned(with_gradient), hessian)
    gradient_spread = (spread + shape.turned(spread)) / 2 + noise / batch
    square = forget * state.square + (1 - forget) * (gradient**2 + shape.own(gradient_spread))
    u, u_spread, with_u = b * gradient, b**2 * gradient_spread, b * with_gradient
    if average.remembers:
        across = shape.times(shape.turned(state.cross), hessian)  # Cov(m, g)
        both = across + shape.turned(across)
        u = u + a * state.memory
        u_spread = u_spread + a**2 * state.memory_spread + a * b * both
        with_u = with_u + a * state.cross
    linear = respond(u, u_spread, shape, scale(square))
    tilt = shape.right(with_u, linear.slope)
    step_spread = shape.right(shape.left(linear.slope, u_spread), linear.slope)
    if linear.remainder is not None:
        step_spread = step_spread + linear.remainder
    spread = state.spread - lr * (tilt + shape.turned(tilt)) + lr**2 * step_spread
    moved = state._replace(
        theta=state.theta - flat * linear.mean,
        # an antisymmetric part, once rounding has made one, would grow until P is no covariance
        spread=(spread + shape.turned(spread)) / 2,
        square=square,
    )
    if not average.remembers:
        return moved
    u_kept = a * k * state.memory_spread + a * l * across  # Cov(u, m')
    u_kept = u_kept + b * k * shape.turned(across) + b * l * gradient_spread
    return moved._replace(
        memory=k * state.memory + l * gradient,
        cross=k * state.cross + l * with_gradient - lr * shape.left(linear.slope, u_kept),
        memory_spread=k**2 * state.memory_spread + k * l * both + l**2 * gradient_spread,
    )


def _product(vector: Array, hessian: Array, shape: Shape) -> Array:
    """H times each row of (p, d)."""
    return DENSE.times(vector, hessian) if shape is DENSE else vector * hessian


def expected_loss(state: State, hessian: Array, shape: Shape) -> Array:
    """½(mᵀHm + tr HP), (p,)."""
    if shape is DIAGONAL:
        return 0.5 * ((state.theta**2 + state.spread) * hessian).sum(-1)
    curved = _product(state.theta, hessian, shape)
    return 0.5 * ((curved * state.theta).sum(-1) + (state.spread * hessian).sum((-1, -2)))

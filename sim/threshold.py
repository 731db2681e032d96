"""Sign descent drawn by probabilities: the fast route, which must agree with draws of gradients.

Where noise is Gaussian and its coordinates are independent, V_i = +1 with probability Φ(√B r_i),
r_i = μ_i/σ_i, so a uniform word below a threshold decides it, and no normal is needed.  This builds
Theorem 2's law of V into the simulation: no claim about sign descent may rest on it.

Signs are exact in eight bits of mantissa.  So a dense H is split into its bfloat16 part, whose
product with V takes half the time where the hardware knows that format, and the rest of it, 2⁻⁹ as
large, whose mean needs few draws.  Together they are unbiased.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from sim import quadratic as q
from sim.families import FAMILIES
from sim.words import words

FEW = 32  # the rest of H is averaged over one in so many draws


class Signs(NamedTuple):
    """Of each coordinate (d,): the likelier sign, 0 if it has neither mean nor noise, and the
    probability of the other one, at most ½, in units of 2⁻³²."""

    likely: Array
    rare: Array


def check_threshold(rule: str, problem: q.Quadratic, average: bool) -> None:
    """ValueError unless signs of this problem can be drawn so."""
    gaussian = q.family(problem.family) == FAMILIES["gaussian"]
    if rule != "sign" or average or not gaussian or problem.noise.ndim != 1:
        raise ValueError(
            "sampler 'threshold' is for rule 'sign' with independent Gaussian noise, not averaged"
        )


@jax.jit
def probabilities(problem: q.Quadratic, batch) -> Signs:
    """Of the signs of batch gradients.  A program of its own: inside the loop over draws compilers
    would work it out again for every draw."""
    mean, sigma = q.gradient(problem), problem.noise
    still = (mean == 0) & (sigma == 0)
    likely = jnp.where(still, 0, jnp.where(mean < 0, -1, 1)).astype(mean.dtype)
    rare = jax.scipy.special.ndtr(-jnp.sqrt(batch) * jnp.abs(mean) / jnp.where(still, 1, sigma))
    return Signs(likely, (rare * 2.0**32).astype(jnp.uint32))


def draw_signs(signs: Signs, key, rows: int):
    """Signs (2, rows, d), the two of a pair with opposite noise."""
    d = signs.likely.size
    word = jnp.concatenate(words(key, (rows, -(-d // 2))), axis=-1)[:, :d]
    both = jnp.stack([word, ~word])
    return jnp.where(both < signs.rare, -signs.likely, signs.likely)


def sign_products(problem: q.Quadratic, signs: Signs, key, rows: int):
    """VᵀG and VᵀHV of `rows` pairs of signs, as (rows, 2), each the mean of its pair."""
    v = draw_signs(signs, key, rows)
    slope = jnp.matmul(v, q.gradient(problem), precision=q.HIGHEST)
    return jnp.stack([slope, _curvature(problem.hessian, v)], axis=-1).mean(0)


def _curvature(hessian, v):
    """VᵀHV (2, rows); what is the rest of H's share is the same for all of them, its mean."""
    if isinstance(hessian, q.DiagonalPlusLowRank) or hessian.ndim == 1:
        return q.quadratic_form(hessian, v)
    coarse = hessian.astype(jnp.bfloat16)
    rest = hessian - coarse.astype(hessian.dtype)
    few = v[:, : -(-v.shape[1] // FEW)]
    return q.quadratic_form(coarse, v.astype(jnp.bfloat16)) + q.quadratic_form(rest, few).mean()
